import type { DataType, Node } from '../../model.ts';
import { operatorKey } from '../../operator.ts';
import type { GradientContext, GradientRule } from '../rule.ts';

const ranges: Partial<Record<DataType, readonly [number, number]>> = {
  uint8: [0, 255],
  int8: [-128, 127],
  uint16: [0, 65535],
  int16: [-32768, 32767],
  uint4: [0, 15],
  int4: [-8, 7],
  uint2: [0, 3],
  int2: [-2, 1],
};

/** TensorProto.DataType numbers of the types an output_dtype attribute may name. */
const typeOfCode: Readonly<Record<number, DataType>> = {
  2: 'uint8',
  3: 'int8',
  4: 'uint16',
  5: 'int16',
  21: 'uint4',
  22: 'int4',
  25: 'uint2',
  26: 'int2',
};

/** Operators that move quantized values and leave each one as it is. */
const moves = new Set(['Identity', 'Reshape', 'Flatten', 'Transpose', 'Squeeze', 'Unsqueeze', 'Gather', 'Slice']);

/**
 * The clipped straight-through estimator (Bengio et al. 2013, https://arxiv.org/abs/1308.3432): rounding passes the
 * gradient, saturation stops it. The gradient of a quantized value is carried in units of the dequantized value, so that
 * a QuantizeLinear, DequantizeLinear pair of one scale costs the mask alone.
 *
 * Scales learn by LSQ (Esser et al. 2020, https://arxiv.org/abs/1902.08153): with x̂ = s·(q − z) the gradient of s is
 * Σ dx̂·(q − z), less Σ dx̂·x/s where x did not saturate. Both rows give their part; the paper's factor 1/√(n·levels) is
 * the optimizer's business. Zero points are integers and get none.
 */
export const quantize: Readonly<Record<string, GradientRule>> = {
  DequantizeLinear: {
    backward: (c) => {
      const { emitter: e } = c;
      let dx: string | undefined;
      if (c.wants(0)) {
        const source = quantizer(c);
        const scale = source.inputs[1]!;
        dx = c.dy();
        if (scale !== c.x(1)) {
          if (e.rank(scale) !== 0 || e.rank(c.x(1)) !== 0) {
            return c.refuse('the scale differs from that of QuantizeLinear, and is not one number');
          }
          dx = e.op('Mul', [dx, e.op('Div', [c.x(1), scale])]);
        }
      }
      const levels = () => {
        const whole = e.op('Cast', [c.x()], { to: 1 });
        return c.x(2) === '' ? whole : e.op('Sub', [whole, spread(c, e.op('Cast', [c.x(2)], { to: 1 }))]);
      };
      return [dx, c.wants(1) ? gathered(c, e.op('Mul', [c.dy(), levels()])) : undefined];
    },
  },
  QuantizeLinear: {
    backward: (c) => {
      const { emitter: e } = c;
      const [low, high] = bounds(c);
      const clipped = e.op('Min', [e.op('Max', [c.x(), low]), high]);
      const dx = e.op('Where', [e.op('Equal', [clipped, c.x()]), c.dy(), e.scalar(0)]);
      const scale = () => gathered(c, e.op('Neg', [e.op('Div', [e.op('Mul', [dx, c.x()]), spread(c, c.x(1))])]));
      return [c.wants(0) ? dx : undefined, c.wants(1) ? scale() : undefined];
    },
  },
};

/** The QuantizeLinear that made the node's input, through operators that only move its values. */
function quantizer(c: GradientContext): Node {
  let source = c.emitter.producer(c.x());
  while (source && moves.has(operatorKey(source)) && c.emitter.rank(c.x(1)) === 0) {
    source = c.emitter.producer(source.inputs[0]!);
  }
  return source && operatorKey(source) === 'QuantizeLinear'
    ? source
    : c.refuse('the quantized input does not come from QuantizeLinear');
}

/** Sums a value of the input's shape to the shape of the scale. */
function gathered(c: GradientContext, value: string): string {
  const { emitter: e } = c;
  const dims = e.dims(c.x(1));
  if (dims === undefined) return c.refuse('the rank of the scale must be known');
  if (dims.length === 0) return e.op('ReduceSum', [value], { keepdims: 0 });
  if (dims.length > 1 || c.int('block_size', 0) > 0) return c.refuse('gradient of the scale of blocks');
  if (dims[0] === 1) return e.op('Reshape', [e.op('ReduceSum', [value], { keepdims: 0 }), e.ints([1])]);
  const rank = e.rank(c.x()) ?? c.refuse('the rank of the input must be known');
  const axis = c.int('axis', 1);
  const kept = axis < 0 ? axis + rank : axis;
  const others = Array.from({ length: rank }, (_, at) => at).filter((at) => at !== kept);
  return e.sum(value, others, false);
}

/** A vector along the quantization axis, shaped to broadcast against the input; a single number as it is. */
function spread(c: GradientContext, value: string): string {
  const { emitter: e } = c;
  const dims = e.dims(c.x(1));
  if (dims === undefined || dims.length > 1 || c.int('block_size', 0) > 0) return c.refuse('a scale of blocks');
  if (dims.length === 0 || dims[0] === 1) return value;
  const rank = e.rank(c.x()) ?? c.refuse('the rank of the input must be known');
  const axis = c.int('axis', 1);
  const trailing = rank - 1 - (axis < 0 ? axis + rank : axis);
  return e.op('Reshape', [value, e.ints([-1, ...Array.from({ length: trailing }, () => 1)])]);
}

/** The smallest and largest input that does not saturate, half a step outside the outermost levels. */
function bounds(c: GradientContext): readonly [string, string] {
  const { emitter: e } = c;
  const zeroPoint = c.x(2);
  const type = zeroPoint === '' ? (typeOfCode[c.int('output_dtype', 2)] ?? 'uint8') : e.type(zeroPoint)?.type;
  const range = type && ranges[type];
  if (!range) return c.refuse(`zero point of type ${type ?? 'unknown'}`);
  const shift = zeroPoint === '' ? e.scalar(0) : e.op('Cast', [zeroPoint], { to: 1 });
  const edge = (level: number) => spread(c, e.op('Mul', [e.op('Sub', [e.scalar(level), shift]), c.x(1)]));
  return [edge(range[0] - 0.5), edge(range[1] + 0.5)];
}
