import type { DataType } from '../../model.ts';
import type { GradientContext, GradientRule } from '../rule.ts';

const ranges: Partial<Record<DataType, readonly [number, number]>> = {
  uint8: [0, 255],
  int8: [-128, 127],
  uint16: [0, 65535],
  int16: [-32768, 32767],
  uint4: [0, 15],
  int4: [-8, 7],
};

/**
 * The clipped straight-through estimator (Bengio et al. 2013, https://arxiv.org/abs/1308.3432): rounding passes the
 * gradient, saturation stops it. The gradient of a quantized value is carried in units of the dequantized value, so that
 * a QuantizeLinear, DequantizeLinear pair of one scale costs the mask alone.
 */
export const quantize: Readonly<Record<string, GradientRule>> = {
  DequantizeLinear: {
    backward: (c) => {
      if (c.wants(1)) c.refuse('gradient of the scale');
      const source = c.emitter.producer(c.x());
      if (source?.opType !== 'QuantizeLinear') return c.refuse('the quantized input does not come from QuantizeLinear');
      if (source.inputs[1] !== c.x(1)) return c.refuse('the scale differs from that of QuantizeLinear');
      return [c.dy()];
    },
  },
  QuantizeLinear: {
    backward: (c) => {
      if (c.wants(1)) c.refuse('gradient of the scale');
      const { emitter: e } = c;
      const [low, high] = bounds(c);
      const clipped = e.op('Min', [e.op('Max', [c.x(), low]), high]);
      return [e.op('Where', [e.op('Equal', [clipped, c.x()]), c.dy(), e.scalar(0)])];
    },
  },
};

/** The smallest and largest input that does not saturate, half a step outside the outermost levels. */
function bounds(c: GradientContext): readonly [string, string] {
  const { emitter: e } = c;
  const zeroPoint = c.x(2);
  const type = zeroPoint === '' ? 'uint8' : e.type(zeroPoint)?.type;
  const range = type && ranges[type];
  if (!range) return c.refuse(`zero point of type ${type ?? 'unknown'}`);
  const spread = (value: string) => {
    const perAxis = e.rank(c.x(1)) === 1 && e.dims(c.x(1))?.[0] !== 1;
    if (!perAxis) return value;
    const rank = e.rank(c.x());
    if (rank === undefined) return c.refuse('the rank of the input must be known');
    const axis = c.int('axis', 1);
    const trailing = rank - 1 - (axis < 0 ? axis + rank : axis);
    return e.op('Reshape', [value, e.ints([-1, ...Array.from({ length: trailing }, () => 1)])]);
  };
  const shift = zeroPoint === '' ? e.scalar(0) : e.op('Cast', [zeroPoint], { to: 1 });
  const edge = (level: number) => spread(e.op('Mul', [e.op('Sub', [e.scalar(level), shift]), c.x(1)]));
  return [edge(range[0] - 0.5), edge(range[1] + 0.5)];
}
