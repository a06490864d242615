// What the widgets are made of: digits on canvases, and the plane of z as SVG, which takes the page's colours.

const SVG = "http://www.w3.org/2000/svg";

function element(name, attributes = {}, children = []) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function shape(name, attributes = {}, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

const view = (data, Kind) => new Kind(data.buffer, data.byteOffset, data.byteLength);

const spoken = (z) => `(${Array.from(z, (value) => value.toFixed(2)).join(", ")})`;

// Draws from N(0, 1), by Box and Muller.
function normals(count) {
  const radius = () => Math.sqrt(-2 * Math.log(1 - Math.random()));
  return Float32Array.from({ length: count }, () => radius() * Math.cos(2 * Math.PI * Math.random()));
}

// A square picture: draw(x) takes pixels in [0, 1], which the canvas keeps unrounded as `pixels`.
function digit(side, name) {
  const canvas = element("canvas", { width: side, height: side, role: "img", "aria-label": name });
  const context = canvas.getContext("2d");
  const image = context.createImageData(side, side);
  image.data.fill(255);
  const draw = (x, label = name) => {
    for (let i = 0; i < x.length; i++) {
      const grey = Math.round(255 * Math.min(1, Math.max(0, x[i])));
      image.data[4 * i] = image.data[4 * i + 1] = image.data[4 * i + 2] = grey;
    }
    context.putImageData(image, 0, 0);
    canvas.pixels = x;
    canvas.setAttribute("aria-label", label);
  };
  return { canvas, draw };
}

const figure = (picture, caption) => element("figure", {}, [picture, element("figcaption", {}, [caption])]);

// The codes of one digit as one path of round dots, with its numeral at their middle.
function cloud(points, labels, palette, place) {
  const classes = new Map();
  for (let i = 0; i < points.length / 2; i++) {
    const label = labels.length ? labels[i] : -1;
    if (!classes.has(label)) classes.set(label, []);
    classes.get(label).push(place([points[2 * i], points[2 * i + 1]]));
  }
  const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
  const dots = [];
  const numerals = [];
  for (const [label, members] of [...classes].sort((a, b) => a[0] - b[0])) {
    const d = members.map(([x, y]) => `M${x.toFixed(1)} ${y.toFixed(1)}h0`).join("");
    dots.push(shape("path", { d, class: "dots", stroke: label < 0 ? "currentColor" : palette[label % palette.length] }));
    const x = median(members.map((m) => m[0]));
    const y = median(members.map((m) => m[1]));
    if (label >= 0) numerals.push(shape("text", { x, y, class: "numeral" }, String(label)));
  }
  return [...dots, ...numerals];
}

// The plane of two latent dimensions, -reach..reach, with the codes of real images: points (one signed byte a coordinate,
// 127 at the reach) coloured by label. onMove([a, b]) is called while the point is dragged; without it nothing moves.
function plane({ points, labels, palette, reach, names }, onMove) {
  const [width, height, margin] = [320, 320, 26];
  const inner = width - 2 * margin;
  const place = ([a, b]) => [
    margin + ((a + reach[0]) / (2 * reach[0])) * inner,
    margin + ((reach[1] - b) / (2 * reach[1])) * inner,
  ];
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, class: "plane" });
  svg.append(shape("rect", { x: margin, y: margin, width: inner, height: inner, class: "frame" }));
  for (const t of [-1, 0, 1]) {
    const [x, y] = place([t * reach[0], t * reach[1]]);
    svg.append(shape("text", { x, y: height - 8, class: "tick" }, String(t * reach[0])));
    svg.append(shape("text", { x: 14, y: y + 4, class: "tick" }, String(t * reach[1])));
  }
  svg.append(shape("text", { x: place([reach[0] / 2, 0])[0], y: height - 8, class: "tick" }, names[0]));
  svg.append(shape("text", { x: 14, y: place([0, reach[1] / 2])[1] + 4, class: "tick" }, names[1]));
  const codes = Array.from(view(points, Int8Array), (value, i) => (value / 127) * reach[i % 2]);
  svg.append(...cloud(codes, view(labels, Uint8Array), palette, place));
  const spread = shape("ellipse", { class: "spread", visibility: "hidden" });
  const point = shape("circle", { r: onMove ? 7 : 4, class: "point" });
  svg.append(spread, point);
  const magnify = onMove ? null : lens(svg, { width, margin, pixels: inner / (2 * reach[0]) });

  const show = (at, std, draws = []) => {
    magnify?.(at, std, draws);
    const [x, y] = place(at);
    for (const [key, value] of [["cx", x], ["cy", y]]) {
      point.setAttribute(key, value);
      spread.setAttribute(key, value);
    }
    spread.setAttribute("visibility", std ? "visible" : "hidden");
    if (std) {
      spread.setAttribute("rx", (std[0] / (2 * reach[0])) * inner);
      spread.setAttribute("ry", (std[1] / (2 * reach[1])) * inner);
    }
    svg.setAttribute("aria-label", `The plane of ${names.join(" and ")}, at ${spoken(at)}`);
  };
  if (onMove) return { svg, show: letMove(svg, show, onMove, { width, margin, inner, reach }) };
  svg.setAttribute("role", "img");
  return { svg, show };
}

// A magnifying glass in the plane's corner, for a trained q is narrower than a dot: three deviations to its edge. Gone
// where q is wide enough to be seen.
function lens(svg, { width, margin, pixels }) {
  const half = 42;
  const [cx, cy] = [width - margin - half - 4, margin + half + 4];
  const glass = shape("g", { class: "lens", visibility: "hidden" });
  const ellipse = shape("ellipse", { cx, cy });
  const dots = shape("path", { class: "draws" });
  const label = shape("text", { x: cx, y: cy + half + 13, class: "tick" });
  glass.append(shape("rect", { x: cx - half, y: cy - half, width: 2 * half, height: 2 * half }), ellipse, dots, label);
  svg.append(glass);
  return (at, std, draws) => {
    const scale = half / (3 * Math.max(...(std ?? [Infinity])));
    const larger = Math.round(scale / pixels);
    const needed = larger > 1 && Number.isFinite(larger);
    glass.setAttribute("visibility", needed ? "visible" : "hidden");
    if (!needed) return;
    ellipse.setAttribute("rx", std[0] * scale);
    ellipse.setAttribute("ry", std[1] * scale);
    const place = ([a, b]) => `M${cx + (a - at[0]) * scale} ${cy - (b - at[1]) * scale}h0`;
    dots.setAttribute("d", draws.map(place).join(""));
    label.textContent = `${larger} times larger`;
  };
}

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

// Mouse, finger and keys: arrows move by a tenth, with Shift by a half, Home goes to the origin. The keys start from
// where the point was shown last, so what shows it is handed back.
function letMove(svg, show, onMove, { width, margin, inner, reach }) {
  let at = [0, 0];
  svg.setAttribute("tabindex", 0);
  svg.setAttribute("role", "application");
  svg.setAttribute("aria-roledescription", "plane in which arrow keys move a point");
  const clip = (value, limit) => Math.min(limit, Math.max(-limit, value));
  const go = (to) => {
    at = to.map((value, axis) => clip(Math.round(value * 1000) / 1000, reach[axis]));
    onMove(at);
  };
  const drag = (event) => {
    const box = svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * width;
    const y = ((event.clientY - box.top) / box.height) * width;
    go([((x - margin) / inner) * 2 * reach[0] - reach[0], reach[1] - ((y - margin) / inner) * 2 * reach[1]]);
  };
  svg.addEventListener("pointerdown", (event) => {
    svg.setPointerCapture(event.pointerId);
    svg.focus({ preventScroll: true });
    drag(event);
  });
  svg.addEventListener("pointermove", (event) => svg.hasPointerCapture(event.pointerId) && drag(event));
  svg.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (!step && event.key !== "Home") return;
    event.preventDefault();
    event.stopPropagation();
    const size = event.shiftKey ? 0.5 : 0.1;
    go(step ? at.map((value, axis) => value + size * step[axis]) : [0, 0]);
  });
  return (to) => {
    at = to;
    show(to);
  };
}
