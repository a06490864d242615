// What the lab is laid out with: panels, rows of pictures, the bar of buttons, and the worker behind them.

/**
 * The worker, from its text: a widget and a page from disk have no file to load it from.
 * @param {string} text
 */
function startWorker(text) {
  const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  const worker = new Worker(address);
  return { worker, end: () => (worker.terminate(), URL.revokeObjectURL(address)) };
}

/**
 * @param {string} title
 * @param {string} line what to look at
 * @param {(Node | string)[]} children
 */
const panel = (title, line, children) =>
  element("section", { class: "panel", "aria-label": title }, [
    element("h2", {}, [title]),
    ...children,
    element("p", { class: "look-at" }, [line]),
  ]);

/**
 * A row of pictures, which is one to a screen reader: draw(images, text) takes the text that says what is there.
 * @param {number} count
 * @param {number[]} shape
 * @param {string} name
 */
function strip(count, shape, name) {
  const pictures = Array.from({ length: count }, (_, i) => imageCanvas(shape, `${name} ${i + 1}`));
  const box = element("div", { class: "strip", role: "img", "aria-label": name }, pictures.map(({ canvas }) => canvas));
  const size = shape[0] * shape[1] * shape[2];
  const draw = (/** @type {Float32Array} */ images, /** @type {string} */ text) => {
    pictures.forEach(({ draw }, i) => draw(images.subarray(i * size, (i + 1) * size)));
    box.setAttribute("aria-label", text);
  };
  return { box, draw };
}

/** @param {ArrayLike<number>} values */
function meanOf(values) {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / values.length;
}

/**
 * @param {(event: string) => void} act
 * @param {LabSettings} settings
 */
function topBar(act, settings) {
  const button = (/** @type {string} */ text, /** @type {string} */ title, /** @type {string} */ name) => {
    const made = element("button", { type: "button", title, class: name }, [text]);
    made.addEventListener("click", () => act(name));
    return made;
  };
  const play = button(tr("Play"), tr("Train"), "play");
  const speed = element("select", { "aria-label": tr("Speed") }, speeds().map(([text, value]) => element("option", { value }, [text])));
  speed.value = String(FULL_SPEED);
  speed.addEventListener("change", () => act("speed"));
  const status = element("p", { class: "status" });
  const buttons = [play, button(tr("One step"), tr("One update on {count} images", { count: settings.batch_size }), "step"), button(tr("Reset"), tr("New weights"), "reset")];
  return { bar: element("div", { class: "steering" }, [...buttons, speed, status]), play, speed, status };
}

/**
 * Paper for digits of the reader's own: the last one is followed, and may join the training images.
 * @param {(pixels: Uint8Array | null) => void} onDrawing called with the drawing as MNIST has its digits, null where there is none
 * @param {(drawings: Uint8Array[]) => void} onInclude
 */
function ownDigit(onDrawing, onInclude) {
  /** @type {Uint8Array[]} */
  let drawings = [];
  const says = element("p", { class: "says", role: "status" });
  const pixels = () => asMnist(paper.canvas);
  const paper = drawing(() => {
    const drawn = pixels();
    const some = drawn.some((value) => value > 0);
    add.disabled = !some;
    onDrawing(some ? drawn : null);
  });
  const button = (/** @type {string} */ text, /** @type {() => void} */ action) => {
    const made = element("button", { type: "button" }, [text]);
    made.addEventListener("click", action);
    return made;
  };
  const include = (/** @type {Uint8Array[]} */ all) => {
    drawings = all;
    forget.disabled = !all.length;
    const count = all.length;
    const one = tr("1 drawing among the training images, each about once a batch.");
    const several = tr("{count} drawings among the training images, each about once a batch.", { count });
    says.textContent = count > 1 ? several : count ? one : "";
    onInclude(all);
  };
  const add = button(tr("Train on it too"), () => include([...drawings, pixels()]));
  const forget = button(tr("Forget the drawings"), () => include([]));
  [add.disabled, forget.disabled] = [true, true];
  const bar = element("div", { class: "bar" }, [button(tr("Clear"), () => paper.clear()), add, forget]);
  return { box: element("div", {}, [paper.canvas, bar, says]), start: paper.clear };
}

/**
 * Held-out images, ten where there are so many, their reconstructions, and draws from the prior, each with a line that says what is there.
 * @param {LabInput} input
 * @param {() => void} onRedraw
 */
function imageViews({ data, image_shape: shape, labels, classes }, onRedraw) {
  const count = Math.min(10, data.heldOut.length / data.pixels);
  const strips = [tr("Held-out image"), tr("Reconstruction")].map((name) => strip(count, shape, name));
  const [[originals, reconstructions], draws] = [strips, strip(10, shape, tr("Draw from the prior"))];
  const heldOut = Float32Array.from(data.heldOut.subarray(0, count * data.pixels), (v) => v / 255);
  const brightness = meanOf(data.heldOut) / 255;
  const namesOf = (/** @type {ArrayLike<number>} */ indices) => Array.from(indices, (i) => classes[labels[i]]).join(", ");
  const shown = tr("{count} held-out images.", { count });
  originals.draw(heldOut, labels.length ? `${shown} ${tr("In turn: {names}.", { names: namesOf(Array.from({ length: count }, (_, i) => i)) })}` : shown);
  const [error, drawn] = [1, 2].map(() => element("p", { class: "says" }));
  const redraw = element("button", { type: "button" }, [tr("New draws")]);
  redraw.addEventListener("click", onRedraw);
  const panels = [
    panel(tr("Held-out images and their reconstructions"), tr("The lower row is decoded from the mean of q(z|x); what it blurs is what so few numbers can not hold."), [
      ...[originals.box, reconstructions.box, error],
    ]),
    panel(tr("Draws from the prior"), tr("z ~ N(0, I), decoded. Without the KL the decoder was never asked for these places."), [draws.box, redraw, drawn]),
  ];
  const draw = (/** @type {Frame} */ { mu, variance, priorCodes, ...frame }) => {
    const away = frame.reconstructions.map((value, i) => (value - heldOut[i]) ** 2);
    error.textContent = tr("Mean squared error of a pixel: {error}.", { error: meanOf(away).toFixed(3) });
    reconstructions.draw(frame.reconstructions, `${tr("The reconstructions of these {count} images.", { count })} ${error.textContent}`);
    const words = [tr("Mean brightness {drawn}, of real images {real}.", { drawn: meanOf(frame.draws).toFixed(2), real: brightness.toFixed(2) })];
    const latent = variance.length;
    const near = Array.from({ length: 10 }, (_, i) => nearestOf(priorCodes.subarray(i * latent, (i + 1) * latent), mu));
    if (labels.length) words.push(tr("The real images whose codes lie nearest: {names}.", { names: namesOf(near) }));
    drawn.textContent = words.join(" ");
    draws.draw(frame.draws, `${tr("{count} draws from the prior, decoded.", { count: 10 })} ${drawn.textContent}`);
  };
  return { panels, draw };
}

/**
 * Calls `redraw` when the page turns light or dark, by the system, the site's switch or JupyterLab; returns what ends this.
 * @param {() => void} redraw
 */
function onColours(redraw) {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const observer = new MutationObserver(redraw);
  for (const root of [document.documentElement, document.body]) observer.observe(root, { attributes: true });
  dark.addEventListener("change", redraw);
  return () => {
    observer.disconnect();
    dark.removeEventListener("change", redraw);
  };
}
