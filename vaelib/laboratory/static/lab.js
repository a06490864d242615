// The lab: a worker that trains, the controls that steer it, and the views of what it reaches.

const RATE_SPAN = 1000; // milliseconds over which images a second are counted
const HAND_OVER = 5000; // milliseconds between two hand-overs of the weights while it trains
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
    element("h3", {}, [title]),
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
  const play = button("Play", "Train", "play");
  const speed = element("select", { "aria-label": "Speed" }, SPEEDS.map(([text, value]) => element("option", { value }, [text])));
  speed.value = String(FULL_SPEED);
  speed.addEventListener("change", () => act("speed"));
  const status = element("p", { class: "status" });
  const buttons = [play, button("One step", `One update on ${settings.batch_size} images`, "step"), button("Reset", "New weights", "reset")];
  return { bar: element("div", { class: "top" }, [...buttons, speed, status]), play, speed, status };
}

/**
 * @param {LabInput} input
 * @param {HTMLElement} el
 */
function openLab(input, el) {
  const { data, labels, image_shape: shape, quantityColors } = input;
  const kinds = { colors: input.classColors, classes: input.classes, word: input.classWord };
  let settings = { ...input.settings };
  const { worker, end } = startWorker(input.worker);
  const send = (/** @type {string} */ name, details = {}) => worker.postMessage({ do: name, ...details });
  const history = record();
  /** @type {Frame | null} */
  let frame = null;
  /** @type {[number, number][]} */
  let seen = [];
  let [playing, resting, waiting, handedOver] = [false, false, false, 0];

  const heldOutCount = data.heldOut.length / data.pixels;
  const look = (/** @type {Partial<Looked>} */ looked) => send("look", { looked });
  const newEps = () => look({ eps: normals(settings.latent) });
  const views = {
    plane: codesPlane(labels, kinds, (index) => look({ index, pixels: null })),
    terms: curves("ELBO and reconstruction", [
      { key: "heldOutElbo", label: "ELBO, held out", color: quantityColors.elbo },
      { key: "trainElbo", label: "recon − KL, training", color: quantityColors.elbo, thin: true },
      { key: "heldOutRecon", label: "recon, held out", color: quantityColors.recon },
    ]),
    kl: curves("KL", [
      { key: "heldOutKl", label: "KL, held out", color: quantityColors.kl },
      { key: "trainKl", label: "KL, training", color: quantityColors.kl, thin: true },
    ]),
    cost: costBar(quantityColors),
    originals: strip(10, shape, "Held-out image"),
    reconstructions: strip(10, shape, "Reconstruction"),
    draws: strip(10, shape, "Draw from the prior"),
    pipeline: pipeline(shape, {
      onEps: newEps,
      onOther: () => look({ index: Math.floor(Math.random() * heldOutCount), pixels: null }),
    }),
  };
  views.originals.draw(Float32Array.from(data.heldOut.subarray(0, 10 * data.pixels), (v) => v / 255));

  const alert = element("div", { class: "alert", role: "alert", hidden: "" });
  const code = element("code");
  const link = element("a", { href: "#" }, ["link to these settings"]);
  const state = (/** @type {boolean} */ now) => {
    playing = now;
    top.play.textContent = now ? "Pause" : "Play";
    top.play.setAttribute("aria-pressed", String(now));
  };
  const say = () => {
    code.textContent = codeOf(settings, input.defaults);
    link.setAttribute("href", fragmentOf(settings, input.defaults));
  };
  const reset = () => {
    history.clear();
    seen = [];
    alert.hidden = true;
    send("reset", { settings });
    askTiles();
  };
  const act = (/** @type {string} */ name) => {
    if (name === "speed") return send("speed", { stepsPerSecond: Number(top.speed.value) });
    if (name === "reset") return state(false), send("pause"), reset();
    if (name === "play" && playing) return state(false), send("pause");
    state(name === "play");
    send(name);
  };
  const top = topBar(act, settings);
  const controls = controlPanel(settings, (changed, restarts) => {
    settings = { ...settings, ...changed };
    say();
    if (restarts) reset();
    else send("set", { settings: changed });
  });

  const check = (/** @type {string} */ text, /** @type {(on: boolean) => void} */ onChange) => {
    const box = element("input", { type: "checkbox" });
    box.addEventListener("change", () => onChange(box.checked));
    return element("label", { class: "switch" }, [box, text]);
  };
  let tiled = false;
  const askTiles = () => send("tiles", { codes: tiled && settings.latent === 2 ? gridCodes(views.plane.reach()) : null });
  const redraw = element("button", { type: "button" }, ["New draws"]);
  redraw.addEventListener("click", () => send("redraw"));

  el.classList.add("vaelib", "vaelib-lab");
  el.append(
    top.bar,
    alert,
    element("div", { class: "grid" }, [
      element("div", {}, [controls.panel]),
      panel("The plane of z", "Digits part into regions; with the KL on, all of them together fill the prior's circles, with it off they spread.", [
        views.plane.canvas,
        views.plane.says,
        element("div", { class: "checks" }, [
          check("q(z|x) of each image", (on) => {
            views.plane.options.ellipses = on;
            if (frame) draw(frame);
          }),
          check("decoded tiles behind", (on) => {
            tiled = on;
            askTiles();
          }),
        ]),
      ]),
      element("div", {}, [
        panel("The two terms", "Reconstruction pulls one way, the KL the other; their difference is the ELBO. Held-out terms always have noise and β = 1.", [
          views.cost.box,
          ...[views.terms.canvas, views.terms.legend, views.kl.canvas, views.kl.legend],
        ]),
      ]),
    ]),
    element("div", { class: "lower" }, [
      element("div", {}, [
        panel("Ten held-out images and their reconstructions", "The lower row is decoded from the mean of q(z|x); what it blurs is what so few numbers can not hold.", [
          ...[views.originals.box, views.reconstructions.box],
        ]),
        panel("Draws from the prior", "z ~ N(0, I), decoded. Without the KL the decoder was never asked for these places.", [views.draws.box, redraw]),
      ]),
      panel("One image, step by step", "Click on a code in the plane to follow its image. Point at a symbol and its place lights up.", [views.pipeline.root]),
    ]),
    element("p", { class: "settings" }, ["This run: ", code, " · ", link]),
  );

  const note = (/** @type {Frame} */ next) => {
    const { steps, train, heldOut } = next;
    if (train) {
      history.add("trainElbo", steps, train.recon - train.kl);
      history.add("trainKl", steps, train.kl);
    }
    if (!heldOut) return;
    history.add("heldOutElbo", steps, heldOut.recon - heldOut.kl);
    history.add("heldOutRecon", steps, heldOut.recon);
    history.add("heldOutKl", steps, heldOut.kl);
    views.cost.show(heldOut);
  };
  const draw = (/** @type {Frame} */ next) => {
    views.plane.draw(next, settings.latent, shape);
    views.terms.draw(history.lines());
    views.kl.draw(history.lines());
    views.reconstructions.draw(next.reconstructions);
    views.draws.draw(next.draws);
    views.pipeline.show(next.look, next.look.index >= 0 ? views.plane.nameOf(next.look.index) : "your drawing");
    const now = performance.now();
    seen = [...seen.filter(([time]) => now - time < RATE_SPAN), [now, next.images]];
    const rate = seen.length > 1 ? ((next.images - seen[0][1]) / (now - seen[0][0])) * 1000 : 0;
    const speed = next.playing && rate > 0 ? `, ${(Math.round(rate / 100) * 100).toLocaleString("en")} images/s` : "";
    const weight = settings.kl && settings.warm_up ? `, β now ${next.beta.toFixed(2)}` : "";
    top.status.textContent = `Step ${next.steps.toLocaleString("en")}, ${next.images.toLocaleString("en")} images${speed}${weight}`;
  };
  const onFault = (/** @type {string} */ fault) => {
    state(false);
    const back = element("button", { type: "button" }, ["Go back to the last good weights"]);
    back.addEventListener("click", () => {
      alert.hidden = true;
      send("goBack");
    });
    alert.replaceChildren(`${fault} Training has stopped. Try a lower learning rate. `, back);
    alert.hidden = false;
  };
  const onFrame = (/** @type {Frame} */ next) => {
    if (next.fault) onFault(next.fault);
    else if (!resting) state(next.playing);
    if (frame && next.steps < frame.steps) history.cut(next.steps);
    const reach = views.plane.reach();
    frame = next;
    note(next);
    if (!waiting) requestAnimationFrame(paint);
    waiting = true;
    el.dispatchEvent(new CustomEvent("frame", { detail: next }));
    if (tiled && reach !== views.plane.reach()) askTiles();
  };
  const paint = () => {
    waiting = false;
    if (frame) draw(frame);
    send("drawn");
    const now = performance.now();
    if (!input.onWeights || (playing && now - handedOver < HAND_OVER)) return;
    handedOver = now;
    send("weights");
  };
  worker.onmessage = ({ data: message }) => {
    if (message.do === "frame") onFrame(message);
    else input.onWeights?.(message.weights, message.steps, message.settings);
  };
  worker.onerror = (event) => {
    state(false);
    alert.textContent = `The training could not run: ${event.message}`;
    alert.hidden = false;
  };
  // A page that is not seen rests, and goes on when it is seen again.
  const onVisibility = () => {
    if (!playing) return;
    resting = document.hidden;
    send(resting ? "pause" : "play");
  };
  document.addEventListener("visibilitychange", onVisibility);

  say();
  send("start", { kernels: input.kernels, data, settings });
  return {
    stop: () => {
      document.removeEventListener("visibilitychange", onVisibility);
      end();
    },
    load: (/** @type {Float32Array} */ weights, /** @type {LabSettings} */ changed) => {
      settings = { ...settings, ...changed };
      controls.set(settings);
      say();
      reset();
      send("load", { weights });
    },
  };
}
