// The terms over the course of a training, and as a bar.

const CURVES = { width: 420, height: 220, left: 46, bottom: 26, top: 8 };
const MOST_POINTS = 1200;

/** @param {number} nats */
const tenths = (nats) => written(nats.toFixed(1));

/** What has been seen of a training, one value a step; every other point goes when there are too many. */
function record() {
  /** @type {Record<string, [number, number][]>} */
  let points = {};
  return {
    add: (/** @type {string} */ name, /** @type {number} */ steps, /** @type {number} */ value) => {
      const line = (points[name] ??= []);
      if (line.at(-1)?.[0] === steps) line.pop();
      line.push([steps, value]);
      if (line.length > MOST_POINTS) points[name] = line.filter((_, i) => i % 2 === 0);
    },
    lines: () => points,
    cut: (/** @type {number} */ steps) => {
      points = Object.fromEntries(Object.entries(points).map(([name, line]) => [name, line.filter(([at]) => at <= steps)]));
    },
    clear: () => (points = {}),
  };
}

/**
 * Round numbers between two bounds, about four of them.
 * @param {number} low
 * @param {number} high
 */
function ticks(low, high) {
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? rough;
  const found = [];
  for (let t = Math.ceil(low / step) * step; t <= high + 1e-9; t += step) found.push(Number(t.toPrecision(6)));
  return found;
}

/**
 * Lines of nats over the steps, which run along in powers of ten; the lowest tenth of the values is cut off.
 * @param {string} name
 * @param {{ key: string, label: string, color: string, thin?: boolean }[]} lines
 */
function curves(name, lines) {
  const { width, height, left, bottom, top } = CURVES;
  const { canvas, context } = sharpCanvas(width, height, { class: "curves", "aria-label": name });
  const draw = (/** @type {Record<string, [number, number][]>} */ points) => {
    const ink = inkOf(canvas);
    marks.forEach((mark, i) => (mark.style.background = ink.of(lines[i].color)));
    context.clearRect(0, 0, width, height);
    const seen = lines.flatMap(({ key }) => points[key] ?? []);
    if (!seen.length) return;
    const values = seen.map(([, value]) => value).filter(Number.isFinite).sort((a, b) => a - b);
    let [low, high] = [values[Math.floor(values.length / 10)], values[values.length - 1]];
    if (high - low < 1) [low, high] = [low - 0.5, high + 0.5];
    const last = Math.max(100, ...seen.map(([steps]) => steps));
    const x = (/** @type {number} */ steps) => left + (Math.log10(Math.max(1, steps)) / Math.log10(last)) * (width - left - 10);
    const y = (/** @type {number} */ value) => top + ((high - Math.max(low, value)) / (high - low)) * (height - top - bottom);
    context.font = "11px system-ui, sans-serif";
    context.lineWidth = 1;
    for (const t of ticks(low, high)) {
      context.strokeStyle = ink.guide;
      context.globalAlpha = 0.4;
      context.strokeRect(left, y(t), width - left - 10, 0);
      context.globalAlpha = 1;
      context.fillStyle = ink.text;
      context.textAlign = "right";
      context.fillText(written(t), left - 6, y(t) + 4);
    }
    context.textAlign = "center";
    for (let t = 1; t <= last; t *= 10) context.fillText(t.toLocaleString("en"), Math.min(x(t), width - 20), height - 8);
    for (const { key, color, thin } of lines) {
      context.strokeStyle = ink.of(color);
      context.lineWidth = thin ? 1 : 2.5;
      context.beginPath();
      for (const [steps, value] of points[key] ?? []) context.lineTo(x(steps), y(value));
      context.stroke();
    }
    const words = lines.flatMap(({ key, label }) => (points[key]?.length ? [`${label} ${tenths(points[key][points[key].length - 1][1])}`] : []));
    canvas.setAttribute("aria-label", tr("{name} after {steps} steps, in nats an image: {values}.", { name, steps: last.toLocaleString("en"), values: words.join(", ") }));
  };
  const marks = lines.map(({ thin }) => element("span", { class: thin ? "mark thin" : "mark", "aria-hidden": "true" }));
  const legend = element("p", { class: "legend" }, lines.map(({ label }, i) => element("span", {}, [marks[i], label])));
  return { canvas, legend, draw };
}

/**
 * Where the pieces of bars of terms begin and end, in hundredths of their common length, and where 0 lies: costs, -log p(x|z) and
 * the KL, to its right, and a log p(x|z) above 0, as a density may have, to its left.
 * @param {Terms[]} rows
 */
function barsOf(rows) {
  const pieces = rows.map(({ recon, kl }) => {
    const cost = Math.max(0, -recon);
    return { recon: [Math.min(0, -recon), cost], kl: [cost, cost + kl] };
  });
  const low = Math.min(...pieces.map(({ recon }) => recon[0]));
  const high = Math.max(...pieces.map(({ kl }) => kl[1]));
  const place = (/** @type {number} */ nats) => (100 * (nats - low)) / Math.max(high - low, 1e-9);
  return { zero: place(0), bars: pieces.map(({ recon, kl }) => ({ recon: recon.map(place), kl: kl.map(place) })) };
}

/**
 * What an image costs, in nats, held out and in training: -log p(x|z) and the KL side by side.
 * @param {Record<string, string>} colors
 */
function costBars(colors) {
  const terms = /** @type {("recon" | "kl")[]} */ (["recon", "kl"]);
  const row = (/** @type {string} */ name) => {
    const pieces = terms.map(() => element("span", { class: "piece" }));
    const zero = element("span", { class: "zero" });
    const bar = element("div", { class: "bar-of-terms", "aria-hidden": "true" }, [...pieces, zero]);
    return { pieces, zero, bar, words: element("p", { class: name }) };
  };
  const rows = ["terms", "says"].map(row);
  const show = (/** @type {Terms} */ heldOut, /** @type {Terms | null} */ train) => {
    const { zero, bars } = barsOf(train ? [heldOut, train] : [heldOut]);
    rows.forEach((row, i) => {
      const ink = inkOf(row.bar);
      row.zero.style.left = `${zero.toFixed(1)}%`;
      terms.forEach((term, k) => {
        const [from, to] = bars[i]?.[term] ?? [0, 0];
        Object.assign(row.pieces[k].style, { background: ink.of(colors[term]), left: `${from.toFixed(1)}%`, width: `${(to - from).toFixed(1)}%` });
      });
    });
    const said = ({ recon, kl } = heldOut) => ({ recon: tenths(recon), kl: tenths(kl), difference: tenths(recon - kl) });
    rows[0].words.textContent = tr("Held out: recon {recon} − KL {kl} = ELBO {difference} nats", said());
    rows[1].words.textContent = train
      ? tr("Training: recon {recon} − KL {kl} = {difference} nats", said(train))
      : tr("Training: no step yet.");
  };
  return { box: element("div", {}, rows.flatMap(({ bar, words }) => [bar, words])), show };
}
