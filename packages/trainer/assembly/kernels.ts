// Kernels over one linear memory. Every pointer is a byte offset aligned to 16; `count` is in elements, and float
// ranges are padded to a multiple of 4 elements by the caller, so that no loop has a tail.

/** Sets `count` bytes at `target` to zero. */
export function clear(target: usize, bytes: usize): void {
  memory.fill(target, 0, bytes);
}

/** target[i] += source[i]. */
export function add(target: usize, source: usize, count: i32): void {
  const end = target + ((<usize>count) << 2);
  while (target < end) {
    v128.store(target, f32x4.add(v128.load(target), v128.load(source)));
    target += 16;
    source += 16;
  }
}

/** target[i] += scale · source[i]. */
export function axpy(target: usize, source: usize, count: i32, scale: f32): void {
  const factor = f32x4.splat(scale);
  const end = target + ((<usize>count) << 2);
  while (target < end) {
    v128.store(target, f32x4.add(v128.load(target), f32x4.mul(v128.load(source), factor)));
    target += 16;
    source += 16;
  }
}

/** target[i] *= scale. */
export function scale(target: usize, count: i32, factor: f32): void {
  const by = f32x4.splat(factor);
  const end = target + ((<usize>count) << 2);
  while (target < end) {
    v128.store(target, f32x4.mul(v128.load(target), by));
    target += 16;
  }
}

/** Sum of squares in four float64 lanes, added in a fixed order. */
export function squaredNorm(source: usize, count: i32): f64 {
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  const end = source + ((<usize>count) << 2);
  while (source < end) {
    const four = v128.load(source);
    const a = f64x2.promote_low_f32x4(four);
    const b = f64x2.promote_low_f32x4(i8x16.shuffle(four, four, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
    low = f64x2.add(low, f64x2.mul(a, a));
    high = f64x2.add(high, f64x2.mul(b, b));
    source += 16;
  }
  const sum = f64x2.add(low, high);
  return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
}

/**
 * Adds `rows` rows of `width` floats to the rows of `table` that `ids` (int32) names, in order, so that repeated ids
 * add up in a fixed order. `width` need not be a multiple of 4.
 */
export function scatterAddRows(table: usize, ids: usize, source: usize, rows: i32, width: i32): void {
  const bytes = (<usize>width) << 2;
  const whole = bytes & ~15;
  for (let row = 0; row < rows; row++) {
    const base = table + <usize>load<i32>(ids) * bytes;
    let at: usize = 0;
    while (at < whole) {
      v128.store(base + at, f32x4.add(v128.load(base + at), v128.load(source + at)));
      at += 16;
    }
    while (at < bytes) {
      store<f32>(base + at, load<f32>(base + at) + load<f32>(source + at));
      at += 4;
    }
    ids += 4;
    source += bytes;
  }
}

/**
 * AdamW with decoupled weight decay (Loshchilov and Hutter, 2019), the order of operations of PyTorch's
 * single-tensor form. `correction1` = 1 − β1^t, `correction2` = 1 − β2^t; `gradientScale` multiplies every gradient
 * first (clipping by the global norm); `decay` is 0 for norms and biases.
 */
export function adamw(
  weights: usize,
  gradients: usize,
  mean: usize,
  variance: usize,
  count: i32,
  learningRate: f64,
  beta1: f64,
  beta2: f64,
  epsilon: f64,
  decay: f64,
  correction1: f64,
  correction2: f64,
  gradientScale: f64,
): void {
  const keep = f32x4.splat(<f32>(1 - learningRate * decay));
  const clip = f32x4.splat(<f32>gradientScale);
  const blend1 = f32x4.splat(<f32>(1 - beta1));
  const hold2 = f32x4.splat(<f32>beta2);
  const blend2 = f32x4.splat(<f32>(1 - beta2));
  const root2 = f32x4.splat(<f32>Math.sqrt(correction2));
  const eps = f32x4.splat(<f32>epsilon);
  const stride = f32x4.splat(<f32>(learningRate / correction1));
  const bytes = (<usize>count) << 2;
  for (let at: usize = 0; at < bytes; at += 16) {
    const g = f32x4.mul(v128.load(gradients + at), clip);
    let m = v128.load(mean + at);
    m = f32x4.add(m, f32x4.mul(f32x4.sub(g, m), blend1));
    const v = f32x4.add(f32x4.mul(v128.load(variance + at), hold2), f32x4.mul(f32x4.mul(g, g), blend2));
    v128.store(mean + at, m);
    v128.store(variance + at, v);
    const denominator = f32x4.add(f32x4.div(f32x4.sqrt(v), root2), eps);
    const w = f32x4.mul(v128.load(weights + at), keep);
    v128.store(weights + at, f32x4.sub(w, f32x4.mul(f32x4.div(m, denominator), stride)));
  }
}

/**
 * Gradient descent with momentum: velocity = momentum · velocity + gradient; the weights move against the velocity, or
 * with `nesterov` against gradient + momentum · velocity.
 */
export function sgd(
  weights: usize,
  gradients: usize,
  velocity: usize,
  count: i32,
  learningRate: f64,
  momentum: f64,
  nesterov: i32,
): void {
  const hold = f32x4.splat(<f32>momentum);
  const stride = f32x4.splat(<f32>learningRate);
  const bytes = (<usize>count) << 2;
  for (let at: usize = 0; at < bytes; at += 16) {
    const g = v128.load(gradients + at);
    const v = f32x4.add(f32x4.mul(v128.load(velocity + at), hold), g);
    v128.store(velocity + at, v);
    const direction = nesterov ? f32x4.add(g, f32x4.mul(v, hold)) : v;
    v128.store(weights + at, f32x4.sub(v128.load(weights + at), f32x4.mul(direction, stride)));
  }
}

/** target[i] += (source[i] − target[i]) · share: a step of an exponential moving average. */
export function lerp(target: usize, source: usize, count: i32, share: f32): void {
  const by = f32x4.splat(share);
  const end = target + ((<usize>count) << 2);
  while (target < end) {
    const old = v128.load(target);
    v128.store(target, f32x4.add(old, f32x4.mul(f32x4.sub(v128.load(source), old), by)));
    target += 16;
    source += 16;
  }
}

// A 32-bit finaliser of two multiplications: a bijection of the counter under the key.
function hash(counter: v128, key: v128): v128 {
  let x = v128.xor(counter, key);
  x = v128.xor(x, i32x4.shr_u(x, 16));
  x = i32x4.mul(x, i32x4.splat(0x21f0aaad));
  x = v128.xor(x, i32x4.shr_u(x, 15));
  x = i32x4.mul(x, i32x4.splat(0x735a2d97));
  x = i32x4.add(v128.xor(x, i32x4.shr_u(x, 15)), key);
  x = v128.xor(x, i32x4.shr_u(x, 15));
  x = i32x4.mul(x, i32x4.splat(0x735a2d97));
  return v128.xor(x, i32x4.shr_u(x, 15));
}

/**
 * Writes `count` mask bytes, 1 with probability `threshold` / 65536 and else 0. Byte i depends on `key` and i alone.
 * Writes up to 15 bytes past `count`.
 */
export function dropoutMask(target: usize, count: i32, key: i32, threshold: i32): void {
  const keys = i32x4.splat(key);
  const limit = i16x8.splat(<i16>(threshold ^ 0x8000));
  const flip = i16x8.splat(<i16>0x8000);
  const one = i8x16.splat(1);
  let counter = i32x4(0, 1, 2, 3);
  const four = i32x4.splat(4);
  for (let at = 0; at < count; at += 16) {
    const a = i16x8.lt_s(v128.xor(hash(counter, keys), flip), limit);
    counter = i32x4.add(counter, four);
    const b = i16x8.lt_s(v128.xor(hash(counter, keys), flip), limit);
    counter = i32x4.add(counter, four);
    v128.store(target + <usize>at, v128.and(i8x16.narrow_i16x8_s(a, b), one));
  }
}
