// Random numbers from a seed, the same on every machine, and a ring of them.

/**
 * Uniform numbers in [0, 1), by sfc32 (Doty-Humphrey, PractRand), mixed from a seed and the number of a stream.
 * @param {number} seed
 * @param {number} stream
 * @returns {() => number}
 */
function uniforms(seed, stream) {
  let [a, b, c, counter] = [seed >>> 0, stream >>> 0, 0x9e3779b9, 1];
  const next = () => {
    const sum = (a + b + counter) >>> 0;
    counter = (counter + 1) >>> 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) >>> 0;
    c = (((c << 21) | (c >>> 11)) + sum) >>> 0;
    return sum / 2 ** 32;
  };
  for (let i = 0; i < 16; i++) next();
  return next;
}

/**
 * Fills `into` with draws from N(0, 1), by Box and Muller.
 * @param {() => number} uniform
 * @param {Float32Array} into
 */
function fillNormal(uniform, into) {
  for (let i = 0; i < into.length; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    const angle = 2 * Math.PI * uniform();
    into[i] = radius * Math.cos(angle);
    if (i + 1 < into.length) into[i + 1] = radius * Math.sin(angle);
  }
  return into;
}

/**
 * Initial weights as Flax has them: kernels from a normal that is cut at two deviations, of variance 1 / inputs; biases 0.
 * @param {Layer[]} layers
 * @param {() => number} uniform
 * @param {Float32Array} weights
 */
function fillInitial(layers, uniform, weights) {
  const CUT = 0.87962566103423978; // the deviation of N(0, 1) within [-2, 2]
  const pair = new Float32Array(2);
  for (const { start, bias, end, inputs } of layers) {
    for (let i = start; i < bias; i++) {
      do fillNormal(uniform, pair);
      while (Math.abs(pair[0]) > 2);
      weights[i] = pair[0] / (CUT * Math.sqrt(inputs));
    }
    weights.fill(0, bias, end);
  }
}

/**
 * The numbers 0, 1, ... count - 1 in a random order, by Fisher and Yates.
 * @param {() => number} uniform
 * @param {number} count
 */
function shuffled(uniform, count) {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(uniform() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

/**
 * Doersch's ring as images of two pixels, a byte each, x = 1/2 + (z/10 + z/|z|) / 3 with z ~ N(0, I); the label is the tenth of
 * the turn in which a point lies.
 * @param {() => number} uniform
 * @param {number} count
 */
function ringOf(uniform, count) {
  const z = fillNormal(uniform, new Float32Array(2 * count));
  const pixels = new Uint8Array(2 * count);
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const [a, b] = [z[2 * i], z[2 * i + 1]];
    const factor = 0.1 + 1 / Math.hypot(a, b);
    pixels[2 * i] = Math.round(255 * (0.5 + (factor * a) / RING_WIDTH));
    pixels[2 * i + 1] = Math.round(255 * (0.5 + (factor * b) / RING_WIDTH));
    labels[i] = Math.min(9, Math.floor((5 * Math.atan2(b, a)) / Math.PI + 5));
  }
  return { pixels, labels };
}
