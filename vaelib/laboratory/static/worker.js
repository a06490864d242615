// The worker's side: it trains while the page draws. A message is {do: name, ...}, and so is what it sends.

const SPAN = 24; // milliseconds of steps between two frames
const BETWEEN = 200; // milliseconds between two evaluations
const FULL = 1e6; // steps a second, which no machine reaches

/** @param {{ postMessage: (message: any) => void, onmessage: ((event: MessageEvent) => void) | null }} port */
function serve(port) {
  /** @type {ReturnType<typeof training>} */
  let run;
  /** @type {WebAssembly.Module} */
  let module;
  /** @type {LabData} */
  let data;
  /** @type {LabSettings} */
  let settings;
  /** @type {Uint8Array[]} */
  let drawings = [];
  let [playing, drawn, stepsPerSecond, due, last, evaluated, until] = [false, true, FULL, 0, 0, 0, Infinity];
  let owed = false; // a step that was asked for before the training images were there
  /** @type {any[]} */
  const early = []; // messages that came before the kernels were compiled

  /** @type {Looked} */
  let looked = { index: 0, eps: new Float32Array(0) };
  let tiled = false;

  const show = () => {
    const now = performance.now();
    const full = !playing || now - evaluated > BETWEEN;
    if (full) evaluated = now;
    const frame = run.frame({ evaluated: full, looked, tiled });
    if (frame.fault) playing = false;
    drawn = false;
    port.postMessage({ do: "frame", playing, ...frame });
  };

  const advance = () => {
    const start = performance.now();
    due += data.train.length ? ((start - last) / 1000) * stepsPerSecond : 0;
    last = start;
    while (due >= 1 && run.steps() < until && !run.fault() && performance.now() - start < SPAN) {
      run.step();
      due -= 1;
    }
    if (due > stepsPerSecond / 10) due = 0; // what could not be done in time is not made up for
  };

  const loop = () => {
    if (!playing) return;
    const before = run.steps();
    advance();
    if (run.steps() >= until) return actions.pause({});
    if (run.fault() || (drawn && run.steps() > before)) show();
    setTimeout(loop, stepsPerSecond === FULL ? 0 : 8);
  };

  const restart = () => {
    if (looked.eps.length !== settings.latent) looked.eps = new Float32Array(settings.latent);
    run = training(module, data, settings);
    if (drawings.length) run.include(drawings);
    show();
  };

  /** @type {Record<string, (message: any) => void>} */
  const actions = {
    async start(message) {
      ({ data, settings } = message);
      speak(message.words);
      module = await WebAssembly.compile(message.kernels);
      restart();
      for (const late of early.splice(0)) actions[late.do](late);
    },
    play(message) {
      until = message.until ?? Infinity;
      if (playing) return;
      [playing, due, last] = [true, 0, performance.now()];
      show();
      loop();
    },
    pause() {
      if (!playing) return;
      playing = false;
      show();
    },
    step() {
      playing = false;
      owed = !data.train.length;
      if (!owed) run.step();
      show();
    },
    learn(message) {
      data = { ...data, train: message.train };
      run.learn(data.train);
      if (drawings.length) run.include(drawings);
      if (owed) actions.step({});
    },
    reset(message) {
      settings = { ...settings, ...message.settings };
      restart();
    },
    set(message) {
      settings = { ...settings, ...message.settings };
      run.set(message.settings);
      if (!playing) show();
    },
    speed: (message) => (stepsPerSecond = message.stepsPerSecond),
    drawn: () => (drawn = true),
    include(message) {
      drawings = message.drawings;
      run.include(drawings);
    },
    redraw() {
      run.redraw();
      show();
    },
    look(message) {
      looked = { ...looked, ...message.looked };
      if (!playing) show();
    },
    tiles(message) {
      tiled = message.on;
      if (!playing) show();
    },
    goBack() {
      run.goBack();
      show();
    },
    load(message) {
      run.load(message.weights);
      show();
    },
    weights: () => port.postMessage({ do: "weights", steps: run.steps(), settings, weights: run.net.weights.slice() }),
  };
  port.onmessage = ({ data: message }) => {
    if (run || message.do === "start") actions[message.do](message);
    else early.push(message);
  };
}

serve(self);
