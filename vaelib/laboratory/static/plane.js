// The plane of two dimensions of z: the codes of held-out images, the prior's circles, and the aggregate's marginals.

const FOLLOWED = "#e6007a"; // the image that the pipeline follows
const CODES = { size: 460, strip: 46, edge: 30 }; // CSS pixels: the whole, the marginals' strips, the ticks' room

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
 * The share of codes that lie nearest to the middle of their own class's codes: how far the classes have parted.
 * @param {Float32Array} mu
 * @param {Uint8Array} labels
 * @param {number} latent
 */
function partedOf(mu, labels, latent) {
  const classes = [...new Set(labels)];
  const middles = classes.flatMap((label) => {
    const members = Array.from(labels.keys()).filter((i) => labels[i] === label);
    return Array.from({ length: latent }, (_, j) => members.reduce((sum, i) => sum + mu[i * latent + j], 0) / members.length);
  });
  return labels.filter((label, i) => label === classes[nearestOf(mu.subarray(i * latent, (i + 1) * latent), middles)]).length / labels.length;
}

/**
 * The number of the point that lies nearest to z.
 * @param {ArrayLike<number>} z
 * @param {ArrayLike<number>} points
 */
function nearestOf(z, points) {
  let [best, least] = [-1, Infinity];
  for (let i = 0; i < points.length / z.length; i++) {
    let distance = 0;
    for (let j = 0; j < z.length; j++) distance += (z[j] - points[i * z.length + j]) ** 2;
    if (distance < least) [best, least] = [i, distance];
  }
  return best;
}

/**
 * The standard deviations of the aggregate posterior, of z ~ q(z|x) over all images, along these dimensions of z.
 * @param {Pick<Frame, "logVar" | "variance">} codes
 * @param {number[]} axes
 */
function spreadsOf({ logVar, variance }, axes) {
  const [latent, count] = [variance.length, logVar.length / variance.length];
  const inner = (/** @type {number} */ j) => Array.from({ length: count }, (_, i) => Math.exp(logVar[i * latent + j])).reduce((a, b) => a + b, 0) / count;
  return axes.map((j) => Math.sqrt(inner(j) + variance[j]));
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
  /** @type {{ frame: Frame, latent: number, axes: number[], reach: number, shown: Shown, tiled: boolean } | null} */
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
    if (!frame.tiles || !now?.tiled) return;
    const across = TILES;
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
      context.fillText(written(t), Math.min(x, edge + side - 8), size - 12);
      context.fillText(written(t), 14, Math.max(y + 4, strip + 8));
    }
  };

  const drawCodes = (/** @type {ReturnType<typeof inkOf>} */ ink) => {
    const { frame, latent, shown, tiled } = /** @type {NonNullable<typeof now>} */ (now);
    context.save();
    context.beginPath();
    context.rect(edge, strip, side, side);
    context.clip();
    const count = frame.mu.length / latent;
    const rim = tiled ? { color: ink.paper, width: 2 } : { color: ink.text, width: 0.35 };
    for (let i = 0; i < count; i++) {
      const [x, y] = at(...pair(code(i)));
      const color = ink.of(colorOf(i));
      context.beginPath();
      if (shown.ellipses) context.ellipse(x, y, ...pair(radii(i)), 0, 0, 2 * Math.PI);
      else context.arc(x, y, 2.6, 0, 2 * Math.PI);
      const lines = shown.ellipses ? [...(tiled ? [{ color: ink.paper, width: 3 }] : []), { color, width: 1 }] : [rim];
      for (const line of lines) {
        context.strokeStyle = line.color;
        context.lineWidth = line.width;
        context.stroke();
      }
      context.fillStyle = color;
      if (!shown.ellipses) context.fill();
    }
    drawLooked(frame.look, ink);
    drawNumerals(ink);
    context.restore();
  };

  const radii = (/** @type {number} */ i) => deviation(i).map((s) => Math.max(0.5, (s / (2 * (now?.reach ?? 4))) * side));

  const drawLooked = (/** @type {Look} */ look, /** @type {ReturnType<typeof inkOf>} */ ink) => {
    const { axes, reach } = /** @type {NonNullable<typeof now>} */ (now);
    const [mean, z] = [axes.map((j) => look.mu[j]), axes.map((j) => look.z[j])];
    const spread = axes.map((j) => Math.max(0.5, (Math.exp(look.logVar[j] / 2) / (2 * reach)) * side));
    const color = ink.of(FOLLOWED);
    context.lineWidth = 2;
    context.strokeStyle = color;
    context.fillStyle = `${FOLLOWED}40`;
    context.beginPath();
    context.ellipse(...pair(at(...pair(mean))), ...pair(spread), 0, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
    context.fillStyle = color;
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
    const { frame, latent, axes, reach, tiled } = /** @type {NonNullable<typeof now>} */ (now);
    const [a, b] = axes.map((j) => `z${subscript(j + 1)}`);
    const [first, second] = axes.map((j) => written(frame.variance[j].toFixed(2)));
    const words = [tr("{a} to the right, {b} upwards, −{reach} to {reach}. Variance of the means: {first} and {second}.", { a, b, reach, first, second })];
    const [across, up] = spreadsOf(frame, axes).map((spread) => spread.toFixed(2));
    words.push(tr("Standard deviation of z over all images: {across} and {up}; the prior's is 1.", { across, up }));
    if (tiled && latent > 2) words.push(tr("The tiles are decoded with 0 in all other dimensions of z."));
    says.textContent = words.join(" ");
    words.unshift(tr("Codes of {count} held-out images.", { count: frame.mu.length / latent }));
    if (labels.length) words.push(tr("{share}% of them lie nearest to the middle of their own {word}'s codes.", { word, share: Math.round(100 * partedOf(frame.mu, labels, latent)) }));
    canvas.setAttribute("aria-label", words.join(" "));
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
    ...{ canvas, says, nameOf },
    draw: (/** @type {Frame} */ frame, /** @type {number[]} */ shape, /** @type {Shown} */ shown) => {
      const { axes, reach, variance } = frame;
      const tiled = Boolean(frame.tiles) && shape[0] * shape[1] >= 4; // points are no tiles
      now = { frame, latent: variance.length, axes, reach, shown, tiled };
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
