import { reduceTo } from '../broadcast.ts';
import type { Emitter } from '../emitter.ts';
import { axesFrom, joined, rankOf, reduceOver } from '../reduction.ts';
import type { GradientContext, GradientRule } from '../rule.ts';

/** Softmax family and normalizations by statistics of the elements themselves. */
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
  RMSNormalization: { backward: rootMeanSquare },
  BatchNormalization: {
    backward: (c) => (c.int('training_mode', 0) === 1 ? batchStatistics(c) : runningStatistics(c)),
  },
  LRN: { backward: (c) => [localResponse(c)] },
};

/** The axes that a row of a layer normalization spans, counted from the end, and the others. */
function rowAxes(c: GradientContext): { readonly rank: number | undefined; readonly first: number } {
  const rank = c.emitter.rank(c.x()) ?? c.emitter.rank(c.y());
  const axis = c.int('axis', -1);
  if (rank === undefined && axis >= 0) return c.refuse('the rank of the input must be known');
  return { rank, first: axis < 0 ? axis : axis - rank! };
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => i + from);

/** Sums a gradient to the shape of a scale or bias: over the leading axes when it spans the rows exactly. */
function toParameter(c: GradientContext, gradient: string, parameter: string, first: number, rank: number | undefined) {
  const { emitter: e } = c;
  const own = e.dims(parameter);
  const rows = e.dims(c.x())?.slice(first);
  const spans =
    own?.length === -first &&
    own.every((dim, i) => (dim !== undefined && dim === rows?.[i]) || (typeof dim === 'number' && dim !== 1));
  if (!spans) return reduceTo(e, gradient, parameter, '');
  if (rank === undefined) return e.sum(e.rows(gradient), [0], false);
  return e.sum(gradient, range(0, rank + first), false);
}

/**
 * With x̂ = (x − μ)·r and n normalized elements a row:
 * dγ = Σ dy·x̂, dβ = Σ dy, dx = r·(dy·γ − mean(dy·γ) − x̂·mean(dy·γ·x̂)).
 * μ and r are the forward node's own optional outputs. Over the last axis alone the two means are products with the
 * column γ/n, which read dy and dy·x̂ once and write one number a row.
 */
function layerNormalization(c: GradientContext): readonly (string | undefined)[] {
  const { emitter: e } = c;
  if (c.hasDy(1) || c.hasDy(2)) return c.refuse('gradient of the mean or the deviation');
  const { rank, first } = rowAxes(c);
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
  const input = () => {
    const inverse = e.extraOutput(c.node, 2, statistics);
    const scaled = e.op('Mul', [dy, c.x(1)]);
    const width = dims?.at(-1);
    let means: readonly [string, string];
    if (first === -1 && typeof width === 'number' && e.dims(c.x(1))?.[0] === width) {
      const share = e.op('Mul', [c.x(1), e.scalar(1 / width)]);
      const column = e.op('Reshape', [share, e.ints([width, 1])]);
      means = [e.op('MatMul', [dy, column]), e.op('MatMul', [product(), column])];
    } else {
      const mean = (value: string) => reduceOver(e, 'ReduceMean', value, range(first, 0), true);
      means = [mean(scaled), mean(e.op('Mul', [product(), c.x(1)]))];
    }
    const centred = e.op('Sub', [e.op('Sub', [scaled, means[0]]), e.op('Mul', [standardized(), means[1]])]);
    return e.op('Mul', [centred, inverse]);
  };
  return [
    c.wants(0) ? input() : undefined,
    c.wants(1) ? toParameter(c, product(), c.x(1), first, rank) : undefined,
    c.wants(2) ? toParameter(c, dy, c.x(2), first, rank) : undefined,
  ];
}

/** With x̂ = x·r and r = 1/√(mean x² + ε): dγ = Σ dy·x̂, dx = r·(dy·γ − x̂·mean(dy·γ·x̂)). */
function rootMeanSquare(c: GradientContext): readonly (string | undefined)[] {
  const { emitter: e } = c;
  const { rank, first } = rowAxes(c);
  const mean = (value: string) => reduceOver(e, 'ReduceMean', value, range(first, 0), true);
  const square = e.op('Add', [mean(e.op('Mul', [c.x(), c.x()])), e.scalar(c.float('epsilon', 1e-5))]);
  const inverse = e.op('Reciprocal', [e.op('Sqrt', [square])]);
  const standardized = e.op('Mul', [c.x(), inverse]);
  const input = () => {
    const scaled = e.op('Mul', [c.dy(), c.x(1)]);
    const share = mean(e.op('Mul', [scaled, standardized]));
    return e.op('Mul', [e.op('Sub', [scaled, e.op('Mul', [standardized, share])]), inverse]);
  };
  return [
    c.wants(0) ? input() : undefined,
    c.wants(1) ? toParameter(c, e.op('Mul', [c.dy(), standardized]), c.x(1), first, rank) : undefined,
  ];
}

/** A value of one number a channel in the shape that broadcasts over `[batch, channels, …]`. */
function perChannel(c: GradientContext, value: string): string {
  const { emitter: e } = c;
  const rank = e.rank(c.x());
  if (rank !== undefined) return e.op('Reshape', [value, e.ints([-1, ...range(2, rank).map(() => 1)])]);
  const ones = e.op('Expand', [e.ints([1]), e.op('Sub', [rankOf(e, c.x()), e.ints([2])])]);
  return e.op('Reshape', [value, e.op('Concat', [e.ints([-1]), ones], { axis: 0 })]);
}

/** Sums over batch and positions: one number a channel. */
function overChannels(c: GradientContext, value: string): string {
  const { emitter: e } = c;
  return e.op('ReduceSum', [value, joined(e, [e.ints([0]), axesFrom(e, c.x(), 2)])], { keepdims: 0 });
}

const deviation = (e: Emitter, c: GradientContext, variance: string) =>
  e.op('Reciprocal', [e.op('Sqrt', [e.op('Add', [variance, e.scalar(c.float('epsilon', 1e-5))])])]);

/** y = γ·(x − μ)·r + β with statistics that are inputs, r = 1/√(σ² + ε). */
function runningStatistics(c: GradientContext): readonly (string | undefined)[] {
  const { emitter: e } = c;
  const inverse = deviation(e, c, c.x(4));
  const scaled = () => e.op('Mul', [c.x(1), inverse]);
  const input = () => e.op('Mul', [c.dy(), perChannel(c, scaled())]);
  const total = () => overChannels(c, c.dy());
  const centred = () => e.op('Sub', [c.x(), perChannel(c, c.x(3))]);
  const product = () => overChannels(c, e.op('Mul', [c.dy(), centred()]));
  const variance = () => {
    const cube = e.op('Mul', [e.op('Mul', [inverse, inverse]), scaled()]);
    return e.op('Mul', [e.op('Mul', [product(), cube]), e.scalar(-0.5)]);
  };
  return [
    c.wants(0) ? input() : undefined,
    c.wants(1) ? e.op('Mul', [product(), inverse]) : undefined,
    c.wants(2) ? total() : undefined,
    c.wants(3) ? e.op('Neg', [e.op('Mul', [total(), scaled()])]) : undefined,
    c.wants(4) ? variance() : undefined,
  ];
}

/** The same with the mean and variance of this batch: dx = γ·r·(dy − mean dy − x̂·mean(dy·x̂)). */
function batchStatistics(c: GradientContext): readonly (string | undefined)[] {
  const { emitter: e } = c;
  if (c.hasDy(1) || c.hasDy(2)) return c.refuse('gradient of the running statistics');
  const count = e.op('Div', [
    e.op('Cast', [e.op('Size', [c.x()])], { to: 1 }),
    e.op('Cast', [e.op('Size', [c.x(1)])], { to: 1 }),
  ]);
  const mean = (value: string) => e.op('Div', [overChannels(c, value), count]);
  const centred = e.op('Sub', [c.x(), perChannel(c, mean(c.x()))]);
  const inverse = deviation(e, c, mean(e.op('Mul', [centred, centred])));
  const standardized = e.op('Mul', [centred, perChannel(c, inverse)]);
  const product = e.op('Mul', [c.dy(), standardized]);
  const input = () => {
    const rest = e.op('Mul', [standardized, perChannel(c, mean(product))]);
    const spread = e.op('Sub', [e.op('Sub', [c.dy(), perChannel(c, mean(c.dy()))]), rest]);
    return e.op('Mul', [spread, perChannel(c, e.op('Mul', [c.x(1), inverse]))]);
  };
  return [
    c.wants(0) ? input() : undefined,
    c.wants(1) ? overChannels(c, product) : undefined,
    c.wants(2) ? overChannels(c, c.dy()) : undefined,
  ];
}

/**
 * y = x·d^−β with d = k + α·(mean of x² over the window of channels): dx = dy·d^−β − 2αβ·x·mean′(dy·y/d), the mean over
 * the windows that cover a channel. The means are AveragePools over the channels as a spatial axis.
 */
function localResponse(c: GradientContext): string {
  const { emitter: e } = c;
  const size = c.int('size', 1);
  const [alpha, beta, bias] = [c.float('alpha', 1e-4), c.float('beta', 0.75), c.float('bias', 1)];
  const before = Math.floor((size - 1) / 2);
  const pool = (value: string, from: number) => {
    const planes = e.op('Unsqueeze', [e.op('Reshape', [value, e.ints([0, 0, -1])]), e.ints([1])]);
    const pads = [from, 0, size - 1 - from, 0];
    const mean = e.op('AveragePool', [planes], { kernel_shape: [size, 1], pads, count_include_pad: 1 });
    return e.op('Reshape', [mean, e.shape(c.x())]);
  };
  const squares = pool(e.op('Mul', [c.x(), c.x()]), before);
  const base = e.op('Add', [e.op('Mul', [squares, e.scalar(alpha)]), e.scalar(bias)]);
  const direct = e.op('Mul', [c.dy(), e.op('Pow', [base, e.scalar(-beta)])]);
  const shares = e.op('Div', [e.op('Mul', [c.dy(), c.y()]), base]);
  const through = e.op('Mul', [e.op('Mul', [c.x(), e.scalar(2 * alpha * beta)]), pool(shares, size - 1 - before)]);
  return e.op('Sub', [direct, through]);
}
