import { SlmError, type Tensor } from '@slm-compress/onnx';

/** Which elements share one scale: all of them, or those with the same index along `axis`. */
export type Granularity = { readonly kind: 'per-tensor' } | { readonly kind: 'per-channel'; readonly axis: number };

export const perTensor: Granularity = { kind: 'per-tensor' };

/** One scale for each index along `axis` (which may be negative, counted from the end). */
export function perChannel(axis: number): Granularity {
  return { kind: 'per-channel', axis };
}

/** Smallest and largest value that a quantized tensor must be able to hold. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/**
 * An affine map between integers and reals: `real = (integer - zeroPoint) * scale`
 * (https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html). `scale` and `zeroPoint` have one element, or one for
 * each channel.
 */
export interface QuantizationParameters {
  readonly type: 'int8' | 'uint8';
  readonly granularity: Granularity;
  readonly scale: Float32Array;
  readonly zeroPoint: Int8Array | Uint8Array;
}

/** The nearest integer; halves go to the even neighbour, as ONNX's QuantizeLinear rounds. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/**
 * Symmetric signed parameters: scale = max|w| / limit, zero point 0. `limit` is 127 for 8 bits; 63 leaves a bit free, so
 * that 16-bit pair sums of processors without VNNI cannot saturate. A channel of zeros gets scale 1.
 *
 * @throws SlmError `QUANTIZE_NOT_FLOAT` when the tensor is not float32, `QUANTIZE_NOT_FINITE` at a NaN or an infinity
 */
export function symmetricParameters(tensor: Tensor, granularity: Granularity, limit = 127): QuantizationParameters {
  const data = floatData(tensor);
  const { channels, channelOf } = layout(tensor.dims, granularity);
  const largest = new Float64Array(channels);
  for (let index = 0; index < data.length; index++) {
    const magnitude = Math.abs(data[index]!);
    if (!Number.isFinite(magnitude)) {
      throw new SlmError('QUANTIZE_NOT_FINITE', `symmetricParameters: expected finite numbers, got ${data[index]}`);
    }
    const channel = channelOf(index);
    if (magnitude > largest[channel]!) largest[channel] = magnitude;
  }
  const scale = Float32Array.from(largest, (magnitude) => usableScale(magnitude / limit));
  return { type: 'int8', granularity, scale, zeroPoint: new Int8Array(channels) };
}

/**
 * Symmetric int8 parameters of a weight `[inputs, outputs]`, one scale an output channel, that cannot overflow x86
 * processors without VNNI: they add neighbouring products (inputs 0 and 1, 2 and 3, …) of uint8 and int8 in 16 bits
 * with saturation (`vpmaddubsw`). The scale is max|w| / 127, or larger where a pair of the same sign would reach
 * 128.5 = 32767 / 255. Every processor then computes the same integers.
 *
 * @throws SlmError `QUANTIZE_NOT_FLOAT`, `QUANTIZE_NOT_FINITE`, `QUANTIZE_SHAPE` when the rank is not 2
 */
export function pairSafeParameters(weight: Tensor): QuantizationParameters {
  const [inputs, outputs] = weight.dims;
  if (weight.dims.length !== 2 || inputs === undefined || outputs === undefined) {
    throw new SlmError('QUANTIZE_SHAPE', `pairSafeParameters: expected a weight of rank 2, got [${weight.dims}]`);
  }
  const plain = symmetricParameters(weight, perChannel(1));
  const data = weight.data as Float32Array;
  const scale = plain.scale.slice();
  for (let row = 0; row + 1 < inputs; row += 2) {
    for (let column = 0; column < outputs; column++) {
      const a = data[row * outputs + column]!;
      const b = data[(row + 1) * outputs + column]!;
      // Rounding adds at most one half to each, hence 127 and not 128.
      if (a * b > 0) scale[column] = Math.max(scale[column]!, Math.fround(Math.abs(a + b) / 127));
    }
  }
  return { ...plain, scale };
}

/**
 * Asymmetric unsigned parameters of one tensor: the range is widened to hold zero, and zero is exactly representable.
 *
 * @throws SlmError `QUANTIZE_NOT_FINITE` when the range is not finite
 */
export function asymmetricParameters(range: Range): QuantizationParameters {
  const min = Math.min(range.min, 0);
  const max = Math.max(range.max, 0);
  if (!Number.isFinite(min) || !Number.isFinite(max)) {
    throw new SlmError('QUANTIZE_NOT_FINITE', `asymmetricParameters: expected a finite range, got [${min}, ${max}]`);
  }
  const scale = usableScale((max - min) / 255);
  const zeroPoint = Math.min(255, Math.max(0, roundHalfEven(-min / scale)));
  return {
    type: 'uint8',
    granularity: perTensor,
    scale: Float32Array.of(scale),
    zeroPoint: Uint8Array.of(zeroPoint),
  };
}

/** Integers of `tensor` (float32, any shape) under `parameters`: round half to even, then saturate. */
export function quantize(tensor: Tensor, parameters: QuantizationParameters): Tensor {
  const data = floatData(tensor);
  const { channelOf } = layout(tensor.dims, parameters.granularity);
  const signed = parameters.type === 'int8';
  const [low, high] = signed ? [-128, 127] : [0, 255];
  const out = signed ? new Int8Array(data.length) : new Uint8Array(data.length);
  for (let index = 0; index < data.length; index++) {
    const channel = channelOf(index);
    const scaled = Math.fround(data[index]! / parameters.scale[channel]!);
    const integer = roundHalfEven(scaled) + parameters.zeroPoint[channel]!;
    out[index] = Math.min(high, Math.max(low, integer));
  }
  return { type: parameters.type, dims: tensor.dims, data: out };
}

/** Reals of an int8 or uint8 `tensor` under `parameters`. */
export function dequantize(tensor: Tensor, parameters: QuantizationParameters): Tensor {
  const { channelOf } = layout(tensor.dims, parameters.granularity);
  const data = tensor.data as Int8Array | Uint8Array;
  const out = new Float32Array(data.length);
  for (let index = 0; index < data.length; index++) {
    const channel = channelOf(index);
    out[index] = (data[index]! - parameters.zeroPoint[channel]!) * parameters.scale[channel]!;
  }
  return { type: 'float32', dims: tensor.dims, data: out };
}

/** Signal-to-quantization-noise ratio in dB: 10 log10(Σ reference² / Σ (reference - actual)²); Infinity when equal. */
export function sqnr(reference: ArrayLike<number>, actual: ArrayLike<number>): number {
  if (reference.length !== actual.length) {
    throw new SlmError('QUANTIZE_SHAPE', `sqnr: expected ${reference.length} numbers, got ${actual.length}`);
  }
  let signal = 0;
  let noise = 0;
  for (let index = 0; index < reference.length; index++) {
    signal += reference[index]! ** 2;
    noise += (reference[index]! - actual[index]!) ** 2;
  }
  return noise === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10(signal / noise);
}

/** Scales below the smallest normal float32 would turn into 0 or lose their precision: such a tensor is all zeros. */
function usableScale(scale: number): number {
  return scale < 2 ** -126 ? 1 : Math.fround(scale);
}

function floatData(tensor: Tensor): Float32Array {
  if (tensor.type !== 'float32') {
    throw new SlmError('QUANTIZE_NOT_FLOAT', `quantize: expected a float32 tensor, got ${tensor.type}`);
  }
  return tensor.data as Float32Array;
}

function layout(dims: readonly number[], granularity: Granularity) {
  if (granularity.kind === 'per-tensor') return { channels: 1, channelOf: () => 0 };
  const axis = granularity.axis < 0 ? granularity.axis + dims.length : granularity.axis;
  const channels = dims[axis];
  if (channels === undefined) {
    throw new SlmError(
      'QUANTIZE_SHAPE',
      `per-channel axis ${granularity.axis}: expected a tensor of that rank, got [${dims}]`,
    );
  }
  const inner = dims.slice(axis + 1).reduce((product, dim) => product * dim, 1);
  return { channels, channelOf: (index: number) => Math.floor(index / inner) % channels };
}
