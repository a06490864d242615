// The plane of the data, where an image is a point: the held-out points, draws from the prior, and the prior's grid as the
// decoder bends it.

const RING_WIDTH = 3; // how much of the ring's plane the unit square of the pixels holds
const DATA_SIZE = 420; // CSS pixels

/**
 * The mean distance of points from the middle of the plane, and its deviation, in the ring's own units.
 * @param {ArrayLike<number>} points
 */
function radiusOf(points) {
  const radii = Array.from({ length: points.length / 2 }, (_, i) => RING_WIDTH * Math.hypot(points[2 * i] - 0.5, points[2 * i + 1] - 0.5));
  const mean = radii.reduce((sum, r) => sum + r, 0) / radii.length;
  return { mean, deviation: Math.sqrt(radii.reduce((sum, r) => sum + (r - mean) ** 2, 0) / radii.length) };
}

/**
 * @param {Float32Array} heldOut
 * @param {Uint8Array} labels
 * @param {string[]} colors
 */
function pointsPlane(heldOut, labels, colors) {
  const { canvas, context } = sharpCanvas(DATA_SIZE, DATA_SIZE, { class: "codes points", "aria-label": tr("The plane of the data, before the first points.") });
  const says = element("p", { class: "says" });
  const at = (/** @type {ArrayLike<number>} */ points, /** @type {number} */ i) =>
    pair([points[2 * i] * DATA_SIZE, (1 - points[2 * i + 1]) * DATA_SIZE]);
  const dots = (/** @type {ArrayLike<number>} */ points, /** @type {number} */ radius, /** @type {(i: number) => string} */ color) => {
    for (let i = 0; i < points.length / 2; i++) {
      context.fillStyle = color(i);
      context.beginPath();
      context.arc(...at(points, i), radius, 0, 2 * Math.PI);
      context.fill();
    }
  };
  /** Lines of the grid of codes, decoded. */
  const grid = (/** @type {Float32Array} */ tiles) => {
    const across = Math.round(Math.sqrt(tiles.length / 2));
    for (let line = 0; line < across; line++) {
      for (const [first, step] of [[line * across, 1], [line, across]]) {
        context.beginPath();
        for (let i = 0; i < across; i++) context.lineTo(...at(tiles, first + i * step));
        context.stroke();
      }
    }
  };
  const draw = (/** @type {Frame} */ frame) => {
    const ink = inkOf(canvas);
    context.clearRect(0, 0, DATA_SIZE, DATA_SIZE);
    context.strokeStyle = ink.guide;
    context.lineWidth = 0.8;
    context.strokeRect(0, 0, DATA_SIZE, DATA_SIZE);
    if (frame.tiles) grid(frame.tiles);
    dots(heldOut, 2, (i) => ink.of(colors[labels[i]]));
    dots(frame.draws, 1.6, () => ink.text);
    context.lineWidth = 2;
    context.strokeStyle = ink.of(FOLLOWED);
    for (const point of [frame.look.x, frame.look.picture]) {
      context.beginPath();
      context.arc(...at(point, 0), point === frame.look.x ? 6 : 3, 0, 2 * Math.PI);
      context.stroke();
    }
    const words = [heldOut, frame.draws].map((points) => {
      const { mean, deviation } = radiusOf(points);
      return `${mean.toFixed(2)} ± ${deviation.toFixed(2)}`;
    });
    says.textContent = tr("Distance from the middle: data {data}, draws {draws}.", { data: words[0], draws: words[1] });
    canvas.setAttribute("aria-label", `${tr("Points of the data and draws from the prior, decoded.")} ${says.textContent}`);
  };
  return { canvas, says, draw };
}

/** @param {LabInput} input */
function pointViews({ data, labels, classColors }) {
  const heldOut = Float32Array.from(data.heldOut, (v) => v / 255);
  const plane = pointsPlane(heldOut, labels, classColors);
  const line = [
    tr("An image is a point here. In colours: held-out points of the ring. Without: draws from the prior, decoded."),
    tr("Lines: the grid of z, as the decoder bends it. Pink: the point that is followed below, and its reconstruction."),
  ].join(" ");
  return { panels: [panel(tr("The plane of the data"), line, [plane.canvas, plane.says])], draw: plane.draw };
}
