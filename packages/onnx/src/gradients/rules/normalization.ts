import type { GradientContext, GradientRule } from '../rule.ts';

/** Softmax family and layer normalization. */
export const normalization: Readonly<Record<string, GradientRule>> = {
  /** dx = y·(dy − Σ y·dy). */
  Softmax: {
    backward: (c) => {
      const { emitter: e } = c;
      const weighted = e.op('Mul', [c.dy(), c.y()]);
      const total = e.sum(weighted, [c.int('axis', -1)], true);
      return [e.op('Mul', [c.y(), e.op('Sub', [c.dy(), total])])];
    },
  },
  /** dx = dy − softmax(x)·Σ dy. */
  LogSoftmax: {
    backward: (c) => {
      const { emitter: e } = c;
      const total = e.sum(c.dy(), [c.int('axis', -1)], true);
      return [e.op('Sub', [c.dy(), e.op('Mul', [e.op('Exp', [c.y()]), total])])];
    },
  },
  LayerNormalization: { backward: layerNormalization },
};

/**
 * With x̂ = (x − μ)·r and n normalized elements a row:
 * dγ = Σ dy·x̂, dβ = Σ dy, dx = r·(dy·γ − mean(dy·γ) − x̂·mean(dy·γ·x̂)).
 * μ and r are the forward node's own optional outputs. Over the last axis alone the two means are products with the
 * column γ/n, which read dy and dy·x̂ once and write one number a row.
 */
function layerNormalization(c: GradientContext): readonly (string | undefined)[] {
  const { emitter: e } = c;
  const rank = e.rank(c.x()) ?? e.rank(c.y());
  const axis = c.int('axis', -1);
  if (rank === undefined && axis !== -1) return c.refuse('the rank of the input must be known');
  const first = axis < 0 ? axis : axis - rank!;
  const dims = e.dims(c.x());
  const statistics = dims && {
    type: 'float32' as const,
    dims: dims.map((dim, at) => (at >= dims.length + first ? 1 : dim)),
  };
  const dy = c.dy();
  const standardized = () => {
    const centred = e.op('Sub', [c.x(), e.extraOutput(c.node, 1, statistics)]);
    return e.op('Mul', [centred, e.extraOutput(c.node, 2, statistics)]);
  };
  const product = () => e.op('Mul', [dy, standardized()]);
  const leading = (value: string) =>
    rank === undefined
      ? e.sum(e.rows(value), [0], false)
      : e.sum(
          value,
          Array.from({ length: rank + first }, (_, at) => at),
          false,
        );
  const input = () => {
    const inverse = e.extraOutput(c.node, 2, statistics);
    const scaled = e.op('Mul', [dy, c.x(1)]);
    const axes = Array.from({ length: -first }, (_, at) => at + first);
    const width = dims?.at(-1);
    let means: readonly [string, string];
    if (first === -1 && typeof width === 'number') {
      const share = e.op('Mul', [c.x(1), e.scalar(1 / width)]);
      const column = e.op('Reshape', [share, e.ints([width, 1])]);
      means = [e.op('MatMul', [dy, column]), e.op('MatMul', [product(), column])];
    } else {
      const mean = (value: string) =>
        e.opset >= 18
          ? e.op('ReduceMean', [value, e.ints(axes)], { keepdims: 1 })
          : e.op('ReduceMean', [value], { axes, keepdims: 1 });
      means = [mean(scaled), mean(e.op('Mul', [product(), c.x(1)]))];
    }
    const centred = e.op('Sub', [e.op('Sub', [scaled, means[0]]), e.op('Mul', [standardized(), means[1]])]);
    return e.op('Mul', [centred, inverse]);
  };
  return [
    c.wants(0) ? input() : undefined,
    c.wants(1) ? leading(product()) : undefined,
    c.wants(2) ? leading(dy) : undefined,
  ];
}
