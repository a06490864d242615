// The lab's controls: a table of what can be set, and the elements that set it.

const FULL_SPEED = 1e6;
/** @type {() => [string, number][]} */
const speeds = () => [
  [tr("1 step a second"), 1],
  [tr("10 steps a second"), 10],
  [tr("100 steps a second"), 100],
  [tr("full speed"), FULL_SPEED],
];

/**
 * `restarts` says that a change needs new weights; `when` says under which settings a control has an effect.
 */
function controls() {
  /** @type {LabControl[]} */
  const all = [
    { group: tr("Data, starts anew"), name: "data", label: tr("Data"), options: { images: tr("Images"), ring: tr("Doersch's ring") }, restarts: true },
    { group: tr("Objective"), name: "beta", label: tr("β, weight of the KL"), values: [0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 100, 256], when: (s) => s.kl },
    { group: tr("Objective"), name: "kl", label: tr("KL to the prior") },
    { group: tr("Objective"), name: "noise", label: tr("Noise in z") },
    { group: tr("Objective"), name: "warm_up", label: tr("Warm-up of β, in steps"), values: [0, 200, 500, 1000, 2000, 5000], when: (s) => s.kl },
    { group: tr("Likelihood"), name: "likelihood", label: "p(x|z)", options: { bernoulli: tr("Bernoulli"), gaussian: tr("Gaussian") } },
    { group: tr("Likelihood"), name: "sigma", label: tr("σ of the Gaussian"), values: [0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1], when: (s) => s.likelihood === "gaussian" },
    { group: tr("Steps"), name: "learning_rate", label: tr("Learning rate"), values: [1e-4, 3e-4, 1e-3, 2e-3, 4e-3, 1e-2, 0.1, 1] },
    { group: tr("Steps"), name: "freeze_encoder", label: tr("Freeze the encoder") },
    { group: tr("Steps"), name: "freeze_decoder", label: tr("Freeze the decoder") },
    { group: tr("Network, starts anew"), name: "latent", label: tr("Dimensions of z"), values: [2, 3, 5, 10, 20], restarts: true },
    { group: tr("Network, starts anew"), name: "seed", label: tr("Seed"), number: true, restarts: true },
  ];
  return all;
}

const SWITCHES = ["beta", "kl", "noise"]; // of a lab in brief

/**
 * The settings with other data. Points of a plane are no probabilities, and the ring is thinner than a Gaussian for pixels.
 * @param {LabSettings} settings
 * @param {string} data
 */
const withData = (settings, data) => ({ ...settings, data, ...(data === "ring" && { likelihood: "gaussian", sigma: 0.05 }) });

/**
 * A slider over a list of values, which the list gets where it is none of them.
 * @param {LabControl} control
 * @param {number} value
 * @param {(value: number) => void} onChange
 */
function valueSlider({ label, values = [] }, value, onChange) {
  const known = [...new Set([...values, value])].sort((a, b) => a - b);
  const input = element("input", { type: "range", min: 0, max: known.length - 1, step: 1, "aria-label": label });
  const output = element("output");
  const say = (/** @type {number} */ now) => {
    output.textContent = written(now);
    input.setAttribute("aria-valuetext", written(now));
  };
  input.addEventListener("input", () => {
    say(known[Number(input.value)]);
    onChange(known[Number(input.value)]);
  });
  const set = (/** @type {number} */ now) => {
    if (!known.includes(now)) known.push(now) && known.sort((a, b) => a - b);
    input.max = String(known.length - 1);
    input.value = String(known.indexOf(now));
    say(now);
  };
  set(value);
  const line = element("label", { class: "value" }, [element("span", {}, [label]), output, input]);
  return { line, set };
}

/**
 * @param {LabControl} control
 * @param {any} value
 * @param {(value: any) => void} onChange
 * @returns {{ line: HTMLElement, set: (value: any) => void }}
 */
function controlOf(control, value, onChange) {
  if (control.values) return valueSlider(control, value, onChange);
  if (control.options) {
    const options = Object.entries(control.options).map(([key, text]) => element("option", { value: key }, [text]));
    const select = element("select", { "aria-label": control.label }, options);
    select.addEventListener("change", () => onChange(select.value));
    const set = (/** @type {string} */ now) => (select.value = now);
    set(value);
    return { line: element("label", { class: "choice" }, [element("span", {}, [control.label]), select]), set };
  }
  /** @type {Record<string, string | number>} */
  const number = { type: "number", min: 0, step: 1, "aria-label": control.label };
  const type = control.number ? number : { type: "checkbox", role: "switch" };
  const input = element("input", type);
  input.addEventListener("change", () => onChange(control.number ? Math.max(0, Math.round(Number(input.value))) : input.checked));
  const set = (/** @type {any} */ now) => (control.number ? (input.value = String(now)) : (input.checked = now));
  set(value);
  return { line: element("label", { class: control.number ? "choice" : "switch" }, [input, element("span", {}, [control.label])]), set };
}

/**
 * Controls, by group. One without an effect under the present settings is switched off.
 * @param {LabSettings} settings
 * @param {(changed: Partial<LabSettings>, restarts: boolean) => void} onChange
 */
function controlPanel(settings, onChange, names = controls().map(({ name }) => name)) {
  const all = controls().filter(({ name }) => names.includes(name));
  /** @type {Record<string, any>} */
  let now = { ...settings };
  const made = all.map((control) => {
    const change = (/** @type {any} */ value) => {
      now[control.name] = value;
      refresh();
      onChange(/** @type {Partial<LabSettings>} */ ({ [control.name]: value }), Boolean(control.restarts));
    };
    return { control, change, ...controlOf(control, now[control.name], change) };
  });
  const refresh = () => {
    for (const { control, line } of made) {
      const off = Boolean(control.when && !control.when(/** @type {LabSettings} */ (now)));
      line.classList.toggle("off", off);
      for (const input of line.querySelectorAll("input, select")) /** @type {HTMLInputElement} */ (input).disabled = off;
    }
  };
  const groups = [...new Set(all.map((control) => control.group))].map((name) =>
    element("fieldset", {}, [
      element("legend", {}, [name]),
      ...made.filter(({ control }) => control.group === name).map(({ line }) => line),
    ]),
  );
  refresh();
  return {
    panel: element("div", { class: "controls" }, groups),
    set: (/** @type {LabSettings} */ settings) => {
      now = { ...settings };
      for (const { control, set } of made) set(now[control.name]);
      refresh();
    },
    /** As the reader's hand does: what differs is set, and does what it does. */
    turn: (/** @type {Record<string, any>} */ wanted) => {
      for (const { control, set, change } of made) {
        const value = wanted[control.name] ?? now[control.name];
        if (value === now[control.name]) continue;
        set(value);
        change(value);
      }
    },
    lineOf: (/** @type {string} */ name) => made.find(({ control }) => control.name === name)?.line ?? null,
  };
}

/**
 * What has to be named to come to these settings from those at the start: other data bring their likelihood along.
 * @param {LabSettings} settings
 * @param {LabSettings} start
 * @returns {[string, any][]}
 */
function changedFrom(settings, start) {
  const reached = settings.data === start.data ? start : { ...withData(start, settings.data), data: start.data };
  return Object.entries(settings).filter(([name, value]) => String(value) !== String(/** @type {any} */ (reached)[name]));
}

/**
 * A call of `vaelib.lab` that opens with these settings.
 * @param {LabSettings} settings
 * @param {LabSettings} defaults of Python
 * @param {string[]} passed the arguments for the images, in Python's words
 */
function codeOf(settings, defaults, passed = []) {
  const python = (/** @type {any} */ value) =>
    typeof value === "boolean" ? (value ? "True" : "False") : Array.isArray(value) ? `(${value.join(", ")},)` : JSON.stringify(value);
  const named = changedFrom(settings, defaults).map(([name, value]) => `${name}=${python(value)}`);
  return `vaelib.lab(${[...passed, ...named].join(", ")})`;
}

/**
 * The settings that a link's fragment names, such as #beta=4&noise=false; names and values that no control has are left out.
 * @param {string} fragment
 * @param {LabSettings} settings
 */
function settingsFrom(fragment, settings) {
  const known = controls();
  const named = new URLSearchParams(fragment.replace(/^#/, ""));
  /** @type {Record<string, any>} */
  const found = named.get("data") === "ring" ? withData(settings, "ring") : { ...settings };
  for (const [name, text] of named) {
    const control = known.find((one) => one.name === name);
    const value = control?.options ? text : text === "true" ? true : text === "false" ? false : Number(text);
    const fits = control?.options ? text in control.options : typeof value === typeof found[name] && Number.isFinite(Number(value));
    const positive = typeof value !== "number" || value > 0 || (value === 0 && ["warm_up", "seed", "beta"].includes(name));
    if (control && fits && positive && (name !== "latent" || Number.isInteger(value))) found[name] = value;
  }
  return /** @type {LabSettings} */ (found);
}

/**
 * The fragment of a link to a page, which opens it with these settings.
 * @param {LabSettings} settings
 * @param {LabSettings} start the page's own
 */
function fragmentOf(settings, start) {
  const known = controls().map(({ name }) => name);
  const named = changedFrom(settings, start).filter(([name]) => known.includes(name));
  return `#${named.map(([name, value]) => `${name}=${value}`).join("&")}`;
}
