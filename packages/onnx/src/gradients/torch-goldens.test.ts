import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { AttributeInput } from '../builder.ts';
import { createGraphBuilder, float } from '../builder.ts';
import { int64, type Tensor } from '../model.ts';
import { openReference } from '../reference/open-reference.ts';
import { addGradients } from './add-gradients.ts';

interface Rows {
  readonly dims: readonly number[];
  readonly data: readonly number[];
}

/** One node with the gradients of PyTorch in float64, made by `bench/peers/gradients.py`. */
interface Golden {
  readonly op: string;
  readonly opset: number;
  readonly outputs: number;
  readonly attributes: Readonly<Record<string, AttributeInput | { readonly float: number }>>;
  readonly inputs: readonly ((Rows & { readonly type: string }) | null)[];
  readonly gradients: readonly (Rows | null)[];
}

const goldens: readonly Golden[] = JSON.parse(
  readFileSync(new URL('../../goldens/gradients/torch.json', import.meta.url), 'utf8'),
);

it.each(goldens.map((golden, index) => ({ name: `${golden.op} (${index})`, golden })))(
  '$name has the gradients that PyTorch finds',
  async ({ golden }) => {
    const g = createGraphBuilder('golden');
    const feeds: Record<string, Tensor> = {};
    const inputs = golden.inputs.map((input, i) => {
      if (input === null) return '';
      if (input.type === 'int64') return g.constant(`i${i}`, int64(input.data, input.dims));
      feeds[`x${i}`] = { type: 'float64', dims: input.dims, data: Float64Array.from(input.data) };
      return g.input(`x${i}`, 'float32', input.dims);
    });
    const attributes = Object.entries(golden.attributes).map(([name, value]) => {
      const isFloat = typeof value === 'object' && 'float' in value;
      return [name, isFloat ? float(value.float) : value] as const;
    });
    const { outputs } = golden;
    const [y] = g.ops(golden.op, inputs, Object.fromEntries(attributes), { outputs });
    const flat = g.op('Reshape', [y!, g.constant('flat', int64([-1]))]);
    const size = await elements(g.model({ opset: golden.opset }), y!, feeds);
    const loss = g.op('ReduceSum', [g.op('Mul', [flat, g.input('weights', 'float32', [size])])], { keepdims: 0 });
    g.output(loss, 'float32', [], 'loss');
    const parameters = Object.keys(feeds);
    const data = Float64Array.from({ length: size }, (_, i) => Math.sin(0.7 * (i + 1)));
    feeds.weights = { type: 'float64', dims: [size], data };
    const { model } = addGradients(g.model({ opset: golden.opset }), { loss: 'loss', parameters });
    const results = await (await openReference(model, { precision: 'float64' })).run(feeds);
    for (const [i, expected] of golden.gradients.entries()) {
      if (expected === null) continue;
      const found = results[`grad/x${i}`]!;
      expect(found.dims).toEqual(expected.dims);
      const scale = Math.max(...expected.data.map(Math.abs), 1e-3);
      const worst = expected.data.map((value, at) => Math.abs(value - Number(found.data[at])) / scale);
      expect(Math.max(...worst)).toBeLessThan(1e-6);
    }
  },
);

/** The number of elements of a value. */
async function elements(model: Parameters<typeof openReference>[0], value: string, feeds: Record<string, Tensor>) {
  const outputs = [{ name: value, type: { type: 'float32' as const } }];
  const engine = await openReference({ ...model, graph: { ...model.graph, outputs } }, { precision: 'float64' });
  return (await engine.run(feeds))[value]!.data.length;
}
