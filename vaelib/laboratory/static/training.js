// A training: its settings, its random numbers, its steps, and what can be seen of it.

const STREAMS = { weights: 0, order: 1, noise: 2, heldOut: 3, prior: 4 };
const EVALUATED = 500; // held-out images of an evaluation
const PICTURED = 10; // held-out images whose reconstructions are seen
const DRAWN = 10; // draws from the prior
const POINTS_DRAWN = 400; // the same where an image is a point of the plane
const GRID_REACH = 3; // there, of the grid of z that is decoded

/**
 * What a step does under these settings: the weight of the KL is 0 where it is off, and grows over the warm-up.
 * @param {LabSettings} settings
 * @param {number} steps that were taken before
 * @returns {Objective}
 */
function objectiveAt(settings, steps) {
  const { kl, beta, warm_up, noise, likelihood, sigma, learning_rate } = settings;
  const grown = warm_up > 0 ? Math.min(1, steps / warm_up) : 1;
  const frozen = { encoder: settings.freeze_encoder, decoder: settings.freeze_decoder };
  return { beta: kl ? beta * grown : 0, noise, family: likelihood, sigma, rate: learning_rate, frozen };
}

/**
 * @param {Terms} terms
 * @param {number} steps
 */
function faultOf(terms, steps) {
  const bad = /** @type {("recon" | "kl")[]} */ (["recon", "kl"]).find((name) => !Number.isFinite(terms[name]));
  if (!bad) return "";
  const values = { value: written(terms[bad]), steps };
  if (bad === "kl") return tr("The KL became {value} at step {steps}.", values);
  return tr("The reconstruction term became {value} at step {steps}.", values);
}

/**
 * @param {WebAssembly.Module} module
 * @param {LabData} data
 * @param {LabSettings} settings
 */
function training(module, data, settings) {
  const { pixels } = data;
  const isPoint = pixels === 2;
  let train = data.train;
  const heldOutCount = data.heldOut.length / pixels;
  const { seed, hidden, latent, batch_size: batch } = settings;
  const net = vae(module, { pixels, hidden, latent }, batch);
  const [weightDraws, orderDraws, noiseDraws] = [STREAMS.weights, STREAMS.order, STREAMS.noise].map((s) => uniforms(seed, s));
  const heldOutNoise = fillNormal(uniforms(seed, STREAMS.heldOut), new Float32Array(heldOutCount * latent));
  let priorSeed = seed;
  fillInitial(net.layers, weightDraws, net.weights);

  /** Rows of images, as pixels in [0, 1], into x. */
  const put = (/** @type {Uint8Array} */ images, /** @type {ArrayLike<number>} */ rows) => {
    for (let i = 0; i < rows.length; i++) {
      const from = rows[i] * pixels;
      for (let p = 0; p < pixels; p++) net.x[i * pixels + p] = images[from + p] / 255;
    }
  };

  const fromTheFirst = () => ({ order: shuffled(orderDraws, train.length / pixels), place: 0 });
  let { order, place } = fromTheFirst();
  const nextRows = () => {
    if (place + batch > order.length) ({ order, place } = fromTheFirst());
    place += batch;
    return order.subarray(place - batch, place);
  };

  /** Train on these drawings too, each so often that it comes about once a batch. */
  const include = (/** @type {Uint8Array[]} */ drawings) => {
    const times = Math.ceil(data.train.length / pixels / batch);
    train = new Uint8Array(data.train.length + drawings.length * times * pixels);
    train.set(data.train);
    drawings.forEach((drawing, i) => {
      for (let n = 0; n < times; n++) train.set(drawing, data.train.length + (i * times + n) * pixels);
    });
    ({ order, place } = fromTheFirst());
  };

  /** The training images, where there were none before: an order of none is over at once. */
  const learn = (/** @type {Uint8Array} */ images) => {
    data = { ...data, train: images };
    train = images;
  };

  let steps = 0;
  let fault = "";
  const since = { steps: 0, recon: 0, kl: 0 };

  /** One update, on the next rows of the training images and fresh noise, or on those given. */
  const step = (rows = nextRows(), /** @type {Float32Array | null} */ eps = null) => {
    put(train, rows);
    if (eps) net.eps.set(eps);
    else fillNormal(noiseDraws, net.eps);
    const objective = objectiveAt(settings, steps);
    const terms = net.differentiate(objective);
    fault = faultOf(terms, steps + 1);
    if (fault) return terms;
    net.update(objective);
    steps++;
    since.steps++;
    since.recon += terms.recon;
    since.kl += terms.kl;
    return terms;
  };

  /** Calls `see(rows, first)` for the held-out images, a batch at a time, with their pixels in x. */
  const overHeldOut = (/** @type {number} */ limit, /** @type {(rows: number, first: number) => void} */ see) => {
    const end = Math.min(limit, heldOutCount);
    for (let first = 0; first < end; first += batch) {
      const rows = Math.min(batch, end - first);
      put(data.heldOut, Uint32Array.from({ length: rows }, (_, i) => first + i));
      see(rows, first);
    }
  };

  /** q(z|x) of all held-out images. */
  const codes = () => {
    const [mu, logVar] = [new Float32Array(heldOutCount * latent), new Float32Array(heldOutCount * latent)];
    overHeldOut(heldOutCount, (rows, first) => {
      net.encode(rows);
      mu.set(net.mu.subarray(0, rows * latent), first * latent);
      logVar.set(net.logVar.subarray(0, rows * latent), first * latent);
    });
    return { mu, logVar };
  };

  /** The ELBO's mean terms on held-out images, always with noise and the KL in full, on the same noise each time. */
  const evaluate = (limit = EVALUATED) => {
    const sums = { recon: 0, kl: 0 };
    const bound = { ...objectiveAt(settings, steps), noise: true };
    const total = Math.min(limit, heldOutCount);
    overHeldOut(limit, (rows, first) => {
      net.eps.set(heldOutNoise.subarray(first * latent, (first + rows) * latent));
      const terms = net.termsOf(bound, rows);
      sums.recon += (terms.recon * rows) / total;
      sums.kl += (terms.kl * rows) / total;
    });
    return sums;
  };

  /** The mean images at codes z. */
  const decode = (/** @type {Float32Array} */ z) => {
    const images = new Float32Array((z.length / latent) * pixels);
    for (let first = 0; first * latent < z.length; first += batch) {
      const rows = Math.min(batch, z.length / latent - first);
      net.z.set(z.subarray(first * latent, (first + rows) * latent));
      images.set(net.pictures(rows), first * pixels);
    }
    return images;
  };

  const priorCodes = () => fillNormal(uniforms(priorSeed, STREAMS.prior), new Float32Array((isPoint ? POINTS_DRAWN : DRAWN) * latent));

  /** One image's way through the model, the held-out one of this index or the pixels given, and the loss's gradient on its way back. */
  const look = (/** @type {Looked} */ { index, pixels: drawing, eps }) => {
    if (drawing) put(drawing, [0]);
    else put(data.heldOut, [index]);
    net.eps.set(eps);
    const terms = net.differentiate({ ...objectiveAt(settings, steps), frozen: { encoder: false, decoder: false } }, 1);
    const first = (/** @type {Float32Array} */ numbers, /** @type {number} */ size) => numbers.slice(0, size);
    const ofLoss = (/** @type {Float32Array} */ numbers, /** @type {number} */ size) => first(numbers, size).map((value) => -value);
    const gradient = {
      ...{ logits: ofLoss(net.dLogits, pixels), z: ofLoss(net.dz, latent), mu: ofLoss(net.dMu, latent) },
      ...{ logVar: ofLoss(net.dLogVar, latent), norms: net.gradientNorms() },
    };
    const [mu, logVar, z] = [net.mu, net.logVar, net.z].map((numbers) => first(numbers, latent));
    return { ...terms, index, x: first(net.x, pixels), mu, logVar, z, eps: eps.slice(), gradient, picture: net.pictures(1) };
  };

  const state = /** @type {("weights" | "first" | "second")[]} */ (["weights", "first", "second"]);
  const good = { arrays: state.map((name) => net[name].slice()), updates: { ...net.updates }, steps: 0 };

  /** Keep the weights as they are, to go back to. */
  const keep = () => {
    good.arrays.forEach((array, i) => array.set(net[state[i]]));
    Object.assign(good, { updates: { ...net.updates }, steps });
  };

  /** The means of the terms over the steps since the last call; null where there were none. */
  const meanTerms = () => {
    const terms = since.steps ? { recon: since.recon / since.steps, kl: since.kl / since.steps } : null;
    Object.assign(since, { steps: 0, recon: 0, kl: 0 });
    return terms;
  };

  /**
   * What the views show; where all of it is finite and evaluated, the weights are kept to go back to.
   * @param {{ evaluated: boolean, looked: Looked, tiled: boolean }} asked
   */
  const frame = ({ evaluated, looked, tiled }) => {
    const { mu, logVar } = codes();
    const { axes, variance } = activeAxes(mu, latent);
    const reach = reachOf(mu, axes, latent);
    const tiles = tiled ? decode(gridCodes(isPoint ? GRID_REACH : reach, axes, latent)) : null;
    const [heldOut, prior] = [evaluated ? evaluate() : null, priorCodes()];
    const seen = {
      ...{ steps, images: steps * batch, mu, logVar, axes, variance, reach, train: meanTerms(), heldOut },
      ...{ beta: objectiveAt(settings, steps).beta, priorCodes: prior, draws: decode(prior) },
      reconstructions: decode(isPoint ? mu : mu.slice(0, PICTURED * latent)),
      ...{ look: look(looked), tiles },
    };
    if (!fault) fault = faultOf(heldOut ?? seen.look, steps);
    if (!fault && evaluated) keep();
    return { ...seen, fault };
  };

  /** Back to the last weights with which all was finite. */
  const goBack = () => {
    good.arrays.forEach((array, i) => net[state[i]].set(array));
    Object.assign(net.updates, good.updates);
    [steps, fault] = [good.steps, ""];
    meanTerms();
  };

  /** Weights from elsewhere; Adam begins anew. */
  const load = (/** @type {Float32Array} */ weights) => {
    net.weights.set(weights);
    net.first.fill(0);
    net.second.fill(0);
    Object.assign(net.updates, { encoder: 0, decoder: 0 });
    fault = "";
    keep();
  };

  return {
    ...{ net, step, codes, evaluate, decode, frame, look, goBack, load, include, learn },
    set: (/** @type {Partial<LabSettings>} */ changed) => (settings = { ...settings, ...changed }),
    redraw: () => (priorSeed += 1),
    fault: () => fault,
    steps: () => steps,
  };
}
