import { describe, expect, it } from 'vitest';
import { applyPass } from '../../test/pass-harness.ts';
import { createGraphBuilder, type GraphBuilder } from '../builder.ts';
import { float32, int64, scalar } from '../model.ts';
import { fuseLayerNormalization } from './layer-normalization.ts';
import { fuseRmsNormalization } from './rms-normalization.ts';

const wave = (...dims: number[]) => {
  const count = dims.reduce((a, b) => a * b, 1);
  const data = Array.from({ length: count }, (_, i) => 0.3 + Math.sin(i * 1.7));
  return float32(data, dims);
};
const feeds = { x: wave(2, 3, 4) };
type Make = (g: GraphBuilder, x: string) => string;
type Unary = (g: GraphBuilder, x: string) => string;

const number = (g: GraphBuilder, value: number) => g.constant('c', scalar(value));
const vector = (g: GraphBuilder) => g.constant('w', float32([0.5, -1, 2, 1.5]));
const meanOf: Unary = (g, x) => g.op('ReduceMean', [x], { axes: [-1] });
const sumMean: Unary = (g, x) =>
  g.op('Unsqueeze', [
    g.op('Mul', [g.op('ReduceSum', [x, g.constant('a', int64([2]))], { keepdims: 0 }), number(g, 0.25)]),
    g.constant('a', int64([-1])),
  ]);
const dividedSum: Unary = (g, x) => g.op('Div', [g.op('ReduceSum', [x, g.constant('a', int64([-1]))]), number(g, 4)]);
const power: Unary = (g, x) => g.op('Pow', [x, number(g, 2)]);
const times: Unary = (g, x) => g.op('Mul', [x, x]);
const shifted: Unary = (g, x) => g.op('Add', [x, number(g, 1e-5)]);
const root: Unary = (g, x) => g.op('Sqrt', [shifted(g, x)]);
const divide = (g: GraphBuilder, d: string, variance: string) => g.op('Div', [d, root(g, variance)]);
const byReciprocal = (g: GraphBuilder, d: string, variance: string) =>
  g.op('Mul', [g.op('Reciprocal', [root(g, variance)]), d]);
const byQuotient = (g: GraphBuilder, d: string, variance: string) =>
  g.op('Mul', [d, g.op('Div', [number(g, 1), root(g, variance)])]);
const byPower = (g: GraphBuilder, d: string, variance: string) =>
  g.op('Mul', [d, g.op('Pow', [shifted(g, variance), number(g, -0.5)])]);

const layerNorm =
  (mean: Unary, square: Unary, finish: typeof divide): Unary =>
  (g, x) => {
    const d = g.op('Sub', [x, mean(g, x)]);
    return finish(g, d, mean(g, square(g, d)));
  };
const plain = layerNorm(meanOf, power, divide);
const rms =
  (mean: Unary, square: Unary, finish: typeof divide): Unary =>
  (g, x) =>
    finish(g, x, mean(g, square(g, x)));
const affine =
  (inner: Unary): Unary =>
  (g, x) =>
    g.op('Add', [vector(g), g.op('Mul', [inner(g, x), vector(g)])]);

/** What JAX writes: E[x²] − E[x]², clipped, and the scale in the product with the deviation. */
const jax: Unary = (g, x) => {
  const axis = g.constant('a', int64([2]));
  const total = (value: string) => g.op('Mul', [g.op('ReduceSum', [value, axis], { keepdims: 0 }), number(g, 0.25)]);
  const back = (value: string) => g.op('Reshape', [value, g.constant('s', int64([0, 0, 1]))]);
  const mean = total(x);
  const variance = g.op('Max', [number(g, 0), g.op('Sub', [total(times(g, x)), times(g, mean)])]);
  const scale = g.constant('w', float32([0.5, -1, 2, 1.5], [1, 1, 4]));
  const inverse = g.op('Mul', [g.op('Reciprocal', [root(g, back(variance))]), scale]);
  return g.op('Add', [g.op('Mul', [g.op('Sub', [x, back(mean)]), inverse]), vector(g)]);
};

async function left(pass: ReturnType<typeof fuseLayerNormalization>, make: Make, opset = 17) {
  const g = createGraphBuilder('norm');
  const made = make(g, g.input('x', 'float32', ['batch', 3, 4]));
  g.output(made, 'float32', ['batch', 3, 4]);
  const { operators, findings, model } = await applyPass(pass, g.model({ opset, irVersion: 10 }), feeds);
  return { operators, skipped: findings.filter(({ kind }) => kind === 'skipped').map(({ message }) => message), model };
}

const withAxes13: Unary = (g, x) => g.op('ReduceMean', [x, g.constant('a', int64([-1]))]);
const finishes = { divide, byReciprocal, byQuotient, byPower };
const means = { meanOf, sumMean, dividedSum };
const squares = { power, times };
const variants = Object.entries(finishes).flatMap(([f, finish]) =>
  Object.entries(means).flatMap(([m, mean]) =>
    Object.entries(squares).map(([s, square]) => [`${m} ${s} ${f}`, mean, square, finish] as const),
  ),
);

describe('fuse-layer-normalization', () => {
  it.each(variants)('finds %s', async (_, mean, square, finish) => {
    const inner = layerNorm(mean, square, finish);
    expect((await left(fuseLayerNormalization(), inner)).operators).toBe('LayerNormalization');
    expect((await left(fuseLayerNormalization(), affine(inner))).operators).toBe('LayerNormalization');
  });

  it('finds the form of JAX, and axes as an input', async () => {
    expect((await left(fuseLayerNormalization(), jax)).operators).toBe('LayerNormalization');
    const newer = affine(layerNorm(withAxes13, power, divide));
    expect((await left(fuseLayerNormalization(), newer, 18)).operators).toBe('LayerNormalization');
  });

  it('goes into subgraphs', async () => {
    const g = createGraphBuilder('norm');
    const x = g.input('x', 'float32', ['batch', 3, 4]);
    const branch = (name: string, make: Make) => {
      const inner = createGraphBuilder(name);
      inner.output(make(inner, x), 'float32', ['batch', 3, 4], name);
      return inner.graph();
    };
    const test = g.op('Greater', [g.op('ReduceMax', [x], { keepdims: 0 }), number(g, 0)]);
    const branches = {
      then_branch: branch('then', affine(plain)),
      else_branch: branch('other', (h, v) => h.op('Neg', [v])),
    };
    g.output(g.op('If', [test], branches), 'float32', ['batch', 3, 4]);
    const { operators } = await applyPass(fuseLayerNormalization(), g.model({ opset: 17 }), feeds);
    expect(operators).toMatch(/If\(LayerNormalization.* \| Neg/);
  });

  const refused: [string, Make, string | undefined, number?][] = [
    ['an opset below 17', plain, 'needs opset 17, the model has 16', 16],
    [
      'another axis',
      layerNorm((g, x) => g.op('ReduceMean', [x], { axes: [1] }), power, divide),
      'ReduceMean is not along the last axis alone',
    ],
    [
      'two axes',
      layerNorm((g, x) => g.op('ReduceMean', [x], { axes: [1, 2] }), power, divide),
      'ReduceMean is not along the last axis alone',
    ],
    [
      'a wrong count',
      layerNorm(
        (g, x) => g.op('Mul', [g.op('ReduceSum', [x, g.constant('a', int64([-1]))]), number(g, 0.2)]),
        power,
        divide,
      ),
      'a sum is not divided by the size 4',
    ],
    [
      'a variance over one less than the count',
      (g, x) => {
        const over = (value: string, count: number) =>
          g.op('Div', [g.op('ReduceSum', [value, g.constant('a', int64([-1]))]), number(g, count)]);
        const d = g.op('Sub', [x, over(x, 4)]);
        return divide(g, d, over(power(g, d), 3));
      },
      undefined,
    ],
    [
      'a mean over another count than the variance',
      (g, x) => {
        const over = (value: string, count: number) =>
          g.op('Div', [g.op('ReduceSum', [value, g.constant('a', int64([-1]))]), number(g, count)]);
        const d = g.op('Sub', [x, over(x, 3)]);
        return divide(g, d, over(power(g, d), 4));
      },
      undefined,
    ],
    [
      'a value inside that something else uses',
      (g, x) => {
        const d = g.op('Sub', [x, meanOf(g, x)]);
        return g.op('Add', [divide(g, d, meanOf(g, power(g, d))), g.op('Abs', [d])]);
      },
      'inside it is used elsewhere',
    ],
    [
      'an epsilon that is computed',
      (g, x) => {
        const d = g.op('Sub', [x, meanOf(g, x)]);
        const epsilon = g.op('Abs', [g.op('ReduceMax', [x], { keepdims: 0 })]);
        return g.op('Div', [d, g.op('Sqrt', [g.op('Add', [meanOf(g, power(g, d)), epsilon])])]);
      },
      undefined,
    ],
    ['the cube', layerNorm(meanOf, (g, x) => g.op('Abs', [g.op('Pow', [x, number(g, 3)])]), divide), undefined],
  ];
  it.each(refused)('refuses %s', async (_, make, reason, opset) => {
    const { operators, skipped } = await left(fuseLayerNormalization(), make, opset);
    expect(operators).not.toContain('LayerNormalization');
    if (reason === undefined) expect(skipped).toEqual([]);
    else expect(skipped.join()).toContain(reason);
  });

  it('leaves a bias that is no vector, a scale of a higher rank, and a second scale', async () => {
    const scalarBias: Make = (g, x) => g.op('Add', [plain(g, x), number(g, 1)]);
    expect((await left(fuseLayerNormalization(), scalarBias)).operators).toBe('LayerNormalization Add');
    const higher: Make = (g, x) => {
      const wide = g.op('Mul', [plain(g, x), g.constant('w', float32([0.5, -1, 2, 1.5], [1, 1, 1, 4]))]);
      return g.op('Squeeze', [wide, g.constant('a', int64([0]))]);
    };
    expect((await left(fuseLayerNormalization(), higher)).operators).toBe('LayerNormalization Mul Squeeze');
    const twice: Make = (g, x) => g.op('Mul', [g.op('Mul', [plain(g, x), vector(g)]), vector(g)]);
    expect((await left(fuseLayerNormalization(), twice)).operators).toBe('LayerNormalization Mul');
  });
});

describe('fuse-rms-normalization', () => {
  const scaled =
    (inner: Unary): Unary =>
    (g, x) =>
      g.op('Mul', [vector(g), inner(g, x)]);
  it.each(variants)('finds %s', async (_, mean, square, finish) => {
    const inner = scaled(rms(mean === meanOf ? withAxes13 : mean, square, finish));
    expect((await left(fuseRmsNormalization(), inner, 23)).operators).toBe('RMSNormalization');
    expect((await left(fuseRmsNormalization('onnxruntime'), inner, 20)).operators).toBe('SimplifiedLayerNormalization');
  });

  it('makes a quotient of a product below opset 23, and leaves a quotient', async () => {
    const quotient = 'Pow ReduceMean Add Sqrt Div Mul';
    for (const finish of [byReciprocal, byQuotient, divide]) {
      expect((await left(fuseRmsNormalization(), scaled(rms(meanOf, power, finish)))).operators).toBe(quotient);
    }
  });

  it('keeps Casts around it', async () => {
    const cast: Make = (g, x) => {
      const wide = g.op('Cast', [g.op('Cast', [x], { to: 10 })], { to: 1 });
      return g.op('Cast', [g.op('Cast', [rms(withAxes13, power, byReciprocal)(g, wide)], { to: 10 })], { to: 1 });
    };
    expect((await left(fuseRmsNormalization(), cast, 23)).operators).toBe('Cast Cast RMSNormalization Cast Cast');
  });

  it('refuses another axis and statistics that something else uses', async () => {
    const axis = rms((g, x) => g.op('ReduceMean', [x, g.constant('a', int64([0]))]), power, byReciprocal);
    expect((await left(fuseRmsNormalization(), axis, 23)).skipped.join()).toContain('not along the last axis alone');
    const shared: Make = (g, x) => {
      const variance = withAxes13(g, power(g, x));
      return g.op('Add', [byReciprocal(g, x, variance), variance]);
    };
    expect((await left(fuseRmsNormalization(), shared, 23)).skipped.join()).toContain('used elsewhere');
  });
});
