import { describe, expect, it } from 'vitest';
import { applyPass } from '../../test/pass-harness.ts';
import { createGraphBuilder, type GraphBuilder } from '../builder.ts';
import { float32, int64, scalar } from '../model.ts';
import type { Pass } from '../pass.ts';
import { fuseAttention } from './attention.ts';
import { fuseRotaryEmbedding } from './rotary-embedding.ts';

const [BATCH, LENGTH, HEADS, GROUPS, SIZE] = [2, 3, 4, 2, 4];
const wave = (...dims: number[]) => {
  const count = dims.reduce((a, b) => a * b, 1);
  const data = Array.from({ length: count }, (_, i) => Math.sin(i * 1.3));
  return float32(data, dims);
};
const low = -3.4028234663852886e38;
const feeds = {
  q: wave(BATCH, LENGTH, HEADS * SIZE),
  k: wave(BATCH, LENGTH, HEADS * SIZE),
  v: wave(BATCH, LENGTH, HEADS * SIZE),
  narrow: wave(BATCH, LENGTH, GROUPS * SIZE),
  mask: float32(
    Array.from({ length: BATCH * LENGTH * LENGTH }, (_, i) => (i % LENGTH > 1 + (i % 2) ? low : 0)),
    [BATCH, 1, LENGTH, LENGTH],
  ),
  seen: {
    type: 'bool' as const,
    dims: [1, 1, LENGTH, LENGTH],
    data: Uint8Array.from({ length: LENGTH * LENGTH }, (_, i) => (i % LENGTH <= i / LENGTH ? 1 : 0)),
  },
  angles: wave(BATCH, LENGTH, SIZE / 2),
};

interface Form {
  readonly scores?: (g: GraphBuilder, scores: string, inputs: Inputs) => string;
  readonly query?: (g: GraphBuilder, query: string, inputs: Inputs) => string;
  readonly key?: (g: GraphBuilder, key: string, inputs: Inputs) => string;
  readonly probabilities?: (g: GraphBuilder, probabilities: string, inputs: Inputs) => string;
  readonly keyPerm?: readonly number[];
  readonly axis?: number;
  readonly narrow?: boolean;
  readonly split?: boolean;
  readonly rows?: boolean;
  readonly opset?: number;
}
type Inputs = Readonly<Record<keyof typeof feeds, string>>;

const c = (g: GraphBuilder, value: number) => g.constant('c', scalar(value));
const ints = (g: GraphBuilder, ...values: number[]) => g.constant('i', int64(values));
const times = (factor: number) => (g: GraphBuilder, x: string) => g.op('Mul', [x, c(g, factor)]);
const masked = (g: GraphBuilder, scores: string, { mask }: Inputs) => g.op('Add', [times(0.5)(g, scores), mask]);
const selected =
  (fill: number) =>
  (g: GraphBuilder, scores: string, { seen, mask }: Inputs) =>
    g.op('Add', [g.op('Where', [seen, scores, c(g, fill)]), mask]);

/** x·cos + rotate(x)·sin of [batch, heads, sequence, size], as transformers writes it. */
function rotate(g: GraphBuilder, x: string, { angles }: Pick<Inputs, 'angles'>, twice = true): string {
  const both = twice
    ? g.op('Concat', [angles, angles], { axis: -1 })
    : g.op('Concat', [angles, g.op('Neg', [angles])], { axis: -1 });
  const table = (opType: string) => g.op('Unsqueeze', [g.op(opType, [both]), ints(g, 1)]);
  const half = (from: number, to: number) => g.op('Slice', [x, ints(g, from), ints(g, to), ints(g, 3), ints(g, 1)]);
  const turned = g.op('Concat', [g.op('Neg', [half(SIZE / 2, 2 ** 40)]), half(0, SIZE / 2)], { axis: -1 });
  return g.op('Add', [g.op('Mul', [x, table('Cos')]), g.op('Mul', [turned, table('Sin')])]);
}

function build(form: Form) {
  const { scores, query, key, probabilities, keyPerm = [0, 2, 3, 1], axis = -1, narrow, split = true, rows } = form;
  const g = createGraphBuilder('attention');
  const inputs = Object.fromEntries(
    Object.entries(feeds).map(([name, { type, dims }]) => {
      const symbolic = dims.map((dim, at) => (at === 0 && dim === BATCH ? 'batch' : dim === LENGTH ? 'sequence' : dim));
      return [name, g.input(name, type, symbolic)];
    }),
  ) as Inputs;
  const heads = (x: string) => g.op('Reshape', [x, ints(g, 0, 0, -1, SIZE)]);
  const turn = (x: string, perm: readonly number[]) => g.op('Transpose', [x], { perm });
  const place = (x: string) => turn(heads(x), [0, 2, 1, 3]);
  const repeat = (x: string) => {
    const wide = g.op('Expand', [g.op('Unsqueeze', [x, ints(g, 2)]), ints(g, 1, 1, HEADS / GROUPS, 1, 1)]);
    return g.op('Reshape', [wide, ints(g, 0, HEADS, -1, SIZE)]);
  };
  const q = query?.(g, place(inputs.q), inputs) ?? place(inputs.q);
  const k = narrow
    ? turn(repeat(key?.(g, place(inputs.narrow), inputs) ?? place(inputs.narrow)), [0, 1, 3, 2])
    : key === undefined
      ? turn(heads(inputs.k), keyPerm)
      : turn(key(g, place(inputs.k), inputs), [0, 1, 3, 2]);
  const v = narrow ? repeat(place(inputs.narrow)) : place(inputs.v);
  const product = g.op('MatMul', [q, k]);
  const soft = g.op('Softmax', [scores?.(g, product, inputs) ?? product], { axis });
  const y = g.op('MatMul', [probabilities?.(g, soft, inputs) ?? soft, v]);
  if (!split) g.output(y, 'float32', ['batch', HEADS, 'sequence', SIZE]);
  else {
    const joined = g.op('Reshape', [
      turn(y, [0, 2, 1, 3]),
      rows ? ints(g, -1, HEADS * SIZE) : ints(g, 0, 0, HEADS * SIZE),
    ]);
    g.output(joined, 'float32', rows ? ['rows', HEADS * SIZE] : ['batch', 'sequence', HEADS * SIZE]);
  }
  return g.model({ opset: form.opset ?? 23, irVersion: 10 });
}

async function left(form: Form, ...passes: readonly Pass[]) {
  let model = build(form);
  let operators = '';
  const skipped: string[] = [];
  for (const pass of passes) {
    const passed = await applyPass(pass, model, feeds);
    ({ model, operators } = passed);
    skipped.push(...passed.findings.filter(({ kind }) => kind === 'skipped').map(({ message }) => message));
  }
  const scale = model.graph.nodes.find(({ opType }) => opType === 'Attention')?.attributes.scale;
  return { operators, skipped: skipped.join(), scale: scale?.kind === 'float' ? scale.value : undefined };
}

describe('fuse-attention', () => {
  const found: readonly (readonly [string, Form, string, number])[] = [
    ['scores as they are', {}, 'Attention', 1],
    ['a scale and a mask', { scores: masked }, 'Max Attention', 0.5],
    ['a quotient', { scores: (g, s) => g.op('Div', [s, c(g, 2)]) }, 'Attention', 0.5],
    ['the mask first', { scores: (g, s, { mask }) => g.op('Add', [mask, s]) }, 'Max Attention', 1],
    ['scales on q and k', { query: times(0.5), key: times(0.5), scores: masked }, 'Max Attention', 0.125],
    ['two masks', { scores: (g, s, { mask }) => g.op('Add', [g.op('Add', [s, mask]), mask]) }, 'Max Add Attention', 1],
    ['a Where and a mask', { scores: selected(low) }, 'Where Max Add Attention', 1],
    [
      'a Where of the other order',
      { scores: (g, s, { seen }) => g.op('Where', [g.op('Not', [seen]), c(g, low), s]) },
      'Not Where Attention',
      1,
    ],
    ['groups of heads', { narrow: true, scores: masked }, 'Max Attention', 0.5],
    ['rows behind it', { rows: true }, 'Attention Reshape', 1],
    ['no Transpose behind it', { split: false }, 'Reshape Transpose Reshape Transpose Reshape Transpose Attention', 1],
    ['an axis from the front', { axis: 3 }, 'Attention', 1],
  ];
  it.each(found)('finds %s', async (_, form, operators, scale) => {
    const made = await left(form, fuseAttention());
    expect(made.operators.split(' ').toSorted()).toEqual(operators.split(' ').toSorted());
    expect(made.scale).toBeCloseTo(scale, 6);
  });

  it('lets no mask go below -1e38, so that rows that are masked altogether stay what they are', () => {
    const choice = (g: GraphBuilder, scores: string, { seen }: Inputs) =>
      g.op('Add', [scores, g.op('Where', [seen, c(g, 0), c(g, low)])]);
    for (const scores of [
      choice,
      (g: GraphBuilder, s: string, { seen }: Inputs) => g.op('Where', [seen, s, c(g, low)]),
    ]) {
      const { graph } = fuseAttention().run(build({ scores })).model;
      const [where] = graph.nodes.filter(({ opType }) => opType === 'Where');
      const values = where!.inputs.slice(1).map((name) => Number(graph.initializers.get(name)!.data[0]));
      expect(values).toEqual([0, Math.fround(-1e38)]);
      expect(graph.nodes.find(({ opType }) => opType === 'Attention')!.inputs[3]).toBe(where!.outputs[0]);
    }
  });

  const refused: readonly (readonly [string, Form, string])[] = [
    ['an opset below 23', { scores: masked, opset: 22 }, 'needs opset 23, the model has 22'],
    ['another axis', { axis: 2 }, 'not along the last axis'],
    [
      'scores that something else uses',
      {
        scores: (g, s) => {
          g.output(s, 'float32', ['batch', HEADS, 'sequence', 'sequence']);
          return s;
        },
      },
      'inside it is used elsewhere',
    ],
    ['a scale that is not positive', { scores: times(-1) }, 'its scale is -1'],
    ['a fill that is not low', { scores: selected(-10000) }, 'not as low as -1e+30'],
    [
      'a mask of one row',
      { scores: (g, s, { mask }) => g.op('Add', [s, g.op('ReduceMax', [mask, ints(g, 2)])]) },
      'do not have the last two dimensions',
    ],
    [
      'queries that the batch shares',
      { query: (g, q) => g.op('ReduceMax', [q, ints(g, 0)]) },
      'batches or heads of q, k and v are not seen to be the same',
    ],
    [
      'a guard of the probabilities',
      { probabilities: (g, p) => g.op('Where', [g.op('IsNaN', [p]), c(g, 0), p]) },
      'its probabilities are changed (Where) before the product',
    ],
    [
      'probabilities that something else uses',
      {
        probabilities: (g, p) => {
          g.output(p, 'float32', ['batch', HEADS, 'sequence', 'sequence']);
          return p;
        },
      },
      'inside it is used elsewhere',
    ],
  ];
  it.each(refused)('refuses %s', async (_, form, reason) => {
    const { operators, skipped } = await left(form, fuseAttention());
    expect(operators).not.toContain('Attention');
    expect(skipped).toContain(reason);
  });
});

describe('fuse-rotary-embedding', () => {
  const rotary: Form = { query: rotate, key: rotate, scores: masked };
  const operators = async (form: Form, ...passes: readonly Pass[]) =>
    (await left(form, ...passes)).operators.split(' ').filter((name) => /Rotary|Attention|Slice|Transpose/.test(name));

  it('finds what transformers writes, and Attention takes it along', async () => {
    expect(await operators({ ...rotary, narrow: true }, fuseRotaryEmbedding(), fuseAttention())).toEqual([
      'RotaryEmbedding',
      'RotaryEmbedding',
      'Attention',
    ]);
    const [first] = await operators(rotary, fuseRotaryEmbedding());
    expect(first).toBe('Transpose');
    expect((await left({ ...rotary, opset: 20 }, fuseRotaryEmbedding())).skipped).toContain('needs opset 23');
  });

  it('refuses tables whose halves differ', async () => {
    const { operators: kept, skipped } = await left(
      { query: (g, x, inputs) => rotate(g, x, inputs, false) },
      fuseRotaryEmbedding(),
    );
    expect(kept).not.toContain('RotaryEmbedding');
    expect(skipped).toBe('RotaryEmbedding: cos and sin are not seen to be the same in both halves');
  });

  it('refuses halves in another order, and angles that the batch shares', async () => {
    const backwards = (g: GraphBuilder, x: string, { angles }: Inputs) => {
      const both = g.op('Concat', [angles, angles], { axis: -1 });
      const table = (opType: string) => g.op('Unsqueeze', [g.op(opType, [both]), ints(g, 1)]);
      const half = (from: number, to: number) => g.op('Slice', [x, ints(g, from), ints(g, to), ints(g, 3)]);
      const turned = g.op('Concat', [g.op('Neg', [half(0, SIZE / 2)]), half(SIZE / 2, SIZE)], { axis: -1 });
      return g.op('Add', [g.op('Mul', [x, table('Cos')]), g.op('Mul', [turned, table('Sin')])]);
    };
    expect((await left({ query: backwards }, fuseRotaryEmbedding())).skipped).toContain(
      'not the halves of the last axis',
    );
    const shared = (g: GraphBuilder, x: string, { angles }: Inputs) =>
      rotate(g, x, { angles: g.op('ReduceMax', [angles, ints(g, 0)]) });
    expect((await left({ query: shared }, fuseRotaryEmbedding())).skipped).toContain('shared by the batch');
  });
});
