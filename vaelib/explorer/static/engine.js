// Networks in the browser, and the kernel for models that are no such network.

/** @type {Record<string, (a: number) => number>} */
const ACTIVATIONS = {
  relu: (a) => (a > 0 ? a : 0),
  tanh: Math.tanh,
  softplus: (a) => Math.max(a, 0) + Math.log1p(Math.exp(-Math.abs(a))),
  gelu: (a) => 0.5 * a * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (a + 0.044715 * a * a * a))),
  elu: (a) => (a > 0 ? a : Math.expm1(a)),
};

// E[x] = 1 / (1 - exp(-a)) - 1 / a cancels near a = 0, where its series is 1/2 + a/12 - a^3/720.
/** @param {number} a */
const continuousMean = (a) =>
  Math.abs(a) < 0.5 ? 0.5 + a / 12 - a ** 3 / 720 + a ** 5 / 30240 : -1 / Math.expm1(-a) - 1 / a;

/** @type {Record<string, (a: number) => number>} */
const OUTPUTS = {
  linear: (a) => a,
  sigmoid: (a) => 1 / (1 + Math.exp(-a)),
  "continuous-bernoulli": continuousMean,
};

/** @param {Uint16Array} words half precision numbers */
function halves(words) {
  const table = new Float32Array(65536);
  for (let word = 0; word < 65536; word++) {
    const sign = word & 0x8000 ? -1 : 1;
    const exponent = (word >> 10) & 31;
    const fraction = word & 1023;
    if (exponent === 0) table[word] = sign * 2 ** -24 * fraction;
    else if (exponent === 31) table[word] = fraction ? NaN : sign * Infinity;
    else table[word] = sign * 2 ** (exponent - 15) * (1 + fraction / 1024);
  }
  return Float32Array.from(words, (word) => table[word]);
}

/**
 * A network as a function of one vector.
 * @param {Header} header
 * @param {ArrayBufferView} data the weights: kernel, bias, kernel, bias ...
 * @returns {(input: Vector) => Float32Array}
 */
function network(header, data) {
  const bytes = data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength);
  const weights = header.half ? halves(new Uint16Array(bytes)) : new Float32Array(bytes);
  const last = header.sizes.length - 1;
  const layers = header.sizes.slice(1).map((size) => new Float32Array(size));
  return (input) => {
    /** @type {Vector} */
    let h = input;
    let at = 0;
    layers.forEach((out, index) => {
      const size = out.length;
      out.set(weights.subarray(at + h.length * size, at + (h.length + 1) * size));
      for (let i = 0; i < h.length; i++) {
        const scale = h[i];
        const row = at + i * size;
        if (scale !== 0) for (let j = 0; j < size; j++) out[j] += scale * weights[row + j];
      }
      at += (h.length + 1) * size;
      const f = index + 1 === last ? OUTPUTS[header.output] : ACTIVATIONS[header.activation];
      for (let j = 0; j < size; j++) out[j] = f(out[j]);
      h = out;
    });
    return Float32Array.from(h);
  };
}

const damaged = () => tr("The decoder yields NaN: its weights are damaged. Train or load it again.");

/**
 * Questions to the kernel. It answers when the cells before them are done, so none is given up; `onSilence` is called
 * with an error to show when an answer takes longer than ten seconds.
 * @param {WidgetState} model
 * @param {(error: Error) => void} onSilence
 * @returns {(ask: string, details?: object) => Promise<any>}
 */
function asker(model, onSilence) {
  const open = new Map();
  model.on("msg:custom", (content, buffers) => {
    const question = open.get(content.id);
    if (!question) return;
    open.delete(content.id);
    clearTimeout(question.timer);
    if (content.error) question.reject(new Error(content.error));
    else question.resolve({ ...content, buffers });
  });
  return (ask, details = {}) =>
    new Promise((resolve, reject) => {
      const id = crypto.getRandomValues(new Uint32Array(2)).join("-");
      const timer = setTimeout(() => onSilence(new Error(silence())), 10_000);
      open.set(id, { resolve, reject, timer });
      model.send({ ask, id, ...details });
    });
}

/** @param {ArrayBufferView} view */
const floats = (view) => new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));

/**
 * An encoder ends in mean and log-variance side by side; the widgets show mean and standard deviation.
 * @param {Float32Array} code
 */
function spread(code) {
  const latent = code.length / 2;
  return code.map((value, j) => (j < latent ? value : Math.exp(value / 2)));
}

/**
 * The functions decode(z) and encode(x) of the layers at hand.
 * @param {Record<string, Header>} headers
 * @param {ArrayBufferView[]} buffers
 * @returns {Record<string, (input: Vector) => Float32Array>}
 */
function engineFrom(headers, buffers) {
  const names = Object.keys(headers);
  const engine = Object.fromEntries(names.map((name, i) => [name, network(headers[name], buffers[i])]));
  const { encode } = engine;
  if (encode) engine.encode = (x) => spread(encode(x));
  return engine;
}

/**
 * They run in the browser where the kernel hands out the layers; the kernel answers for the others.
 * @param {WidgetState} model
 * @param {(error: Error) => void} onSilence
 * @returns {Promise<Engine & { needsKernel: boolean }>}
 */
async function engineOf(model, onSilence) {
  const ask = asker(model, onSilence);
  const { layers, buffers } = await ask("layers");
  const asked = (/** @type {string} */ name) => (/** @type {Vector} */ input) =>
    ask(name, { input: Array.from(input) }).then((answer) => floats(answer.buffers[0]));
  const local = engineFrom(layers, buffers);
  return { decode: asked("decode"), encode: asked("encode"), ...local, needsKernel: !local.decode };
}

/**
 * Calls `decode` for the newest input only: while one is being decoded, later ones replace each other.
 * @template In, Out
 * @param {(z: In) => Later<Out>} decode
 * @param {(z: In, x: Out) => void} draw
 * @param {(error: any) => void} fail
 * @returns {(z: In) => void}
 */
function newest(decode, draw, fail) {
  let busy = false;
  /** @type {In | null} */
  let waiting = null;
  const run = (/** @type {In} */ z) => {
    let answer;
    try {
      answer = decode(z);
      if (!(answer instanceof Promise)) return draw(z, answer);
    } catch (error) {
      return fail(error);
    }
    busy = true;
    answer
      .then((x) => draw(z, x), fail)
      .finally(() => {
        busy = false;
        const next = waiting;
        waiting = null;
        if (next) run(next);
      });
  };
  return (z) => (busy ? (waiting = z) : run(z));
}
