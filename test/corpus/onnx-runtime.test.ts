import { decodeModel, elementCount, encodeModel, type Model, type Tensor, type Tensors } from '@slm-compress/onnx';
import { afterAll, describe, expect, type TestContext, test } from 'vitest';
import { type CorpusCase, corpusFolder, readCases } from './cases.ts';
import { isComparable } from './coverage.ts';
import { type OrtAnswer, startOrt } from './ort-process.ts';
import { countSkips } from './skips.ts';
import { difference, feedsOf, ortFeeds } from './values.ts';

const cases = corpusFolder === undefined ? [] : readCases(corpusFolder);
const named = cases.map((entry) => [entry.name, entry] as const);
const skip = countSkips('ONNX Runtime before and after');

describe.skipIf(cases.length === 0)('ONNX Runtime gives the same outputs before and after', () => {
  const ort = startOrt();
  afterAll(() => ort[Symbol.dispose]());

  test.for(named)('%s: reading and writing', async ([, entry], context) => {
    const model = decodeModel(entry.bytes);
    for (const feeds of feedSets(entry, model, context)) {
      const before = await ort.run(entry.bytes, feeds);
      const after = await ort.run(encodeModel(model), feeds);
      compare(context, model, before, after);
    }
  });

  function compare(context: TestContext, model: Model, before: OrtAnswer, after: OrtAnswer): void {
    if ('refusal' in before) {
      expect('refusal' in after && after.refusal.code).toBe(before.refusal.code);
      skip(context, `ONNX Runtime refuses the original: ${reasonOf(before.refusal)}`);
    } else {
      expect('refusal' in after ? after.refusal : undefined).toBeUndefined();
      if (!isComparable(model)) skip(context, 'the outputs are random');
      const { outputs } = after as { outputs: Tensors };
      for (const [name, wanted] of Object.entries(before.outputs))
        expect(difference(outputs[name], wanted, true)).toBeUndefined();
    }
  }
});

/** The inputs of each data set; ones where a model comes without data. */
function feedSets({ name, sets }: CorpusCase, model: Model, context: TestContext): readonly Tensors[] {
  if (name.startsWith('light/')) return [ones(model)];
  return sets.map(({ inputs }) => {
    const feeds = ortFeeds(feedsOf(model.graph, inputs));
    return 'refused' in feeds ? skip(context, `ONNX Runtime for Node takes no ${feeds.refused}`) : feeds.tensors;
  });
}

function ones({ graph }: Model): Tensors {
  const free = graph.inputs.filter((input) => !graph.initializers.has(input.name));
  return Object.fromEntries(
    free.map(({ name, type }): [string, Tensor] => {
      const dims = type!.dims!.map((dim) => (typeof dim === 'number' ? dim : 1));
      return [name, { type: 'float32', dims, data: new Float32Array(elementCount(dims)).fill(1) }];
    }),
  );
}

/** A refusal without what differs from model to model. */
function reasonOf({ code, message }: { readonly code: string; readonly message: string }): string {
  const text = message.replace(/^model: /, '');
  const unimplemented = text.match(/Could not find an implementation for (\w+)/)?.[1];
  if (unimplemented) return `no kernel for ${unimplemented} of these types`;
  if (/not a registered function\/op|No Op registered for/.test(text)) return 'an operator it does not know';
  if (/opset \d+ is under development|Current official support/.test(text)) return 'an opset newer than it supports';
  return `${code} ${text.replace(/['"(][^'")]*['")]/g, '…').slice(0, 90)}`;
}
