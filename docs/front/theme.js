// The same switch as the book's, kept under the same names: light, dark, or as the system has it.
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const stored = () => {
    try {
      return localStorage.getItem("mode") || "auto";
    } catch {
      return "auto";
    }
  };
  let mode = stored();
  /** @type {Record<string, string>} */
  const NEXT = { auto: "light", light: "dark", dark: "auto" };
  const apply = () => {
    root.dataset.mode = mode;
    const theme = mode === "auto" ? (system.matches ? "dark" : "light") : mode;
    root.dataset.theme = theme;
    for (const frame of document.querySelectorAll("iframe")) frame.contentWindow?.postMessage({ theme }, "*");
  };
  system.addEventListener("change", apply);
  apply();
  addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    for (const frame of document.querySelectorAll("iframe")) frame.addEventListener("load", apply);
    if (!button) return;
    const label = () => button.setAttribute("aria-label", String(button.dataset[mode]));
    label();
    button.addEventListener("click", () => {
      mode = NEXT[mode];
      try {
        localStorage.setItem("mode", mode);
        localStorage.setItem("theme", mode);
      } catch {
        // A page opened from disk may have no storage; the choice then lasts as long as the page.
      }
      apply();
      label();
    });
  });
})();
