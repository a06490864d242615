// A VAE and its gradients in WebAssembly: x -> mu, log sigma^2 -> z = mu + sigma eps -> logits -> log p(x|z) - beta KL.

const LOG_2PI = Math.log(2 * Math.PI);
const BYTES = 4; // of a number

/**
 * The weights in the order in which they lie in memory: encoder, mean, log-variance, decoder, each kernel before its bias.
 * @param {Sizes} sizes
 * @returns {Layer[]}
 */
function layersOf({ pixels, hidden, latent }) {
  const up = [pixels, ...hidden];
  const down = [latent, ...[...hidden].reverse(), pixels];
  const last = up[up.length - 1];
  const pairs = [
    ...hidden.map((width, i) => ({ part: "encoder", inputs: up[i], outputs: width })),
    { part: "encoder", inputs: last, outputs: latent },
    { part: "encoder", inputs: last, outputs: latent },
    ...down.slice(1).map((width, i) => ({ part: "decoder", inputs: down[i], outputs: width })),
  ];
  let at = 0;
  return pairs.map((layer) => {
    const start = at;
    at += (layer.inputs + 1) * layer.outputs;
    return { ...layer, start, bias: start + layer.inputs * layer.outputs, end: at };
  });
}

/**
 * The kernels with a memory of their own, in which `room` numbers can be laid out.
 * @param {WebAssembly.Module} module
 * @param {number} room
 */
function kernelsWith(module, room) {
  const page = 65536;
  const memory = new WebAssembly.Memory({ initial: 4 + Math.ceil((room * BYTES) / page) });
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  const base = /** @type {WebAssembly.Global} */ (exports.__heap_base).value;
  let next = Math.ceil(base / 16) * 16;
  const take = (/** @type {number} */ count) => {
    const numbers = new Float32Array(memory.buffer, next, count);
    next += Math.ceil((count * BYTES) / 16) * 16;
    return numbers;
  };
  return { kernels: /** @type {Kernels} */ (/** @type {unknown} */ (exports)), take };
}

/**
 * A VAE of these sizes for up to `batch` images at once. All numbers lie in the kernels' memory; `weights`, `gradients`
 * and the two moments of Adam are in the order of `layersOf`.
 * @param {WebAssembly.Module} module
 * @param {Sizes} sizes
 * @param {number} batch
 */
function vae(module, sizes, batch) {
  const { pixels, hidden, latent } = sizes;
  const layers = layersOf(sizes);
  const count = layers[layers.length - 1].end;
  const border = layers[hidden.length + 1].end; // the encoder's last weight
  const [widths, widest] = [hidden.reduce((sum, width) => sum + width, 0), Math.max(...hidden)];
  const aligned = 4 * (20 + 4 * hidden.length); // each piece begins on a border of four numbers
  const room = 4 * count + pixels + batch * (3 * pixels + 4 * widths + widest + 7 * latent + 1) + aligned;
  const { kernels, take } = kernelsWith(module, room);
  const [weights, gradients, first, second] = [0, 1, 2, 3].map(() => take(count));
  const at = (/** @type {Float32Array} */ numbers, offset = 0) => numbers.byteOffset + BYTES * offset;
  const places = take(pixels);
  const x = take(batch * pixels);
  const [eps, z, dz] = [0, 1, 2].map(() => take(batch * latent));
  const logPx = take(batch);
  const ups = hidden.map((width) => take(batch * width));
  const dUps = hidden.map((width) => take(batch * width));
  const [mu, logVar, dMu, dLogVar] = [0, 1, 2, 3].map(() => take(batch * latent));
  const downs = [...hidden].reverse().map((width) => take(batch * width));
  const dDowns = downs.map((h) => take(h.length));
  const extra = take(batch * widest);
  const logits = take(batch * pixels);
  const dLogits = take(batch * pixels);
  const trunk = layers.slice(0, hidden.length);
  const [mean, spread] = layers.slice(hidden.length, hidden.length + 2);
  const decoder = layers.slice(hidden.length + 2);

  const forward = (/** @type {Layer} */ layer, /** @type {Float32Array} */ from, /** @type {Float32Array} */ to, rows = batch) =>
    kernels.affine(at(from), at(weights, layer.start), at(weights, layer.bias), at(to), rows, layer.inputs, layer.outputs);

  /** x -> mu, logVar, for the first `rows` rows of x. */
  const encode = (rows = batch) => {
    const [head] = trunk;
    const [kernel, bias] = [at(weights, head.start), at(weights, head.bias)];
    kernels.affine_sparse(at(x), kernel, bias, at(ups[0]), at(places), rows, pixels, head.outputs);
    kernels.relu(at(ups[0]), rows * head.outputs);
    for (let i = 1; i < trunk.length; i++) {
      forward(trunk[i], ups[i - 1], ups[i], rows);
      kernels.relu(at(ups[i]), rows * trunk[i].outputs);
    }
    forward(mean, ups[trunk.length - 1], mu, rows);
    forward(spread, ups[trunk.length - 1], logVar, rows);
  };

  /** z = mu + exp(logVar / 2) eps; without noise z = mu. */
  const draw = (/** @type {boolean} */ noise, rows = batch) => {
    for (let i = 0; i < rows * latent; i++) z[i] = mu[i] + (noise ? Math.exp(logVar[i] / 2) * eps[i] : 0);
  };

  /** z -> logits. */
  const decode = (rows = batch) => {
    let h = z;
    decoder.forEach((layer, i) => {
      const to = downs[i] ?? logits;
      forward(layer, h, to, rows);
      if (i < downs.length) kernels.relu(at(to), rows * layer.outputs);
      h = to;
    });
  };

  /** logits, x -> logPx and dLogits = scale d log p(x|z) / d logits. */
  const likelihood = (/** @type {Likelihood} */ { family, sigma }, /** @type {number} */ scale, rows = batch) => {
    const [a, target, da, out] = [at(logits), at(x), at(dLogits), at(logPx)];
    if (family === "bernoulli") return kernels.bernoulli(a, target, da, out, rows, pixels, scale);
    kernels.gaussian(a, target, da, out, rows, pixels, scale, 1 / sigma ** 2);
    const constant = -0.5 * pixels * (LOG_2PI + 2 * Math.log(sigma));
    for (let i = 0; i < rows; i++) logPx[i] += constant;
  };

  /** KL(q(z|x) || N(0, I)) of row i, in nats. */
  const kl = (/** @type {number} */ i) => {
    let sum = 0;
    for (let j = i * latent; j < (i + 1) * latent; j++) sum += mu[j] ** 2 + Math.exp(logVar[j]) - 1 - logVar[j];
    return sum / 2;
  };

  /**
   * A layer's gradients from that of its output, and into `into` that of its input.
   * @param {Layer} layer
   * @param {Float32Array} from
   * @param {Float32Array} dTo
   * @param {Float32Array} into
   * @param {number} rows
   */
  const backward = ({ start, bias, inputs, outputs }, from, dTo, into, rows) => {
    kernels.weights_gradient(at(from), at(dTo), at(gradients, start), rows, inputs, outputs);
    kernels.bias_gradient(at(dTo), at(gradients, bias), rows, outputs);
    kernels.inputs_gradient(at(dTo), at(weights, start), at(into), rows, inputs, outputs);
  };

  /** dLogits -> the decoder's gradients, and dz. */
  const backThroughDecoder = (/** @type {number} */ rows) => {
    for (let i = decoder.length - 1; i >= 0; i--) {
      const [from, into] = i ? [downs[i - 1], dDowns[i - 1]] : [z, dz];
      backward(decoder[i], from, dDowns[i] ?? dLogits, into, rows);
      if (i) kernels.relu_gradient(at(from), at(into), rows * decoder[i].inputs);
    }
  };

  /** dz -> dMu, dLogVar: through z = mu + sigma eps, and from -beta KL. */
  const backThroughDraw = (/** @type {boolean} */ noise, /** @type {number} */ scaledBeta, /** @type {number} */ rows) => {
    for (let i = 0; i < rows * latent; i++) {
      dMu[i] = dz[i] - scaledBeta * mu[i];
      const throughNoise = noise ? (dz[i] * Math.exp(logVar[i] / 2) * eps[i]) / 2 : 0;
      dLogVar[i] = throughNoise - (scaledBeta * (Math.exp(logVar[i]) - 1)) / 2;
    }
  };

  /** dMu, dLogVar -> the encoder's gradients. */
  const backThroughEncoder = (/** @type {number} */ rows) => {
    const end = trunk.length - 1;
    backward(mean, ups[end], dMu, dUps[end], rows);
    backward(spread, ups[end], dLogVar, extra, rows);
    for (let i = 0; i < rows * trunk[end].outputs; i++) dUps[end][i] += extra[i];
    for (let i = end; i >= 0; i--) {
      kernels.relu_gradient(at(ups[i]), at(dUps[i]), rows * trunk[i].outputs);
      if (i) backward(trunk[i], ups[i - 1], dUps[i], dUps[i - 1], rows);
    }
    const { start, bias, outputs } = trunk[0];
    kernels.weights_gradient_sparse(at(x), at(dUps[0]), at(gradients, start), rows, pixels, outputs);
    kernels.bias_gradient(at(dUps[0]), at(gradients, bias), rows, outputs);
  };

  /** The mean terms of the batch in x with the noise in eps, in nats; `scale` is that of the derivative in the logits. */
  const termsOf = (/** @type {Objective} */ objective, rows = batch, scale = 1 / rows) => {
    encode(rows);
    draw(objective.noise, rows);
    decode(rows);
    likelihood(objective, scale, rows);
    const terms = { recon: 0, kl: 0 };
    for (let i = 0; i < rows; i++) {
      terms.recon += logPx[i] / rows;
      terms.kl += kl(i) / rows;
    }
    return terms;
  };

  /** The gradients of the batch's mean recon - beta KL, with respect to all weights but those of a frozen encoder. */
  const differentiate = (/** @type {Objective} */ objective, rows = batch) => {
    const terms = termsOf(objective, rows);
    backThroughDecoder(rows);
    backThroughDraw(objective.noise, objective.beta / rows, rows);
    if (!objective.frozen.encoder) backThroughEncoder(rows);
    return terms;
  };

  /** The Euclidean norm of each layer's gradient, in the order of `layers`. */
  const gradientNorms = () =>
    layers.map(({ start, end }) => Math.sqrt(gradients.subarray(start, end).reduce((sum, g) => sum + g * g, 0)));

  const updates = { encoder: 0, decoder: 0 };
  const spans = { encoder: [0, border], decoder: [border, count] };

  /** One update by Adam along the gradients; what is frozen keeps its weights, its moments and its count. */
  const update = (/** @type {Objective} */ { frozen, rate }) => {
    for (const part of /** @type {("encoder" | "decoder")[]} */ (["encoder", "decoder"])) {
      if (frozen[part]) continue;
      const steps = ++updates[part];
      const [start, end] = spans[part];
      const [p, g, m, v] = [weights, gradients, first, second].map((numbers) => at(numbers, start));
      kernels.adam(p, g, m, v, end - start, rate, 1 - 0.9 ** steps, 1 - 0.999 ** steps);
    }
  };

  /** The decoder's mean image of the first `rows` rows of z. */
  const pictures = (/** @type {number} */ rows) => {
    decode(rows);
    kernels.sigmoid(at(logits), at(logits), rows * pixels);
    return logits.slice(0, rows * pixels);
  };

  const numbers = { weights, gradients, first, second, x, eps, z, mu, logVar, logPx, dz, dMu, dLogVar, dLogits };
  return { ...numbers, sizes, layers, batch, updates, encode, draw, decode, kl, termsOf, differentiate, gradientNorms, update, pictures };
}
