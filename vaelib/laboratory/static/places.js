// Where codes are shown: the two dimensions of z that the plane has, how far it reaches, and a grid of codes over it.

const TILES = 15; // of the grid, along either axis
const REACHES = [4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256, 512, 1024, 4096, 16384];

/**
 * The two dimensions of z whose means vary most over the images, in the order of their numbers.
 * @param {Float32Array} mu
 * @param {number} latent
 */
function activeAxes(mu, latent) {
  const count = mu.length / latent;
  const variance = Array.from({ length: latent }, (_, j) => {
    let [sum, squares] = [0, 0];
    for (let i = j; i < mu.length; i += latent) {
      sum += mu[i];
      squares += mu[i] ** 2;
    }
    return squares / count - (sum / count) ** 2;
  });
  const order = variance.map((_, j) => j).sort((a, b) => variance[b] - variance[a]);
  return { axes: order.slice(0, 2).sort((a, b) => a - b), variance };
}

/**
 * The least reach of the list within which 98 of 100 codes lie.
 * @param {Float32Array} mu
 * @param {number[]} axes
 * @param {number} latent
 */
function reachOf(mu, axes, latent) {
  const sizes = Float32Array.from({ length: mu.length / latent }, (_, i) => Math.max(...axes.map((j) => Math.abs(mu[i * latent + j]))));
  const far = sizes.sort()[Math.floor(0.98 * (sizes.length - 1))];
  return REACHES.find((reach) => far <= reach) ?? REACHES[REACHES.length - 1];
}

/**
 * Codes on a grid over the plane of two dimensions of z, from its upper left corner; all other dimensions are 0.
 * @param {number} reach
 * @param {number[]} axes
 * @param {number} latent
 */
function gridCodes(reach, axes, latent) {
  const codes = new Float32Array(TILES * TILES * latent);
  for (let tile = 0; tile < TILES * TILES; tile++) {
    const [across, down] = [tile % TILES, Math.floor(tile / TILES)].map((place) => (2 * (place + 0.5)) / TILES - 1);
    codes[tile * latent + axes[0]] = across * reach;
    codes[tile * latent + axes[1]] = -down * reach;
  }
  return codes;
}
