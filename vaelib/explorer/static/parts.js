// What the widgets are made of: digits on canvases, and the plane of z as SVG, which takes the page's colours.

const SVG = "http://www.w3.org/2000/svg";

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} name
 * @param {Record<string, string | number>} attributes
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[K]}
 */
function element(name, attributes = {}, children = []) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.append(...children);
  return made;
}

/**
 * @param {SVGElement} made
 * @param {Record<string, string | number>} attributes
 */
function setAttributes(made, attributes) {
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
}

/**
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} name
 * @param {Record<string, string | number>} attributes
 * @returns {SVGElementTagNameMap[K]}
 */
function shape(name, attributes = {}, text = "") {
  const made = document.createElementNS(SVG, name);
  setAttributes(made, attributes);
  made.textContent = text;
  return made;
}

/**
 * @template T
 * @param {ArrayBufferView} data
 * @param {new (buffer: ArrayBufferLike, offset: number, length: number) => T} Kind of one byte
 */
const view = (data, Kind) => new Kind(data.buffer, data.byteOffset, data.byteLength);

/** @param {Vector} z */
const spoken = (z) => `(${Array.from(z, (value) => written(value.toFixed(2))).join(", ")})`;

/**
 * Draws from N(0, 1), by Box and Muller.
 * @param {number} count
 */
function normals(count) {
  const radius = () => Math.sqrt(-2 * Math.log(1 - Math.random()));
  return Float32Array.from({ length: count }, () => radius() * Math.cos(2 * Math.PI * Math.random()));
}

/**
 * A picture of height × width pixels, grey or in three colours: draw(x) takes pixels in [0, 1], row by row, which the
 * canvas keeps unrounded as `pixels`.
 * @param {number[]} shape height, width, channels
 * @param {string} name
 */
function imageCanvas([height, width, channels], name) {
  /** @type {ImageCanvas} */
  const canvas = element("canvas", { width, height, role: "img", "aria-label": name });
  canvas.style.setProperty("--aspect", String(width / height));
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = context.createImageData(width, height);
  image.data.fill(255);
  const draw = (/** @type {Vector} */ x, label = name) => {
    for (let i = 0; i < width * height; i++) {
      for (let color = 0; color < 3; color++) {
        const value = x[channels * i + (color % channels)];
        image.data[4 * i + color] = Math.round(255 * Math.min(1, Math.max(0, value)));
      }
    }
    context.putImageData(image, 0, 0);
    canvas.pixels = x;
    canvas.setAttribute("aria-label", label);
  };
  return { canvas, draw };
}

/**
 * @param {Element} picture
 * @param {string} caption
 */
const figure = (picture, caption) => element("figure", {}, [picture, element("figcaption", {}, [caption])]);

/**
 * The codes of one class as one path of round dots, with its name at their middle.
 * @param {Vector} points two numbers a code
 * @param {Vector} labels
 * @param {{ palette: string[], classes: string[] }} kinds the classes' colours and names
 * @param {(point: number[]) => number[]} place
 */
function cloud(points, labels, { palette, classes }, place) {
  /** @type {Map<number, number[][]>} */
  const clouds = new Map();
  for (let i = 0; i < points.length / 2; i++) {
    const label = labels.length ? labels[i] : -1;
    const members = clouds.get(label) ?? [];
    members.push(place([points[2 * i], points[2 * i + 1]]));
    clouds.set(label, members);
  }
  const median = (/** @type {number[]} */ values) => values.sort((a, b) => a - b)[values.length >> 1];
  const dots = [];
  /** @type {{ label: number, x: number, y: number }[]} */
  const numerals = [];
  for (const [label, members] of [...clouds].sort((a, b) => a[0] - b[0])) {
    const d = members.map(([x, y]) => `M${x.toFixed(1)} ${y.toFixed(1)}h0`).join("");
    const colour = label < 0 ? "currentColor" : palette[label];
    dots.push(shape("path", { d, class: "dots", style: `--class: ${colour}` }));
    const x = median(members.map((m) => m[0]));
    const y = median(members.map((m) => m[1]));
    if (label >= 0) numerals.push({ label, x, y });
  }
  const drawn = apart(numerals).map(({ label, x, y }) => shape("text", { x, y, class: "numeral" }, classes[label]));
  return [...dots, ...drawn];
}

/**
 * Places moved until no two are nearer than a numeral is high.
 * @template {{ x: number, y: number }} Place
 * @param {Place[]} places
 * @returns {Place[]}
 */
function apart(places, least = 18) {
  const moved = places.map((place) => ({ ...place }));
  for (let round = 0; round < 200; round++) {
    let rests = true;
    moved.forEach((a, i) =>
      moved.slice(0, i).forEach((b) => {
        const [dx, dy] = [a.x - b.x || 1e-3, a.y - b.y];
        const distance = Math.hypot(dx, dy);
        if (distance >= least) return;
        const push = (0.5 * (least - distance)) / distance + 1e-3;
        [a.x, a.y, b.x, b.y] = [a.x + push * dx, a.y + push * dy, b.x - push * dx, b.y - push * dy];
        rests = false;
      }),
    );
    if (rests) break;
  }
  return moved;
}

/**
 * The plane of two latent dimensions, -reach..reach, with the codes of real images: points (one signed byte a coordinate,
 * 127 at the reach) coloured by label.
 * @param {Plane} plane
 * @param {((at: number[]) => void) | null} onMove called while the point is dragged; without it nothing moves
 */
function plane({ points, labels, palette, classes, reach, names }, onMove) {
  const [width, height, margin] = [320, 320, 26];
  const inner = width - 2 * margin;
  const far = Math.max(...reach); // one scale for both axes, so that the prior is round
  const scale = inner / (2 * far);
  const place = (/** @type {number[]} */ [a, b]) => [margin + (a + far) * scale, margin + (far - b) * scale];
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, class: "plane" });
  svg.append(shape("rect", { x: margin, y: margin, width: inner, height: inner, class: "frame" }));
  for (const t of [-1, 0, 1]) {
    const [x, y] = place([t * far, t * far]);
    svg.append(shape("text", { x, y: height - 8, class: "tick" }, written(t * far)));
    svg.append(shape("text", { x: 14, y: y + 4, class: "tick" }, written(t * far)));
  }
  svg.append(shape("text", { x: place([far / 2, 0])[0], y: height - 8, class: "tick" }, names[0]));
  svg.append(shape("text", { x: 14, y: place([0, far / 2])[1] + 4, class: "tick" }, names[1]));
  const codes = Array.from(view(points, Int8Array), (value, i) => (value / 127) * reach[i % 2]);
  const numbers = view(labels, Uint8Array);
  svg.append(...cloud(codes, numbers, { palette, classes }, place));
  const [cx, cy] = place([0, 0]);
  svg.append(...[1, 2, 3].map((spreads) => shape("circle", { cx, cy, r: spreads * scale, class: "prior" })));
  const named = Array.from(numbers, (number) => classes[number]);
  if (named.length) svg.append(nearest(svg, codes, named, { width, margin, place }));
  const spread = shape("ellipse", { class: "spread", visibility: "hidden" });
  const point = shape("circle", { r: onMove ? 7 : 4, class: "point" });
  svg.append(spread, point);
  const magnify = onMove ? null : lens(svg, { width, margin, pixels: scale });

  /**
   * @param {number[]} at
   * @param {number[] | null} std
   * @param {number[][]} draws
   */
  const show = (at, std = null, draws = []) => {
    magnify?.(at, std, draws);
    const [x, y] = place(at);
    setAttributes(point, { cx: x, cy: y });
    setAttributes(spread, { cx: x, cy: y, visibility: std ? "visible" : "hidden" });
    if (std) {
      const [rx, ry] = std.map((value) => value * scale);
      setAttributes(spread, { rx, ry });
    }
    svg.setAttribute("aria-label", tr("The plane of {first} and {second}, at {z}", { first: names[0], second: names[1], z: spoken(at) }));
  };
  if (onMove) return { svg, show: letMove(svg, show, onMove, { width, margin, scale, far, reach }) };
  svg.setAttribute("role", "img");
  return { svg, show };
}

/**
 * A magnifying glass in the plane's corner, for a trained q is narrower than a dot: three deviations to its edge. Gone
 * where q is wide enough to be seen.
 * @param {SVGSVGElement} svg
 * @param {{ width: number, margin: number, pixels: number }} size
 * @returns {(at: number[], std: number[] | null, draws: number[][]) => void}
 */
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
    const needed = std && larger > 1 && Number.isFinite(larger);
    glass.setAttribute("visibility", needed ? "visible" : "hidden");
    if (!needed) return;
    setAttributes(ellipse, { rx: std[0] * scale, ry: std[1] * scale });
    const place = (/** @type {number[]} */ [a, b]) => `M${cx + (a - at[0]) * scale} ${cy - (b - at[1]) * scale}h0`;
    dots.setAttribute("d", draws.map(place).join(""));
    label.textContent = tr("{count} times larger", { count: larger });
  };
}

/**
 * Where a pointer is, in the drawing's own units.
 * @param {SVGSVGElement} svg
 * @param {PointerEvent} event
 * @param {number} width
 */
function within(svg, event, width) {
  const box = svg.getBoundingClientRect();
  return [((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * width];
}

/**
 * A line of text that names the class of the real image whose code is nearest to the pointer.
 * @param {SVGSVGElement} svg
 * @param {number[]} codes
 * @param {string[]} named the class of each code
 * @param {{ width: number, margin: number, place: (point: number[]) => number[] }} size
 */
function nearest(svg, codes, named, { width, margin, place }) {
  const text = shape("text", { x: margin + 6, y: margin + 15, class: "tick nearest" });
  const places = named.map((_, i) => place([codes[2 * i], codes[2 * i + 1]]));
  svg.addEventListener("pointermove", (event) => {
    const [x, y] = within(svg, event, width);
    const far = places.map((at) => Math.hypot(at[0] - x, at[1] - y));
    text.textContent = tr("nearest real image: {name}", { name: named[far.indexOf(Math.min(...far))] });
  });
  svg.addEventListener("pointerleave", () => (text.textContent = ""));
  return text;
}

/** @type {Record<string, number[]>} */
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/**
 * Mouse, finger and keys: arrows move by a tenth, with Shift by a half, Home goes to the origin. The keys start from
 * where the point was shown last, so what shows it is handed back.
 * @param {SVGSVGElement} svg
 * @param {(at: number[]) => void} show
 * @param {(at: number[]) => void} onMove
 * @param {{ width: number, margin: number, scale: number, far: number, reach: number[] }} size
 */
function letMove(svg, show, onMove, { width, margin, scale, far, reach }) {
  let at = [0, 0];
  const description = tr("plane in which arrow keys move a point");
  setAttributes(svg, { tabindex: 0, role: "application", "aria-roledescription": description });
  const clip = (/** @type {number} */ value, /** @type {number} */ limit) => Math.min(limit, Math.max(-limit, value));
  const go = (/** @type {number[]} */ to) => {
    at = to.map((value, axis) => clip(Math.round(value * 1000) / 1000, reach[axis]));
    onMove(at);
  };
  const drag = (/** @type {PointerEvent} */ event) => {
    const [x, y] = within(svg, event, width);
    go([(x - margin) / scale - far, far - (y - margin) / scale]);
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
  return (/** @type {number[]} */ to) => {
    at = to;
    show(to);
  };
}
