import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryGraph } from '../../test/arbitrary-graph.ts';
import { applyPass } from '../../test/pass-harness.ts';
import { decodeModel } from '../io/decode.ts';
import { int64, type Model, type Tensor } from '../model.ts';
import { convertOpset } from '../opset/convert-opset.ts';
import { cleanUp } from '../passes/clean-up.ts';
import { createRng } from '../rng.ts';
import { type FuseFamily, fuseOperators } from './fuse-operators.ts';
import type { FuseTarget } from './fusion.ts';

const folder = new URL('../../../../test/exports/', import.meta.url);

/** Two texts, one of them padded. */
function feedsOf({ graph }: Model): Readonly<Record<string, Tensor>> {
  const rng = createRng('fuse');
  const [batch, length] = [2, 5];
  return Object.fromEntries(
    graph.inputs.map(({ name }) => {
      const value = (at: number) => (name.includes('mask') ? (at < batch * length - 2 ? 1 : 0) : rng.integer(40));
      return [
        name,
        int64(
          Array.from({ length: batch * length }, (_, at) => value(at)),
          [batch, length],
        ),
      ];
    }),
  );
}

const counted = [
  'Attention',
  'RotaryEmbedding',
  'RMSNormalization',
  'SimplifiedLayerNormalization',
  'Gelu',
  'FastGelu',
  'QuickGelu',
];

function counts(operators: string): string {
  const names = operators.split(' ');
  return counted
    .map((name) => [name, names.filter((other) => other === name).length] as const)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ');
}

/** File, the opset to convert to, the target, and what is made. */
const exports: readonly (readonly [string, number | undefined, FuseTarget, string])[] = [
  ['bert-sdpa23-dynamo', undefined, 'portable', '2 Attention, 2 Gelu'],
  ['gpt-neo-script', 23, 'portable', '2 Attention, 2 Gelu'],
  ['gpt2-script', undefined, 'onnxruntime', '2 FastGelu'],
  ['llama-script', undefined, 'onnxruntime', '5 SimplifiedLayerNormalization, 2 QuickGelu'],
  ['llama-script', 23, 'portable', '2 Attention, 4 RotaryEmbedding, 5 RMSNormalization'],
  ['llama-sdpa23-dynamo', undefined, 'onnxruntime', '2 Attention, 4 RotaryEmbedding, 5 RMSNormalization, 2 QuickGelu'],
  ['t5-dynamo', 23, 'portable', '6 Attention, 12 RMSNormalization'],
];

describe('fuse-operators', () => {
  it.each(exports)('fuses %s at opset %s, %s', async (name, opset, target, made) => {
    const read = decodeModel(readFileSync(new URL(`${name}.onnx`, folder)));
    const { model: clean } = cleanUp().run(read);
    const model = opset === undefined ? clean : convertOpset(opset).run(clean).model;
    const { operators } = await applyPass(fuseOperators({ target }), model, feedsOf(model));
    expect(counts(operators)).toBe(made);
    if (made.includes('Attention')) expect(operators).not.toContain('Softmax');
  });

  it('keeps to the families that it is told', () => {
    const { model } = cleanUp().run(decodeModel(readFileSync(new URL('llama-dynamo.onnx', folder))));
    const { findings } = fuseOperators({ only: ['rotary-embedding'] }).run(model);
    expect(new Set(findings.map(({ message }) => message))).toEqual(
      new Set(['fuse-rotary-embedding: RotaryEmbedding: needs opset 23, the model has 20']),
    );
    expect(() => fuseOperators({ only: ['softmax' as FuseFamily] })).toThrow(
      'fuse-operators, only: expected families of layer-normalization, rms-normalization, gelu, activations, rotary-embedding, attention, got "softmax"',
    );
  });

  it('keeps the signature and the numbers of any graph that runs, and is idempotent', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryGraph, async ({ model, feeds }) => {
        await applyPass(fuseOperators({ target: 'onnxruntime' }), model, feeds);
      }),
      { numRuns: 25 },
    );
  });
});
