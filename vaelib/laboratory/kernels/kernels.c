// The arithmetic of a training step on float32 matrices, row by row in memory, four numbers at a time.
//
// No library is linked and no instruction is used whose rounding is left to the machine: the same numbers come out in
// every browser. Matrices are x (rows, in), w (in, out), y (rows, out). `build.py` compiles this file.

typedef float four __attribute__((vector_size(16), aligned(4)));
typedef int mask __attribute__((vector_size(16)));

#define KERNEL(name) __attribute__((export_name(#name))) void name
#define INLINE static inline __attribute__((always_inline))

INLINE four splat(float value) { return (four){value, value, value, value}; }
INLINE four load(const float *at) { return *(const four *)at; }
INLINE void store(float *at, four value) { *(four *)at = value; }
INLINE float sum(four value) { return (value[0] + value[1]) + (value[2] + value[3]); }
INLINE four select(mask condition, four yes, four no) {
  return (four)(((mask)yes & condition) | ((mask)no & ~condition));
}

// exp(-t) for t >= 0: 2^n times a polynomial on [-ln 2 / 2, ln 2 / 2], zero beyond the smallest normal number.
INLINE four exp_minus(four t) {
  const four x = select((mask)(t > splat(87.0f)), splat(-87.0f), -t);
  const four n = __builtin_wasm_nearest_f32x4(x * splat(1.44269504f));
  const four r = (x - n * splat(0.693359375f)) - n * splat(-2.12194440e-4f);
  four p = splat(1.9875691500e-4f);
  p = p * r + splat(1.3981999507e-3f);
  p = p * r + splat(8.3334519073e-3f);
  p = p * r + splat(4.1665795894e-2f);
  p = p * r + splat(1.6666665459e-1f);
  p = p * r + splat(5.0000001201e-1f);
  p = p * r * r + r + splat(1.0f);
  const mask power = (__builtin_convertvector(n, mask) + 127) << 23;
  return select((mask)(t > splat(87.0f)), splat(0.0f), p * (four)power);
}

// log(1 + e) for e in [0, 1], as 2 artanh(e / (2 + e)), exact to rounding near 0 too.
INLINE four log_one_plus(four e) {
  const four s = e / (e + splat(2.0f));
  const four q = s * s;
  four p = splat(2.0f / 15.0f);
  p = p * q + splat(2.0f / 13.0f);
  p = p * q + splat(2.0f / 11.0f);
  p = p * q + splat(2.0f / 9.0f);
  p = p * q + splat(2.0f / 7.0f);
  p = p * q + splat(2.0f / 5.0f);
  p = p * q + splat(2.0f / 3.0f);
  p = p * q + splat(2.0f);
  return s * p;
}

INLINE four absolute(four value) { return (four)((mask)value & 0x7fffffff); }
INLINE four sigmoid_of(four a, four e) {
  const four upper = splat(1.0f) / (splat(1.0f) + e);
  return select((mask)(a < splat(0.0f)), e * upper, upper);
}

// y = x w + b on `height` rows and 4 `width` columns, the sums held in registers.
INLINE void affine_tile(const float *x, const float *w, const float *b, float *y, int in, int out, int height, int width) {
  four sums[8];
  for (int r = 0; r < height; r++)
    for (int c = 0; c < width; c++) sums[r * width + c] = load(b + 4 * c);
  for (int k = 0; k < in; k++)
    for (int r = 0; r < height; r++) {
      const four value = splat(x[r * in + k]);
      for (int c = 0; c < width; c++) sums[r * width + c] += value * load(w + k * out + 4 * c);
    }
  for (int r = 0; r < height; r++)
    for (int c = 0; c < width; c++) store(y + r * out + 4 * c, sums[r * width + c]);
}

KERNEL(affine)(const float *x, const float *w, const float *b, float *y, int rows, int in, int out) {
  int j = 0;
  for (; j + 8 <= out; j += 8) {
    int i = 0;
    for (; i + 4 <= rows; i += 4) affine_tile(x + i * in, w + j, b + j, y + i * out + j, in, out, 4, 2);
    for (; i < rows; i++) affine_tile(x + i * in, w + j, b + j, y + i * out + j, in, out, 1, 2);
  }
  for (; j < out; j++)
    for (int i = 0; i < rows; i++) {
      float total = b[j];
      for (int k = 0; k < in; k++) total += x[i * in + k] * w[k * out + j];
      y[i * out + j] = total;
    }
}

// The same for x that is mostly zero, as the pixels of a digit are. `places` has room for `in` numbers.
KERNEL(affine_sparse)(const float *x, const float *w, const float *b, float *y, int *places, int rows, int in, int out) {
  for (int i = 0; i < rows; i++, x += in, y += out) {
    int count = 0;
    for (int k = 0; k < in; k++)
      if (x[k] != 0.0f) places[count++] = k;
    int j = 0;
    for (; j + 32 <= out; j += 32) {
      four sums[8];
      for (int c = 0; c < 8; c++) sums[c] = load(b + j + 4 * c);
      for (int n = 0; n < count; n++) {
        const four value = splat(x[places[n]]);
        const float *row = w + places[n] * out + j;
        for (int c = 0; c < 8; c++) sums[c] += value * load(row + 4 * c);
      }
      for (int c = 0; c < 8; c++) store(y + j + 4 * c, sums[c]);
    }
    for (; j < out; j++) {
      float total = b[j];
      for (int n = 0; n < count; n++) total += x[places[n]] * w[places[n] * out + j];
      y[j] = total;
    }
  }
}

// dw = x^T dy on `height` rows of dw and 4 `width` columns.
INLINE void weights_tile(const float *x, const float *dy, float *dw, int rows, int in, int out, int height, int width) {
  four sums[8];
  for (int s = 0; s < height * width; s++) sums[s] = splat(0.0f);
  for (int k = 0; k < rows; k++)
    for (int r = 0; r < height; r++) {
      const four value = splat(x[k * in + r]);
      for (int c = 0; c < width; c++) sums[r * width + c] += value * load(dy + k * out + 4 * c);
    }
  for (int r = 0; r < height; r++)
    for (int c = 0; c < width; c++) store(dw + r * out + 4 * c, sums[r * width + c]);
}

KERNEL(weights_gradient)(const float *x, const float *dy, float *dw, int rows, int in, int out) {
  int j = 0;
  for (; j + 8 <= out; j += 8) {
    int i = 0;
    for (; i + 4 <= in; i += 4) weights_tile(x + i, dy + j, dw + i * out + j, rows, in, out, 4, 2);
    for (; i < in; i++) weights_tile(x + i, dy + j, dw + i * out + j, rows, in, out, 1, 2);
  }
  for (; j < out; j++)
    for (int i = 0; i < in; i++) {
      float total = 0.0f;
      for (int k = 0; k < rows; k++) total += x[k * in + i] * dy[k * out + j];
      dw[i * out + j] = total;
    }
}

KERNEL(weights_gradient_sparse)(const float *x, const float *dy, float *dw, int rows, int in, int out) {
  for (int n = 0; n < in * out; n++) dw[n] = 0.0f;
  for (int k = 0; k < rows; k++, x += in, dy += out)
    for (int i = 0; i < in; i++) {
      if (x[i] == 0.0f) continue;
      float *row = dw + i * out;
      int j = 0;
      for (; j + 4 <= out; j += 4) store(row + j, load(row + j) + splat(x[i]) * load(dy + j));
      for (; j < out; j++) row[j] += x[i] * dy[j];
    }
}

KERNEL(bias_gradient)(const float *dy, float *db, int rows, int out) {
  for (int j = 0; j < out; j++) db[j] = 0.0f;
  for (int k = 0; k < rows; k++, dy += out)
    for (int j = 0; j < out; j++) db[j] += dy[j];
}

// dx = dy w^T on `height` rows and `width` columns: inner products along the rows of dy and of w.
INLINE void inputs_tile(const float *dy, const float *w, float *dx, int in, int out, int height, int width) {
  four sums[8];
  for (int s = 0; s < height * width; s++) sums[s] = splat(0.0f);
  int j = 0;
  for (; j + 4 <= out; j += 4)
    for (int r = 0; r < height; r++) {
      const four value = load(dy + r * out + j);
      for (int c = 0; c < width; c++) sums[r * width + c] += value * load(w + c * out + j);
    }
  for (int r = 0; r < height; r++)
    for (int c = 0; c < width; c++) {
      float total = sum(sums[r * width + c]);
      for (int k = j; k < out; k++) total += dy[r * out + k] * w[c * out + k];
      dx[r * in + c] = total;
    }
}

KERNEL(inputs_gradient)(const float *dy, const float *w, float *dx, int rows, int in, int out) {
  int j = 0;
  for (; j + 2 <= in; j += 2) {
    int i = 0;
    for (; i + 4 <= rows; i += 4) inputs_tile(dy + i * out, w + j * out, dx + i * in + j, in, out, 4, 2);
    for (; i < rows; i++) inputs_tile(dy + i * out, w + j * out, dx + i * in + j, in, out, 1, 2);
  }
  for (; j < in; j++)
    for (int i = 0; i < rows; i++) inputs_tile(dy + i * out, w + j * out, dx + i * in + j, in, out, 1, 1);
}

KERNEL(relu)(float *y, int count) {
  for (int n = 0; n < count; n++) y[n] = y[n] < 0.0f ? 0.0f : y[n];  // a NaN stays one
}

KERNEL(relu_gradient)(const float *y, float *dy, int count) {
  for (int n = 0; n < count; n++) dy[n] = y[n] > 0.0f ? dy[n] : 0.0f;
}

// The first `count` of four numbers, at most all of them; the others are 0 and are not written.
INLINE four load_some(const float *at, int count) {
  if (count >= 4) return load(at);
  four value = splat(0.0f);
  for (int n = 0; n < count; n++) value[n] = at[n];
  return value;
}
INLINE void store_some(float *at, four value, int count) {
  if (count >= 4) store(at, value);
  else
    for (int n = 0; n < count; n++) at[n] = value[n];
}

KERNEL(sigmoid)(const float *a, float *y, int count) {
  for (int n = 0; n < count; n += 4) {
    const four value = load_some(a + n, count - n);
    store_some(y + n, sigmoid_of(value, exp_minus(absolute(value))), count - n);
  }
}

// Bernoulli: log p(x|z) = sum of x a - log(1 + exp a), and its derivative in a, x - sigmoid(a), times `scale`.
INLINE four bernoulli_of(four a, four x, four scale, four *da) {
  const four e = exp_minus(absolute(a));
  *da = (x - sigmoid_of(a, e)) * scale;
  const four positive = select((mask)(a > splat(0.0f)), a, splat(0.0f));
  return x * a - positive - log_one_plus(e);
}

// N(sigmoid(a), sigma^2) without its constant: -(x - mean)^2 precision / 2, and its derivative in a, times `scale`.
INLINE four gaussian_of(four a, four x, four scale, four precision, four *da) {
  const four mean = sigmoid_of(a, exp_minus(absolute(a)));
  const four pull = (x - mean) * precision;
  *da = pull * mean * (splat(1.0f) - mean) * scale;
  return splat(-0.5f) * pull * (x - mean);
}

// A row's log-probability in `total`; `da` may be `a`. With precision 0 it is Bernoulli's.
INLINE float likelihood_row(const float *a, const float *x, float *da, int pixels, float scale, float precision) {
  four total = splat(0.0f);
  for (int i = 0; i < pixels; i += 4) {
    const int left = pixels - i;
    const four logits = load_some(a + i, left), target = load_some(x + i, left);
    four derivative;
    four log_px = precision == 0.0f ? bernoulli_of(logits, target, splat(scale), &derivative)
                                    : gaussian_of(logits, target, splat(scale), splat(precision), &derivative);
    store_some(da + i, derivative, left);
    for (int n = left; n < 4; n++) log_px[n] = 0.0f;
    total += log_px;
  }
  return sum(total);
}

KERNEL(bernoulli)(const float *a, const float *x, float *da, float *log_px, int rows, int pixels, float scale) {
  for (int r = 0; r < rows; r++)
    log_px[r] = likelihood_row(a + r * pixels, x + r * pixels, da + r * pixels, pixels, scale, 0.0f);
}

KERNEL(gaussian)(const float *a, const float *x, float *da, float *log_px, int rows, int pixels, float scale, float precision) {
  for (int r = 0; r < rows; r++)
    log_px[r] = likelihood_row(a + r * pixels, x + r * pixels, da + r * pixels, pixels, scale, precision);
}

// Adam (Kingma & Ba 2015), upwards along g: the first two moments, freed of their bias by `first` and `second`.
KERNEL(adam)(float *restrict p, const float *restrict g, float *restrict m, float *restrict v, int count, float rate,
             float first, float second) {
  for (int n = 0; n < count; n++) {
    m[n] = 0.9f * m[n] + 0.1f * g[n];
    v[n] = 0.999f * v[n] + 0.001f * g[n] * g[n];
    p[n] += rate * (m[n] / first) / (__builtin_sqrtf(v[n] / second) + 1e-8f);
  }
}
