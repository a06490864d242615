// The lab: a worker that trains, the controls that steer it, and the views of what it reaches.

const RATE_SPAN = 1000; // milliseconds over which images a second are counted
const HAND_OVER = 5000; // milliseconds between two hand-overs of the weights while it trains
const CALM_SPAN = 1000; // milliseconds between two frames for readers who ask for less motion

const RING = { train: 2000, heldOut: 800 }; // points

/**
 * The input with the data that its settings name.
 * @param {LabInput} input
 * @returns {LabInput}
 */
function dataOf(input) {
  if (input.settings.data !== "ring") return input;
  const [train, heldOut] = [RING.train, RING.heldOut].map((count, stream) => ringOf(uniforms(0, stream), count));
  const kinds = { classColors: input.ringColors, classes: Array.from("0123456789"), classWord: tr("tenth of the turn") };
  const data = { pixels: 2, train: train.pixels, heldOut: heldOut.pixels };
  return { ...input, ...kinds, data, labels: heldOut.labels, image_shape: [1, 2, 1] };
}

/**
 * A lab, which opens anew where the reader takes other data.
 * @param {LabInput} input
 * @param {HTMLElement} el
 */
function openLab(input, el) {
  const shown = { ellipses: false, tiles: false };
  const open = (/** @type {LabSettings} */ settings) => {
    el.replaceChildren();
    return openOn(dataOf({ ...input, settings }), el, shown, (changed) => {
      lab.stop();
      lab = open(changed);
      for (const select of el.querySelectorAll("select")) if (select.getAttribute("aria-label") === tr("Data")) select.focus();
    });
  };
  let lab = open(input.settings);
  return {
    stop: () => lab.stop(),
    load: (/** @type {Float32Array} */ weights, /** @type {LabSettings} */ changed) => lab.load(weights, changed),
  };
}

// What to look at in two of the panels.
const planeLine = () =>
  [
    tr("Digits part into regions; with the KL on, all of them together fill the prior's circles, with it off they spread."),
    tr("Above and beside the plane: a histogram of z ~ q(z|x) over all images, and the prior's density as a line."),
  ].join(" ");
const termsLine = () =>
  [
    tr("Reconstruction pulls one way, the KL the other; their difference is the ELBO. Held-out terms always have noise and β = 1."),
    tr("In the bars a cost lies to the right of 0, and a log p(x|z) above 0, which a Gaussian's density may have, to its left."),
  ].join(" ");

/**
 * @param {LabInput} input
 * @param {HTMLElement} el
 * @param {Shown} shown
 * @param {(settings: LabSettings) => void} reopen
 */
function openOn(input, el, shown, reopen) {
  const { data, labels, image_shape: shape, quantityColors } = input;
  const kinds = { colors: input.classColors, classes: input.classes, word: input.classWord };
  const isPoint = data.pixels === 2;
  let settings = { ...input.settings };
  const { worker, end } = startWorker(input.worker);
  const send = (/** @type {string} */ name, details = {}) => worker.postMessage({ do: name, ...details });
  const history = record();
  /** @type {Frame | null} */
  let frame = null;
  /** @type {Terms | null} */
  let trained = null; // the newest terms of the training images
  /** @type {[number, number][]} */
  let seen = [];
  let [playing, resting, waiting, handedOver] = [false, false, false, 0];
  let until = Infinity; // the step at which it stops by itself

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let calmed;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const takesDrawings = shape.join() === "28,28,1";
  const heldOutCount = data.heldOut.length / data.pixels;
  const look = (/** @type {Partial<Looked>} */ looked) => send("look", { looked });
  const newEps = () => look({ eps: normals(settings.latent) });
  const views = {
    plane: codesPlane(labels, kinds, (index) => look({ index, pixels: null })),
    terms: curves(tr("ELBO and reconstruction"), [
      { key: "heldOutElbo", label: tr("ELBO, held out"), color: quantityColors.elbo },
      { key: "trainElbo", label: tr("recon − KL, training"), color: quantityColors.elbo, thin: true },
      { key: "heldOutRecon", label: tr("recon, held out"), color: quantityColors.recon },
      { key: "trainRecon", label: tr("recon, training"), color: quantityColors.recon, thin: true },
    ]),
    kl: curves("KL", [
      { key: "heldOutKl", label: tr("KL, held out"), color: quantityColors.kl },
      { key: "trainKl", label: tr("KL, training"), color: quantityColors.kl, thin: true },
    ]),
    cost: costBars(quantityColors),
    pictures: isPoint ? pointViews(input) : imageViews(input, () => send("redraw")),
    own: ownDigit(
      (pixels) => look(pixels ? { index: -1, pixels } : { index: 0, pixels: null }),
      (drawings) => send("include", { drawings }),
    ),
    pipeline: pipeline(shape, {
      onEps: newEps,
      onOther: () => look({ index: Math.floor(Math.random() * heldOutCount), pixels: null }),
    }),
  };
  const alert = element("div", { class: "alert", role: "alert", hidden: "" });
  const code = element("code");
  const link = element("a", { href: "#" }, [input.whole ? tr("the whole lab, at these settings") : tr("link to these settings")]);
  const state = (/** @type {boolean} */ now) => {
    playing = now;
    top.play.textContent = now ? tr("Pause") : tr("Play");
    top.play.setAttribute("aria-pressed", String(now));
  };
  const say = () => {
    code.textContent = codeOf(settings, input.defaults, input.passed);
    link.setAttribute("href", (input.whole ?? "") + fragmentOf(settings, input.linked ?? input.defaults));
  };
  const reset = () => {
    history.clear();
    [seen, trained] = [[], null];
    alert.hidden = true;
    send("reset", { settings });
  };
  const act = (/** @type {string} */ name) => {
    if (name === "speed") return send("speed", { stepsPerSecond: Number(top.speed.value) });
    if (name === "reset") return state(false), send("pause"), reset();
    if (name === "play" && playing) return state(false), send("pause");
    if (name === "play") return play(Infinity);
    state(false);
    send(name);
  };
  const play = (/** @type {number} */ end) => {
    until = end;
    state(true);
    send("play", { until });
  };
  const top = topBar(act, settings);
  const onControl = (/** @type {Partial<LabSettings>} */ changed, /** @type {boolean} */ restarts) => {
    if (changed.data) {
      const { likelihood, sigma } = input.defaults;
      return reopen(withData({ ...settings, likelihood, sigma }, changed.data));
    }
    settings = { ...settings, ...changed };
    say();
    if (restarts) reset();
    else send("set", { settings: changed });
  };
  const controls = input.whole ? controlPanel(settings, onControl, SWITCHES) : controlPanel(settings, onControl);

  const check = (/** @type {string} */ text, /** @type {keyof Shown} */ name, /** @type {() => void} */ onChange) => {
    const box = element("input", { type: "checkbox" });
    box.checked = shown[name];
    box.addEventListener("change", () => ((shown[name] = box.checked), onChange()));
    return element("label", { class: "switch" }, [box, text]);
  };
  const askTiles = () => send("tiles", { on: isPoint || shown.tiles });
  const drawAgain = () => frame && draw(frame);

  const inBrief = () => [
    element("div", { class: "brief" }, [
      element("div", {}, [views.plane.canvas, views.plane.says]),
      element("div", {}, [controls.panel, views.cost.box]),
    ]),
    views.pictures.panels[0],
    element("p", { class: "settings" }, [link]),
  ];
  const settingsLine = element("p", { class: "settings" }, [tr("This run: "), code, ...(input.linked ? [" · ", link] : [])]);
  const inFull = () => [
    element("div", { class: "grid" }, [
      element("div", {}, [controls.panel]),
      panel(tr("The plane of z"), planeLine(), [
        views.plane.canvas,
        views.plane.says,
        element("div", { class: "checks" }, [
          check(tr("q(z|x) of each image"), "ellipses", drawAgain),
          ...(isPoint ? [] : [check(tr("decoded tiles behind"), "tiles", askTiles)]),
        ]),
      ]),
      element("div", {}, [
        panel(tr("The two terms"), termsLine(), [
          views.cost.box,
          ...[views.terms.canvas, views.terms.legend, views.kl.canvas, views.kl.legend],
        ]),
      ]),
    ]),
    element("div", { class: "lower" }, [
      element("div", {}, [
        ...views.pictures.panels,
        ...(takesDrawings ? [panel(tr("Your own digit"), tr("Draw one: the pipeline follows it. Does the model have a place for it? Train on it, and look again."), [views.own.box])] : []),
      ]),
      panel(tr("One image, step by step"), tr("Click on a code in the plane to follow its image. Point at a symbol and its place lights up."), [views.pipeline.root]),
    ]),
    settingsLine,
  ];
  el.classList.add("vaelib", "vaelib-lab");
  el.append(top.bar, alert, ...(input.whole ? inBrief() : inFull()));

  // What the tour lights, and what it does, each as the reader does it.
  const parts = {
    ...{ plane: views.plane.canvas, way: views.pipeline.way, terms: views.cost.box, pictures: views.pictures.panels[0] },
    ...{ own: takesDrawings ? views.own.box : null, settings: settingsLine },
    ...Object.fromEntries(["kl", "noise", "beta"].map((name) => [name, controls.lineOf(name)])),
  };
  const hand = {
    ...{ steer: controls.turn, reset: () => act("reset"), eps: newEps, rest: () => act("play") },
    train: (/** @type {number} */ count) => {
      top.speed.value = String(FULL_SPEED);
      act("speed");
      play((frame?.steps ?? 0) + count);
    },
  };
  const tour = input.whole || isPoint ? null : guidedTour({ el, parts, hand, labels, notebooks: input.notebooks });
  if (tour) {
    top.bar.insertBefore(tour.button, top.status);
    top.bar.after(tour.card);
  }

  const note = (/** @type {Frame} */ next) => {
    const { steps, train, heldOut } = next;
    if (train) {
      trained = train;
      history.add("trainElbo", steps, train.recon - train.kl);
      history.add("trainRecon", steps, train.recon);
      history.add("trainKl", steps, train.kl);
    }
    if (!heldOut) return;
    history.add("heldOutElbo", steps, heldOut.recon - heldOut.kl);
    history.add("heldOutRecon", steps, heldOut.recon);
    history.add("heldOutKl", steps, heldOut.kl);
    views.cost.show(heldOut, trained);
  };
  const draw = (/** @type {Frame} */ next) => {
    views.plane.draw(next, shape, shown);
    views.terms.draw(history.lines());
    views.kl.draw(history.lines());
    views.pictures.draw(next);
    views.pipeline.show(next.look, next.look.index >= 0 ? views.plane.nameOf(next.look.index) : tr("your drawing"), next);
    const now = performance.now();
    const span = calm.matches ? 3 * CALM_SPAN : RATE_SPAN;
    seen = [...seen.filter(([time]) => now - time < span), [now, next.images]];
    const rate = seen.length > 1 ? ((next.images - seen[0][1]) / (now - seen[0][0])) * 1000 : 0;
    const speed = next.playing && rate > 0 ? tr(", {rate} images/s", { rate: (Math.round(rate / 100) * 100).toLocaleString("en") }) : "";
    const weight = settings.kl && settings.warm_up ? tr(", β now {beta}", { beta: next.beta.toFixed(2) }) : "";
    const [steps, images] = [next.steps.toLocaleString("en"), next.images.toLocaleString("en")];
    top.status.textContent = tr("Step {steps}, {images} images", { steps, images }) + speed + weight;
  };
  const onFault = (/** @type {string} */ fault) => {
    state(false);
    const back = element("button", { type: "button" }, [tr("Go back to the last good weights")]);
    back.addEventListener("click", () => {
      alert.hidden = true;
      send("goBack");
    });
    alert.replaceChildren(`${fault} ${tr("Training has stopped. Try a lower learning rate.")} `, back);
    alert.hidden = false;
  };
  const onFrame = (/** @type {Frame} */ next) => {
    if (next.fault) onFault(next.fault);
    else if (!resting) state(next.playing);
    if (frame && next.steps < frame.steps) history.cut(next.steps);
    frame = next;
    note(next);
    if (!waiting) requestAnimationFrame(paint);
    waiting = true;
    if (!resting) tour?.see(next);
    el.dispatchEvent(new CustomEvent("frame", { detail: next }));
  };
  const paint = () => {
    waiting = false;
    if (frame) draw(frame);
    clearTimeout(calmed);
    if (calm.matches) calmed = setTimeout(send, CALM_SPAN, "drawn");
    else send("drawn");
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
    alert.textContent = tr("The training could not run: {error}", { error: event.message });
    alert.hidden = false;
  };
  // A page that is not seen rests, and goes on when it is seen again.
  const onVisibility = () => {
    if (!playing) return;
    resting = document.hidden;
    if (resting) send("pause");
    else send("play", { until });
  };
  document.addEventListener("visibilitychange", onVisibility);
  const forgetColours = onColours(drawAgain);

  say();
  send("start", { kernels: input.kernels, data, settings, words: told.words });
  if (!data.train.length) {
    input.trainLater?.then((train) => {
      data.train = train;
      send("learn", { train });
    });
  }
  askTiles();
  if (takesDrawings && !input.whole) views.own.start();
  return {
    stop: () => {
      document.removeEventListener("visibilitychange", onVisibility);
      forgetColours();
      tour?.stop();
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
