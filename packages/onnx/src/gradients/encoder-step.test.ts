import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createGraphBuilder, float } from '../builder.ts';
import type { Tensors } from '../engine.ts';
import type { Model, Tensor } from '../model.ts';
import { float32, int64, scalar } from '../model.ts';
import { openReference } from '../reference/open-reference.ts';
import { inferTypes } from '../types/infer.ts';
import { addGradients } from './add-gradients.ts';

interface Golden {
  readonly config: Readonly<Record<'vocab' | 'positions' | 'hidden' | 'layers' | 'heads' | 'inner' | 'labels', number>>;
  readonly ids: readonly (readonly number[])[];
  readonly mask: readonly (readonly number[])[];
  readonly targets: readonly (readonly number[])[];
  readonly loss: number;
  readonly parameters: Readonly<
    Record<string, { readonly dims: readonly number[]; readonly data: number[]; readonly gradient: number[] }>
  >;
}

const golden = JSON.parse(readFileSync(new URL('../../goldens/encoder-step.json', import.meta.url), 'utf8')) as Golden;

/** The step of `goldens/encoder-step.py`: embeddings, post-norm encoder layers, pooler, soft-target cross-entropy. */
function buildStep(): Model {
  const { hidden, layers, heads, labels } = golden.config;
  const g = createGraphBuilder('encoder step');
  const parameter = (name: string) => {
    const { dims, data } = golden.parameters[name]!;
    return g.constant(name, float32(data, dims));
  };
  const ints = (...values: readonly number[]) => g.constant('ints', int64(values));
  const number = (value: number) => g.constant('number', scalar(value));
  const linear = (x: string, name: string) =>
    g.op('Add', [g.op('MatMul', [x, parameter(`${name}.weight`)]), parameter(`${name}.bias`)], {}, { name });
  const norm = (x: string, name: string) =>
    g.op('LayerNormalization', [x, parameter(`${name}.weight`), parameter(`${name}.bias`)], { epsilon: float(1e-12) });
  const split = (x: string, perm: readonly number[]) =>
    g.op('Transpose', [g.op('Reshape', [x, ints(0, 0, heads, hidden / heads)])], { perm });

  const ids = g.input('input_ids', 'int64', ['batch', 'sequence']);
  const mask = g.input('attention_mask', 'int64', ['batch', 'sequence']);
  const targets = g.input('targets', 'float32', ['batch', labels]);
  const length = g.op('Gather', [g.op('Shape', [ids]), ints(1)]);
  const words = g.op('Gather', [parameter('word'), ids]);
  const positions = g.op('Slice', [parameter('position'), ints(0), length, ints(0)]);
  const type = g.op('Gather', [parameter('type'), g.constant('first', int64([0], []))]);
  let x = norm(g.op('Add', [g.op('Add', [words, positions]), type]), 'norm');
  const seen = g.op('Unsqueeze', [g.op('Cast', [mask], { to: 1 }), ints(1, 2)]);
  const hide = g.op('Mul', [g.op('Sub', [number(1), seen]), number(-10000)]);
  for (let i = 0; i < layers; i++) {
    const query = split(linear(x, `${i}.query`), [0, 2, 1, 3]);
    const key = split(linear(x, `${i}.key`), [0, 2, 3, 1]);
    const value = split(linear(x, `${i}.value`), [0, 2, 1, 3]);
    const scores = g.op('Div', [g.op('MatMul', [query, key]), number(Math.sqrt(hidden / heads))]);
    const weights = g.op('Softmax', [g.op('Add', [scores, hide])], { axis: -1 });
    const context = g.op('Transpose', [g.op('MatMul', [weights, value])], { perm: [0, 2, 1, 3] });
    x = norm(g.op('Add', [linear(g.op('Reshape', [context, ints(0, 0, hidden)]), `${i}.output`), x]), `${i}.norm1`);
    const up = linear(x, `${i}.up`);
    const erf = g.op('Erf', [g.op('Div', [up, number(Math.SQRT2)])]);
    const gelu = g.op('Mul', [g.op('Mul', [up, g.op('Add', [erf, number(1)])]), number(0.5)]);
    x = norm(g.op('Add', [linear(gelu, `${i}.down`), x]), `${i}.norm2`);
  }
  const first = g.op('Gather', [x, g.constant('zero', int64([0], []))], { axis: 1 });
  const logits = linear(g.op('Tanh', [linear(first, 'pooler')]), 'classifier');
  const terms = g.op('Mul', [targets, g.op('LogSoftmax', [logits], { axis: -1 })]);
  g.output(g.op('Neg', [g.op('ReduceSum', [terms], { keepdims: 0 })]), 'float32', [], 'loss');
  return g.model({ opset: 17 });
}

function feeds(): Tensors {
  const shape = [golden.ids.length, golden.ids[0]!.length];
  const parameters = Object.entries(golden.parameters).map(([name, { dims, data }]) => [name, float32(data, dims)]);
  return {
    ...(Object.fromEntries(parameters) as Tensors),
    input_ids: int64(golden.ids.flat(), shape),
    attention_mask: int64(golden.mask.flat(), shape),
    targets: float32(golden.targets.flat(), [shape[0]!, golden.config.labels]),
  };
}

/** ‖a − b‖ relative to ‖b‖, or to 1e-3 of the norm of all gradients where b vanishes (a key's bias has no gradient). */
function distance(a: ArrayLike<unknown>, b: readonly number[], floor: number): number {
  const difference = Math.hypot(...b.map((value, i) => Number(a[i]) - value));
  return difference / Math.max(Math.hypot(...b), floor);
}

const names = Object.keys(golden.parameters);
const floor = 1e-3 * Math.hypot(...names.flatMap((name) => golden.parameters[name]!.gradient));

describe('a training step of a small encoder against PyTorch', () => {
  for (const [precision, tolerance] of [
    ['float64', 1e-6],
    ['float32', 1e-4],
  ] as const) {
    it(`agrees on loss and gradients in ${precision}`, async () => {
      const { model } = addGradients(buildStep(), { loss: 'loss', parameters: names });
      const engine = await openReference(model, { precision });
      const result = await engine.run(feeds());
      expect(Math.abs(Number(result.loss!.data[0]) / golden.loss - 1)).toBeLessThan(tolerance);
      for (const name of names) {
        const { dims, gradient } = golden.parameters[name]!;
        const { dims: got, data } = result[`grad/${name}`]!;
        expect(got).toEqual(dims);
        expect(distance(data, gradient, floor), name).toBeLessThan(tolerance);
      }
    });
  }

  it('gives the gathered rows of a sparse table: scattered, they are its gradient', async () => {
    const { model, gradients } = addGradients(buildStep(), { loss: 'loss', parameters: names, sparse: ['word'] });
    expect(gradients.get('word')).toEqual({ output: 'grad/word', indices: 'input_ids' });
    const result = await (await openReference(model, { precision: 'float64' })).run(feeds());
    const rows: Tensor = result['grad/word']!;
    const { hidden, vocab } = golden.config;
    expect(rows.dims).toEqual([golden.ids.length, golden.ids[0]!.length, hidden]);
    const table = Array.from({ length: vocab * hidden }, () => 0);
    for (const [at, id] of golden.ids.flat().entries()) {
      for (let i = 0; i < hidden; i++)
        table[id * hidden + i] = table[id * hidden + i]! + Number(rows.data[at * hidden + i]);
    }
    expect(distance(table, golden.parameters.word!.gradient, floor)).toBeLessThan(1e-6);
  });

  it('is a graph whose gradients have the shapes of their parameters by inference', () => {
    const { model } = addGradients(buildStep(), { loss: 'loss', parameters: names });
    const { types } = inferTypes(model).graph;
    for (const name of names) expect(types.get(`grad/${name}`)?.dims, name).toEqual(golden.parameters[name]!.dims);
  });

  it('is the same graph every time', () => {
    const options = { loss: 'loss', parameters: names };
    expect(addGradients(buildStep(), options).model).toEqual(addGradients(buildStep(), options).model);
  });
});
