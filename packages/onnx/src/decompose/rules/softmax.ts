import type { DecomposeContext, Decomposition } from '../rule.ts';

/** x − max(x), then its exponential and the sum of that, along `axis`. */
function exponentials(c: DecomposeContext, x: string, axis: number) {
  const shifted = c.op('Sub', [x, c.reduce('ReduceMax', x, [axis])]);
  const power = c.op('Exp', [shifted]);
  return { shifted, power, total: c.reduce('ReduceSum', power, [axis]) };
}

/** Before opset 13 the axes from `axis` on (1 by default) are one: the input is a matrix there. */
const alongAxis =
  (emit: (c: DecomposeContext, x: string, axis: number) => string): Decomposition =>
  (c) => {
    if (c.opset >= 13) return [emit(c, c.x(), c.int('axis', -1))];
    const matrix = c.op('Flatten', [c.x()], { axis: c.int('axis', 1) });
    return [c.op('Reshape', [emit(c, matrix, 1), c.op('Shape', [c.x()])])];
  };

/** Σ, mean or none of −wᵢ·logp[i, labelᵢ]; ignored labels weigh nothing. `logp` is [N, C, …], labels [N, …]. */
function likelihoodLoss(c: DecomposeContext, logp: string, labels: string, weights: string): string {
  const ignored = c.hasAttribute('ignore_index')
    ? c.op('Equal', [labels, c.cast(c.constant(wide(c.int('ignore_index', 0))), c.type(labels))])
    : undefined;
  const zero = () => c.cast(c.constant(wide(0)), c.type(labels));
  const safe = ignored === undefined ? labels : c.op('Where', [ignored, zero(), labels]);
  const picked = c.squeeze(pick(c, logp, safe), [1]);
  let weight = weights === '' ? undefined : c.op('Gather', [weights, safe]);
  if (ignored !== undefined) {
    weight = c.op('Where', [ignored, c.scalar(0, logp), weight ?? c.scalar(1, logp)]);
  }
  const loss = c.op('Neg', [weight === undefined ? picked : c.op('Mul', [picked, weight])]);
  switch (c.text('reduction', 'mean')) {
    case 'none':
      return loss;
    case 'sum':
      return c.reduce('ReduceSum', loss, undefined, false);
    default:
      return weight === undefined
        ? c.reduce('ReduceMean', loss, undefined, false)
        : c.op('Div', [c.reduce('ReduceSum', loss, undefined, false), c.reduce('ReduceSum', weight, undefined, false)]);
  }
}

/** The entries [N, 1, …] of `logp` at the labels; before opset 16 by a one-hot product, which has a gradient there. */
function pick(c: DecomposeContext, logp: string, labels: string): string {
  if (c.opset >= 16) return c.op('GatherElements', [logp, c.unsqueeze(labels, [1])], { axis: 1 });
  const depth = c.size(logp, 1);
  const onOff = { type: 'float32' as const, dims: [2], data: Float32Array.of(0, 1) };
  const count = typeof depth === 'number' ? c.vector([depth]) : depth;
  const hot = c.op('OneHot', [labels, count, c.constant(onOff)], { axis: 1 });
  return c.reduce('ReduceSum', c.op('Mul', [logp, c.cast(hot, c.type(logp))]), [1]);
}

function wide(value: number) {
  return { type: 'int64' as const, dims: [], data: BigInt64Array.of(BigInt(value)) };
}

/** The softmax family and the losses on it. */
export const softmaxes: Readonly<Record<string, Decomposition>> = {
  Softmax: alongAxis((c, x, axis) => {
    const { power, total } = exponentials(c, x, axis);
    return c.op('Div', [power, total]);
  }),
  LogSoftmax: alongAxis((c, x, axis) => {
    const { shifted, total } = exponentials(c, x, axis);
    return c.op('Sub', [shifted, c.op('Log', [total])]);
  }),
  /** The bias broadcasts to the data; the softmax runs over all axes from `axis` on. */
  'com.microsoft.BiasSoftmax': (c) => {
    const sum = c.op('Add', [c.x(), c.x(1)]);
    const rank = c.rank(c.x());
    const axis = c.int('axis', 1);
    if (axis === -1 || axis === rank - 1) return [c.op('Softmax', [sum], { axis: -1 })];
    const first = axis < 0 ? axis + rank : axis;
    const flat = c.reshape(sum, [...Array.from({ length: first }, () => 0), -1]);
    return [c.op('Reshape', [c.op('Softmax', [flat], { axis: -1 }), c.op('Shape', [sum])])];
  },
  SoftmaxCrossEntropyLoss: (c) => {
    const logp = c.op('LogSoftmax', [c.x()], { axis: 1 });
    return [likelihoodLoss(c, logp, c.x(1), c.x(2)), c.wants(1) ? logp : undefined];
  },
  NegativeLogLikelihoodLoss: (c) => [likelihoodLoss(c, c.x(), c.x(1), c.x(2))],
};
