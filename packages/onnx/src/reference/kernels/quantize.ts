import type { DataType } from '../../model.ts';
import { floatFormats, integerRange, roundEven, roundToFormat } from '../../number-formats.ts';
import type { Kernel, KernelContext } from '../kernel.ts';
import { axisOf } from '../kernel.ts';
import type { Value } from '../value.ts';
import { broadcastDims, broadcastTo, gathered, numeric, strides } from '../value.ts';
import { typeAttribute } from './cast.ts';
import { centred, product } from './linear.ts';

/** The scale or zero point of every element: one for the tensor, one for each slice along `axis`, or one for each block of an axis. */
function spread(c: KernelContext, x: Value, parameter: Value, block: number): Float64Array {
  const { dims } = parameter;
  if (parameter.data.length === 1) return new Float64Array(x.data.length).fill(parameter.data[0]!);
  const axis = axisOf(c.int('axis', 1), x.dims.length);
  const length = x.dims[axis];
  if (dims.length === 1 && block === 0 && dims[0] === length) {
    const column = [...dims, ...x.dims.slice(axis + 1).map(() => 1)];
    return numeric(broadcastTo({ ...parameter, dims: column }, x.dims), c.where).data;
  }
  const width = block === 0 ? Math.ceil((length ?? 0) / (dims[axis] ?? 1)) : block;
  const fits =
    dims.length === x.dims.length &&
    dims.every((dim, at) => dim === (at === axis ? Math.ceil(length! / width) : x.dims[at]));
  if (!fits) return c.misfit(`a scale that fits [${x.dims}] along axis ${axis}`, `a scale of shape [${dims}]`);
  const steps = strides(dims);
  const blocks = gathered(parameter, x.dims, (at) => {
    let offset = 0;
    for (let a = 0; a < at.length; a++) offset += (a === axis ? Math.floor(at[a]! / width) : at[a]!) * steps[a]!;
    return offset;
  });
  return numeric(blocks, c.where).data;
}

/** Rounds as values of a type are rounded between two operations inside an operator. */
function rounder(c: KernelContext, type: DataType): (x: number) => number {
  const format = floatFormats[type];
  if (format) return (x) => roundToFormat(format, x);
  return type === 'float32' && c.precision === 'float32' ? Math.fround : (x) => x;
}

/** x / scale rounded half to even, plus the zero point, saturated to the type. */
function quantized(
  c: KernelContext,
  x: Value,
  scale: Float64Array,
  zero: Float64Array | undefined,
  type: DataType,
  divided: DataType,
): Value {
  const round = rounder(c, divided);
  const data = new Float64Array(x.data.length);
  const format = floatFormats[type];
  const [low, high] = integerRange(type) ?? (format ? [0, 0] : c.refuse(`a zero point of type ${type}`));
  const saturate = c.int('saturate', 1) === 1;
  for (let i = 0; i < data.length; i++) {
    const ratio = round(x.data[i]! / scale[i]!);
    const shift = zero?.[i] ?? 0;
    if (format) data[i] = roundToFormat(format, ratio + shift, { saturate });
    else data[i] = Math.min(Math.max(roundEven(ratio) + shift, low), high);
  }
  return { type, dims: x.dims, data };
}

function quantizeLinear(c: KernelContext): readonly Value[] {
  const [x, scale, zero] = [c.input(0), c.input(1), c.optional(2)];
  const type = zero?.type ?? typeAttribute(c, 'output_dtype', 'uint8');
  const block = c.int('block_size', 0);
  const divided = typeAttribute(c, 'precision', scale.type);
  return [quantized(c, x, spread(c, x, scale, block), zero && spread(c, x, zero, block), type, divided)];
}

function dequantizeLinear(c: KernelContext): readonly Value[] {
  const [x, scale, zero] = [c.input(0), c.input(1), c.optional(2)];
  const block = c.int('block_size', 0);
  const [scales, zeros] = [spread(c, x, scale, block), zero && spread(c, x, zero, block)];
  const data = x.data.map((element, i) => (element - (zeros?.[i] ?? 0)) * scales[i]!);
  return [{ type: typeAttribute(c, 'output_dtype', scale.type), dims: x.dims, data }];
}

/** Scale and zero point from the range of the elements and 0; outputs y, the scale and the zero point. */
function dynamicQuantizeLinear(c: KernelContext): readonly Value[] {
  const x = c.input(0);
  const round = rounder(c, 'float32');
  const least = x.data.reduce((a, b) => Math.min(a, b), 0);
  const most = x.data.reduce((a, b) => Math.max(a, b), 0);
  const scale = round(round(most - least) / 255);
  const zero = scale === 0 ? 0 : roundEven(Math.min(Math.max(round(-least / scale), 0), 255));
  const each = (value: number) => new Float64Array(x.data.length).fill(value);
  return [
    quantized(c, x, each(scale === 0 ? 1 : scale), each(zero), 'uint8', 'float32'),
    { type: 'float32', dims: [], data: Float64Array.of(scale) },
    { type: 'uint8', dims: [], data: Float64Array.of(zero) },
  ];
}

/** A product of quantized matrices, quantized again. */
function qLinearMatMul(c: KernelContext): readonly Value[] {
  const [scaleA, scaleB, scaleY, zeroY] = [c.input(1), c.input(4), c.input(6), c.input(7)];
  const sums = numeric(
    product(c, centred(c, c.input(0), c.input(2), -2), centred(c, c.input(3), c.input(5), -1), 'int32'),
    c.where,
  );
  const along = (parameter: Value, axis: -1 | -2) => {
    const dims =
      parameter.data.length === 1
        ? []
        : axis === -2 && parameter.dims.length === 1
          ? [...parameter.dims, 1]
          : parameter.dims;
    return numeric(broadcastTo({ ...parameter, dims }, broadcastDims([sums.dims, dims], c.where)), c.where).data;
  };
  const [a, b, y, zero] = [along(scaleA, -2), along(scaleB, -1), along(scaleY, -2), along(zeroY, -2)];
  const real = { ...sums, data: sums.data.map((sum, i) => sum * a[i]! * b[i]!) };
  return [quantized(c, real, y, zero, zeroY.type, 'float32')];
}

/** Quantization: per tensor, per axis and in blocks; round half to even, saturate. */
export const quantize: Readonly<Record<string, Kernel>> = {
  QuantizeLinear: quantizeLinear,
  DequantizeLinear: dequantizeLinear,
  DynamicQuantizeLinear: dynamicQuantizeLinear,
  QLinearMatMul: qLinearMatMul,
};
