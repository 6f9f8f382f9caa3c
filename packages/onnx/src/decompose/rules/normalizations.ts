import type { DataType } from '../../model.ts';
import type { DecomposeContext, Decomposition } from '../rule.ts';

const range = (from: number, to: number): readonly number[] =>
  Array.from({ length: Math.max(0, to - from) }, (_, at) => from + at);

/** The type a normalization computes in: `stash_type`, float32 by default, never less than that of the input. */
function computeType(c: DecomposeContext, type: DataType): DataType {
  if (type === 'float64') return type;
  const stash = c.int('stash_type', 1);
  return stash === 1 ? 'float32' : stash === 11 ? 'float64' : type;
}

/** (x − μ)·r over `axes`, with the mean μ and r = 1/√(variance + ε). */
function standardize(c: DecomposeContext, x: string, axes: readonly number[], epsilon: number) {
  const mean = c.reduce('ReduceMean', x, axes);
  const centred = c.op('Sub', [x, mean]);
  const variance = c.reduce('ReduceMean', c.op('Mul', [centred, centred]), axes);
  const deviation = c.op('Sqrt', [c.op('Add', [variance, c.scalar(epsilon, x)])]);
  return { mean, deviation, y: c.op('Div', [centred, deviation]) };
}

/** x / √(mean(x²) + ε) over `axes`. */
function divideByRms(c: DecomposeContext, x: string, axes: readonly number[], epsilon: number) {
  const square = c.reduce('ReduceMean', c.op('Mul', [x, x]), axes);
  const root = c.op('Sqrt', [c.op('Add', [square, c.scalar(epsilon, x)])]);
  return { root, y: c.op('Div', [x, root]) };
}

/** The trailing axes from `axis` on, counted from the end. */
function trailing(c: DecomposeContext, x: string, axis: number): readonly number[] {
  const first = axis < 0 ? axis : axis - c.rank(x);
  return range(first, 0);
}

function layerNormalization(c: DecomposeContext): readonly (string | undefined)[] {
  const type = c.type(c.x());
  const x = c.cast(c.x(), computeType(c, type));
  const { mean, deviation, y } = standardize(c, x, trailing(c, x, c.int('axis', -1)), c.float('epsilon', 1e-5));
  const scaled = c.op('Mul', [c.cast(y, type), c.x(1)]);
  return [
    c.has(2) ? c.op('Add', [scaled, c.x(2)]) : scaled,
    c.wants(1) ? mean : undefined,
    c.wants(2) ? c.op('Reciprocal', [deviation]) : undefined,
  ];
}

const rootMeanSquare =
  (scaleFirst: boolean): Decomposition =>
  (c) => {
    const type = c.type(c.x());
    const x = c.cast(c.x(), computeType(c, type));
    const { root, y } = divideByRms(c, x, trailing(c, x, c.int('axis', -1)), c.float('epsilon', 1e-5));
    const scaled = scaleFirst
      ? c.cast(c.op('Mul', [y, c.cast(c.x(1), c.type(x))]), type)
      : c.op('Mul', [c.cast(y, type), c.x(1)]);
    return [scaled, c.wants(1) ? c.op('Reciprocal', [root]) : undefined];
  };

/** The sum of input, skip and bias, normalized over the last axis; outputs 1 and 2 are statistics, 3 is the sum. */
const skip =
  (simplified: boolean): Decomposition =>
  (c) => {
    const bias = simplified ? 3 : 4;
    const both = c.op('Add', [c.x(), c.x(1)]);
    const sum = c.has(bias) ? c.op('Add', [both, c.x(bias)]) : both;
    const epsilon = c.float('epsilon', 1e-12);
    if (simplified) {
      const { root, y } = divideByRms(c, sum, [-1], epsilon);
      const inverse = c.wants(2) ? c.op('Reciprocal', [root]) : undefined;
      return [c.op('Mul', [y, c.x(2)]), undefined, inverse, c.wants(3) ? sum : undefined];
    }
    return [...normalizeLast(c, sum, c.x(2), c.x(3), epsilon), c.wants(3) ? sum : undefined];
  };

/** Layer normalization of the last axis with optional β: one LayerNormalization node where the opset has it. */
export function normalizeLast(
  c: DecomposeContext,
  x: string,
  gamma: string,
  beta: string,
  epsilon: number,
): readonly (string | undefined)[] {
  if (c.opset >= 17 && !c.wants(1) && !c.wants(2)) {
    const inputs = [x, gamma, ...(beta === '' ? [] : [beta])];
    return [
      c.op('LayerNormalization', inputs, { axis: -1, epsilon: { kind: 'float', value: epsilon } }),
      undefined,
      undefined,
    ];
  }
  const { mean, deviation, y } = standardize(c, x, [-1], epsilon);
  const scaled = c.op('Mul', [y, gamma]);
  return [
    beta === '' ? scaled : c.op('Add', [scaled, beta]),
    c.wants(1) ? mean : undefined,
    c.wants(2) ? c.op('Reciprocal', [deviation]) : undefined,
  ];
}

/** A vector of one entry per channel, shaped to broadcast against `[N, C, …]` of `rank` axes. */
function perChannel(c: DecomposeContext, value: string, rank: number): string {
  return rank === 2 ? value : c.reshape(value, [-1, ...range(2, rank).map(() => 1)]);
}

/** Normalization layers, by their formulas over primitive reductions. */
export const normalizations: Readonly<Record<string, Decomposition>> = {
  LayerNormalization: layerNormalization,
  RMSNormalization: rootMeanSquare(false),
  SimplifiedLayerNormalization: rootMeanSquare(true),
  'com.microsoft.SimplifiedLayerNormalization': rootMeanSquare(true),
  'com.microsoft.SkipLayerNormalization': skip(false),
  'com.microsoft.SkipSimplifiedLayerNormalization': skip(true),
  /** Each group of channels is standardized; until opset 20 scale and bias are per group, then per channel. */
  GroupNormalization: (c) => {
    const type = c.type(c.x());
    const groups = c.int('num_groups', 0);
    if (groups < 1) c.refuse('num_groups must be given');
    const rank = c.rank(c.x());
    const grouped = c.reshape(c.cast(c.x(), computeType(c, type)), [0, groups, -1]);
    const y = c.cast(standardize(c, grouped, [2], c.float('epsilon', 1e-5)).y, type);
    const whole = c.op('Shape', [c.x()]);
    if (c.opset >= 21) {
      const scaled = c.op('Mul', [c.op('Reshape', [y, whole]), perChannel(c, c.x(1), rank)]);
      return [c.op('Add', [scaled, perChannel(c, c.x(2), rank)])];
    }
    const column = (value: string) => c.reshape(value, [groups, 1]);
    return [c.op('Reshape', [c.op('Add', [c.op('Mul', [y, column(c.x(1))]), column(c.x(2))]), whole])];
  },
  InstanceNormalization: (c) => {
    const rank = c.rank(c.x());
    const { y } = standardize(c, c.x(), range(2, rank), c.float('epsilon', 1e-5));
    return [c.op('Add', [c.op('Mul', [y, perChannel(c, c.x(1), rank)]), perChannel(c, c.x(2), rank)])];
  },
  /** The inference form: the statistics are inputs. */
  BatchNormalization: (c) => {
    if (c.int('training_mode', 0) !== 0) c.refuse('training mode, whose statistics are those of the batch');
    if (c.wants(1) || c.wants(2)) c.refuse('the running statistics as outputs');
    const rank = c.rank(c.x());
    const deviation = c.op('Sqrt', [c.op('Add', [c.x(4), c.scalar(c.float('epsilon', 1e-5), c.x(4))])]);
    const factor = c.op('Div', [c.x(1), deviation]);
    const centred = c.op('Sub', [c.x(), perChannel(c, c.x(3), rank)]);
    return [c.op('Add', [c.op('Mul', [centred, perChannel(c, factor, rank)]), perChannel(c, c.x(2), rank)])];
  },
  /** (x − μ) / (σ + 10⁻⁹), σ² as mean(x²) − μ² (the operator's own definition). */
  MeanVarianceNormalization: (c) => {
    const axes = c.ints('axes') ?? [0, 2, 3];
    const mean = c.reduce('ReduceMean', c.x(), axes);
    const square = c.reduce('ReduceMean', c.op('Mul', [c.x(), c.x()]), axes);
    const variance = c.op('Sub', [square, c.op('Mul', [mean, mean])]);
    const deviation = c.op('Add', [c.op('Sqrt', [variance]), c.scalar(1e-9)]);
    return [c.op('Div', [c.op('Sub', [c.x(), mean]), deviation])];
  },
  /** x / ‖x‖ₚ along one axis; a zero vector stays zero. */
  LpNormalization: (c) => {
    const axes = [c.int('axis', -1)];
    const p = c.int('p', 2);
    const size = (power: string) => c.reduce('ReduceSum', power, axes);
    const norm = p === 1 ? size(c.op('Abs', [c.x()])) : c.op('Sqrt', [size(c.op('Mul', [c.x(), c.x()]))]);
    const zero = c.op('Equal', [norm, c.scalar(0)]);
    return [c.op('Div', [c.x(), c.op('Where', [zero, c.scalar(1), norm])])];
  },
  /** Word, position and segment embeddings, added and normalized; output 1 counts the mask, output 2 is the sum. */
  'com.microsoft.EmbedLayerNormalization': (c) => {
    const words = c.op('Gather', [c.x(2), c.x()]);
    const positions = c.op('Gather', [c.x(3), c.has(8) ? c.x(8) : c.count(c.size(c.x(), 1))]);
    const placed = c.op('Add', [words, positions]);
    const sum = c.has(1) && c.has(4) ? c.op('Add', [placed, c.op('Gather', [c.x(4), c.x(1)])]) : placed;
    const masked = () => {
      if (!c.has(7))
        return c.op('ConstantOfShape', [c.shape([c.size(c.x(), 0)])], {
          value: { type: 'int32', dims: [1], data: Int32Array.of(0) },
        });
      return c.reduce('ReduceSum', c.x(7), [1], false);
    };
    const gamma = c.op('LayerNormalization', [sum, c.x(5), c.x(6)], {
      axis: -1,
      epsilon: { kind: 'float', value: c.float('epsilon', 1e-12) },
    });
    return [gamma, c.wants(1) ? masked() : undefined, c.wants(2) ? sum : undefined];
  },
};
