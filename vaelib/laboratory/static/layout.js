// What the lab is laid out with: panels, rows of pictures, the bar of buttons, and the worker behind them.

const TILES = 15;

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
 * A row of pictures.
 * @param {number} count
 * @param {number[]} shape
 * @param {string} name
 */
function strip(count, shape, name) {
  const pictures = Array.from({ length: count }, (_, i) => imageCanvas(shape, `${name} ${i + 1}`));
  const box = element("div", { class: "strip" }, pictures.map(({ canvas }) => canvas));
  const size = shape[0] * shape[1] * shape[2];
  const draw = (/** @type {Float32Array} */ images) =>
    pictures.forEach(({ draw }, i) => draw(images.subarray(i * size, (i + 1) * size)));
  return { box, draw };
}

/**
 * Codes on a grid over the plane, from its upper left corner.
 * @param {number} reach
 */
const gridCodes = (reach) =>
  Float32Array.from({ length: 2 * TILES * TILES }, (_, n) => {
    const [tile, axis] = [n >> 1, n % 2];
    const step = ((axis ? Math.floor(tile / TILES) : tile % TILES) + 0.5) / TILES;
    return (axis ? 1 - 2 * step : 2 * step - 1) * reach;
  });

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
 * Ten held-out images, their reconstructions, and draws from the prior.
 * @param {LabInput} input
 * @param {() => void} onRedraw
 */
function imageViews({ data, image_shape: shape }, onRedraw) {
  const [originals, reconstructions, draws] = [tr("Held-out image"), tr("Reconstruction"), tr("Draw from the prior")].map((name) => strip(10, shape, name));
  originals.draw(Float32Array.from(data.heldOut.subarray(0, 10 * data.pixels), (v) => v / 255));
  const redraw = element("button", { type: "button" }, [tr("New draws")]);
  redraw.addEventListener("click", onRedraw);
  const panels = [
    panel(tr("Ten held-out images and their reconstructions"), tr("The lower row is decoded from the mean of q(z|x); what it blurs is what so few numbers can not hold."), [
      ...[originals.box, reconstructions.box],
    ]),
    panel(tr("Draws from the prior"), tr("z ~ N(0, I), decoded. Without the KL the decoder was never asked for these places."), [draws.box, redraw]),
  ];
  const draw = (/** @type {Frame} */ frame) => {
    reconstructions.draw(frame.reconstructions);
    draws.draw(frame.draws);
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
