// The plane of two dimensions of z: the codes of held-out images, the prior's circles, and the aggregate's marginals.

const CODES = { size: 460, strip: 46, edge: 30 }; // CSS pixels: the whole, the marginals' strips, the ticks' room
const REACHES = [4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256, 512, 1024, 4096, 16384];

/**
 * The two dimensions of z whose means vary most over the images, in the order of their numbers.
 * @param {Float32Array} mu
 * @param {number} latent
 */
function activeAxes(mu, latent) {
  const count = mu.length / latent;
  const variance = Array.from({ length: latent }, (_, j) => {
    let [sum, squares] = [0, 0];
    for (let i = j; i < mu.length; i += latent) {
      sum += mu[i];
      squares += mu[i] ** 2;
    }
    return squares / count - (sum / count) ** 2;
  });
  const order = variance.map((_, j) => j).sort((a, b) => variance[b] - variance[a]);
  return { axes: order.slice(0, 2).sort((a, b) => a - b), variance };
}

/**
 * The least reach of the list within which 98 of 100 codes lie.
 * @param {Float32Array} mu
 * @param {number[]} axes
 * @param {number} latent
 */
function reachOf(mu, axes, latent) {
  const sizes = Float32Array.from({ length: mu.length / latent }, (_, i) => Math.max(...axes.map((j) => Math.abs(mu[i * latent + j]))));
  const far = sizes.sort()[Math.floor(0.98 * (sizes.length - 1))];
  return REACHES.find((reach) => far <= reach) ?? REACHES[REACHES.length - 1];
}

/**
 * Colours of the page as they are now, light or dark.
 * @param {Element} el
 */
function inkOf(el) {
  const style = getComputedStyle(el);
  const of = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
  return { text: style.color, paper: of("--lab-paper"), guide: of("--lab-guide") };
}

/**
 * A canvas of this size in CSS pixels, drawn at the screen's own resolution.
 * @param {number} width
 * @param {number} height
 * @param {Record<string, string | number>} attributes
 */
function sharpCanvas(width, height, attributes) {
  const ratio = Math.min(2, globalThis.devicePixelRatio || 1);
  const canvas = element("canvas", { width: width * ratio, height: height * ratio, role: "img", ...attributes });
  canvas.style.aspectRatio = `${width} / ${height}`;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.scale(ratio, ratio);
  return { canvas, context };
}

/**
 * @param {Uint8Array} labels
 * @param {{ colors: string[], classes: string[], word: string }} kinds the classes' colours, names, and what a class is called
 * @param {(index: number) => void} onPick called with the image whose code is nearest to a click
 */
function codesPlane(labels, { colors, classes, word }, onPick) {
  const { size, strip, edge } = CODES;
  const side = size - strip - edge;
  const { canvas, context } = sharpCanvas(size, size, { class: "codes", "aria-label": tr("The plane of z, before the first codes."), tabindex: 0 });
  const tilesCanvas = element("canvas");
  const says = element("p", { class: "says" });
  const noise = normals(2 * 4096);
  const options = { ellipses: false };
  /** @type {{ frame: Frame, latent: number, axes: number[], reach: number } | null} */
  let now = null;

  const at = (/** @type {number} */ a, /** @type {number} */ b, reach = now?.reach ?? 4) => [
    edge + ((a + reach) / (2 * reach)) * side,
    strip + ((reach - b) / (2 * reach)) * side,
  ];
  const code = (/** @type {number} */ i) => {
    const { frame, latent, axes } = /** @type {NonNullable<typeof now>} */ (now);
    return axes.map((j) => frame.mu[i * latent + j]);
  };
  const deviation = (/** @type {number} */ i) => {
    const { frame, latent, axes } = /** @type {NonNullable<typeof now>} */ (now);
    return axes.map((j) => Math.exp(frame.logVar[i * latent + j] / 2));
  };
  const colorOf = (/** @type {number} */ i) => (labels.length ? colors[labels[i]] : colors[0]);

  const drawTiles = (/** @type {Frame} */ frame, /** @type {number[]} */ shape) => {
    const [height, width] = shape;
    if (!frame.tiles || height * width < 4) return; // points are no tiles
    const across = Math.round(Math.sqrt(frame.tiles.length / (height * width)));
    Object.assign(tilesCanvas, { width: across * width, height: across * height });
    const paper = /** @type {CanvasRenderingContext2D} */ (tilesCanvas.getContext("2d"));
    const image = paper.createImageData(across * width, across * height);
    for (let tile = 0; tile < across * across; tile++) {
      for (let p = 0; p < height * width; p++) {
        const [row, column] = [Math.floor(tile / across) * height + Math.floor(p / width), (tile % across) * width + (p % width)];
        const to = 4 * (row * across * width + column);
        image.data.fill(Math.round(255 * frame.tiles[tile * height * width + p]), to, to + 3);
        image.data[to + 3] = 150;
      }
    }
    paper.putImageData(image, 0, 0);
    context.drawImage(tilesCanvas, edge, strip, side, side);
  };

  const drawGuides = (/** @type {number} */ reach, /** @type {ReturnType<typeof inkOf>} */ ink) => {
    context.strokeStyle = ink.guide;
    context.lineWidth = 1;
    context.fillStyle = ink.text;
    context.font = "11px system-ui, sans-serif";
    context.setLineDash([4, 3]);
    const [x0, y0] = at(0, 0);
    for (const radius of [1, 2, 3]) {
      context.beginPath();
      context.arc(x0, y0, (radius / (2 * reach)) * side, 0, 2 * Math.PI);
      context.stroke();
    }
    context.setLineDash([]);
    context.strokeRect(edge, strip, side, side);
    context.textAlign = "center";
    for (const t of [-reach, -reach / 2, 0, reach / 2, reach]) {
      const [x, y] = at(t, t);
      context.fillText(String(t), Math.min(x, edge + side - 8), size - 12);
      context.fillText(String(t), 14, Math.max(y + 4, strip + 8));
    }
  };

  const drawCodes = (/** @type {ReturnType<typeof inkOf>} */ ink) => {
    const { frame, latent } = /** @type {NonNullable<typeof now>} */ (now);
    context.save();
    context.beginPath();
    context.rect(edge, strip, side, side);
    context.clip();
    const count = frame.mu.length / latent;
    for (let i = 0; i < count; i++) {
      const [x, y] = at(...pair(code(i)));
      context.fillStyle = colorOf(i);
      context.strokeStyle = options.ellipses ? colorOf(i) : ink.text;
      context.lineWidth = options.ellipses ? 1 : 0.35;
      context.beginPath();
      if (options.ellipses) context.ellipse(x, y, ...pair(radii(i)), 0, 0, 2 * Math.PI);
      else context.arc(x, y, 2.6, 0, 2 * Math.PI);
      if (!options.ellipses) context.fill();
      context.stroke();
    }
    drawLooked(frame.look);
    drawNumerals(ink);
    context.restore();
  };

  const radii = (/** @type {number} */ i) => deviation(i).map((s) => Math.max(0.5, (s / (2 * (now?.reach ?? 4))) * side));

  const drawLooked = (/** @type {Look} */ look) => {
    const { axes, reach } = /** @type {NonNullable<typeof now>} */ (now);
    const [mean, z] = [axes.map((j) => look.mu[j]), axes.map((j) => look.z[j])];
    const spread = axes.map((j) => Math.max(0.5, (Math.exp(look.logVar[j] / 2) / (2 * reach)) * side));
    context.lineWidth = 2;
    context.strokeStyle = "#e6007a";
    context.fillStyle = "#e6007a40";
    context.beginPath();
    context.ellipse(...pair(at(...pair(mean))), ...pair(spread), 0, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
    context.fillStyle = "#e6007a";
    context.beginPath();
    context.arc(...pair(at(...pair(z))), 4, 0, 2 * Math.PI);
    context.fill();
  };

  const drawNumerals = (/** @type {ReturnType<typeof inkOf>} */ ink) => {
    const { frame, latent } = /** @type {NonNullable<typeof now>} */ (now);
    /** @type {Map<number, number[][]>} */
    const clouds = new Map();
    for (let i = 0; i < Math.min(labels.length, frame.mu.length / latent); i++) {
      const members = clouds.get(labels[i]) ?? [];
      members.push(code(i));
      clouds.set(labels[i], members);
    }
    const median = (/** @type {number[]} */ values) => values.sort((a, b) => a - b)[values.length >> 1];
    context.font = "bold 17px system-ui, sans-serif";
    context.lineWidth = 4;
    context.strokeStyle = ink.paper;
    context.fillStyle = ink.text;
    const places = [...clouds].map(([label, members]) => {
      const [x, y] = at(median(members.map((m) => m[0])), median(members.map((m) => m[1])));
      return { label, x, y };
    });
    for (const { label, x, y } of apart(places)) {
      context.strokeText(classes[label], x, y + 6);
      context.fillText(classes[label], x, y + 6);
    }
  };

  /** Above and beside the plane: a histogram of z ~ q(z|x) over all images, and the prior's density. */
  const drawMarginals = (/** @type {ReturnType<typeof inkOf>} */ ink) => {
    const { frame, latent, reach } = /** @type {NonNullable<typeof now>} */ (now);
    const [count, bins] = [frame.mu.length / latent, 46];
    const tall = strip - 6;
    for (const axis of [0, 1]) {
      const heights = new Float32Array(bins);
      for (let i = 0; i < count; i++) {
        const z = code(i)[axis] + deviation(i)[axis] * noise[(2 * i + axis) % noise.length];
        const bin = Math.floor(((z + reach) / (2 * reach)) * bins);
        if (bin >= 0 && bin < bins) heights[bin] += bins / (2 * reach * count);
      }
      const unit = tall / 0.55; // N(0, 1) is 0.4 at its height
      const bar = (/** @type {number} */ bin) => Math.min(tall, heights[bin] * unit);
      const along = side / bins;
      context.fillStyle = ink.guide;
      for (let bin = 0; bin < bins; bin++) {
        if (axis === 0) context.fillRect(edge + bin * along, strip - bar(bin), along - 1, bar(bin));
        else context.fillRect(edge + side, strip + side - (bin + 1) * along, bar(bin), along - 1);
      }
      context.strokeStyle = ink.text;
      context.lineWidth = 1.5;
      context.beginPath();
      for (let t = 0; t <= 120; t++) {
        const z = -reach + (2 * reach * t) / 120;
        const density = (Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI)) * unit;
        if (axis === 0) context.lineTo(at(z, 0)[0], strip - density);
        else context.lineTo(edge + side + density, at(0, z)[1]);
      }
      context.stroke();
    }
  };

  const describe = () => {
    const { frame, latent, axes, reach } = /** @type {NonNullable<typeof now>} */ (now);
    const { variance } = activeAxes(frame.mu, latent);
    const [a, b] = axes.map((j) => `z${subscript(j + 1)}`);
    const [first, second] = axes.map((j) => variance[j].toFixed(2));
    says.textContent = tr("{a} to the right, {b} upwards, −{reach} to {reach}. Variance of the means: {first} and {second}.", { a, b, reach, first, second });
    const shown = tr("Codes of {count} held-out images.", { count: frame.mu.length / latent });
    canvas.setAttribute("aria-label", `${shown} ${says.textContent}`);
  };

  const nearest = (/** @type {MouseEvent} */ event) => {
    if (!now) return -1;
    const box = canvas.getBoundingClientRect();
    const [x, y] = [((event.clientX - box.left) / box.width) * size, ((event.clientY - box.top) / box.height) * size];
    let [best, least] = [-1, Infinity];
    for (let i = 0; i < now.frame.mu.length / now.latent; i++) {
      const [a, b] = at(...pair(code(i)));
      const distance = (a - x) ** 2 + (b - y) ** 2;
      if (distance < least) [best, least] = [i, distance];
    }
    return best;
  };
  const nameOf = (/** @type {number} */ index) => {
    if (!labels.length) return tr("held-out image {index}", { index });
    return tr("held-out image {index}, {word} {name}", { index, word, name: classes[labels[index]] });
  };
  canvas.addEventListener("pointermove", (event) => {
    const index = nearest(event);
    if (index >= 0) canvas.title = tr("Nearest: {name}", { name: nameOf(index) });
  });
  canvas.addEventListener("click", (event) => {
    const index = nearest(event);
    if (index >= 0) onPick(index);
  });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (!step || !now) return;
    event.preventDefault();
    event.stopPropagation();
    const count = now.frame.mu.length / now.latent;
    onPick((Math.max(0, now.frame.look.index) + step + count) % count);
  });

  return {
    ...{ canvas, says, options, nameOf },
    reach: () => now?.reach ?? 4,
    draw: (/** @type {Frame} */ frame, /** @type {number} */ latent, /** @type {number[]} */ shape) => {
      const { axes } = activeAxes(frame.mu, latent);
      now = { frame, latent, axes, reach: reachOf(frame.mu, axes, latent) };
      const ink = inkOf(canvas);
      context.clearRect(0, 0, size, size);
      drawTiles(frame, shape);
      drawGuides(now.reach, ink);
      drawCodes(ink);
      drawMarginals(ink);
      describe();
    },
  };
}

/** @param {number[]} values @returns {[number, number]} */
const pair = (values) => [values[0], values[1]];

/** @param {number} number */
const subscript = (number) => Array.from(String(number), (figure) => String.fromCharCode(0x2080 + Number(figure))).join("");
