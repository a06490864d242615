
/**
 * Weights that were sent as whole numbers of 127ths of the largest into each unit.
 * @param {Uint8Array} bytes kernel, scale, bias of each layer
 * @param {number[]} sizes
 */
function unrounded(bytes, sizes) {
  const weights = [];
  let at = 0;
  const floats = (count) => {
    const part = new Float32Array(bytes.buffer.slice(at, at + 4 * count));
    at += 4 * count;
    return part;
  };
  sizes.slice(1).forEach((units, layer) => {
    const whole = new Int8Array(bytes.buffer, at, sizes[layer] * units);
    at += whole.length;
    const scale = floats(units);
    weights.push(Float32Array.from(whole, (value, i) => value * scale[i % units]), floats(units));
  });
  const all = new Float32Array(weights.reduce((sum, part) => sum + part.length, 0));
  weights.reduce((start, part) => (all.set(part, start), start + part.length), 0);
  return all;
}

const bytes = Uint8Array.from(atob(PAGE.weights), (letter) => letter.charCodeAt(0));
openPage(PAGE, document.getElementById("explorer"), unrounded(bytes, PAGE.header.sizes));

// The page to draw on is large: it is fetched when the reader comes near it.
const near = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    near.unobserve(target);
    target.src = target.dataset.src;
  }
}, { rootMargin: "300px" });
for (const frame of document.querySelectorAll("iframe[data-src]")) near.observe(frame);
