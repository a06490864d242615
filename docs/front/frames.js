// The pages with trained models are large: each is fetched when the reader comes near it.
const near = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    near.unobserve(target);
    target.setAttribute("src", String(target.getAttribute("data-src")));
  }
}, { rootMargin: "300px" });
for (const frame of document.querySelectorAll("iframe[data-src]")) near.observe(frame);
