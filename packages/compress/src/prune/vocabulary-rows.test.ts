import {
  checkModel,
  createGraphBuilder,
  createRng,
  evaluateReference,
  float32,
  int64,
  type Model,
  type Tensor,
} from '@slm-compress/onnx';
import { describe, expect, it } from 'vitest';
import { seededClassifier } from '../../test/zoo.ts';
import { pruneVocabularyRows } from './vocabulary-rows.ts';

const vocabSize = 12;
const hidden = 4;
const kept = Int32Array.of(0, 2, 3, 7, 11);
const rng = createRng(5);
const random = (...dims: number[]) =>
  float32(
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => rng.normal()),
    dims,
  );

/** A model of the next token with a head of one of the usual shapes. */
function languageModel(head: 'tied' | 'untied' | 'gemm' | 'wrong' | 'reused'): Model {
  const g = createGraphBuilder('lm');
  const ids = g.input('input_ids', 'int64', ['batch', 'sequence']);
  const table = g.constant('embeddings', random(vocabSize, hidden));
  let x = g.op('Gather', [table, ids]);
  x = g.op('Tanh', [x]);
  if (head === 'tied' || head === 'reused') {
    x = g.op('MatMul', [x, g.op('Transpose', [table], { perm: [1, 0] })]);
    x = g.op('Add', [x, g.constant('bias', random(vocabSize))]);
    if (head === 'reused') g.output(g.op('ReduceSum', [table], { keepdims: 0 }), 'float32', [], 'sum');
  } else if (head === 'untied') {
    x = g.op('LogSoftmax', [g.op('MatMul', [x, g.constant('head', random(hidden, vocabSize))])], { axis: -1 });
  } else if (head === 'gemm') {
    x = g.op('Reshape', [x, g.constant('flat', int64([-1, hidden]))]);
    x = g.op('Gemm', [x, table, g.constant('bias', random(vocabSize))], { transB: 1 });
    return output(g, x, ['tokens', vocabSize]);
  } else x = g.op('Relu', [g.op('MatMul', [x, g.constant('head', random(hidden, vocabSize))])]);
  return output(g, x, ['batch', 'sequence', vocabSize]);
}

function output(g: ReturnType<typeof createGraphBuilder>, value: string, dims: (string | number)[]): Model {
  g.output(value, 'float32', dims, 'logits');
  return g.model({ opset: 17 });
}

const run = (model: Model, ids: readonly number[]) =>
  evaluateReference(model, { input_ids: int64(ids, [1, ids.length]) }).logits as Tensor;

describe('pruneVocabularyRows', () => {
  it.each(['tied', 'gemm'] as const)(
    'a language model with its %s head gives the logits of the kept tokens',
    (head) => {
      const model = languageModel(head);
      const { model: pruned, findings } = pruneVocabularyRows(model, kept, vocabSize);
      checkModel(pruned);
      expect(findings.map(({ where, message }) => `${where} ${message}`)).toEqual([
        'embeddings [12,4] becomes [5,4]',
        'bias [12] becomes [5]',
      ]);
      expect(pruned.graph.outputs[0]!.type!.dims!.at(-1)).toBe(5);
      const before = run(model, [2, 11, 0]);
      const after = run(pruned, [1, 4, 0]);
      expect(after.dims.at(-1)).toBe(5);
      for (let token = 0; token < 3; token++) {
        kept.forEach((id, i) => {
          expect((after.data as Float32Array)[token * 5 + i]).toBe(
            (before.data as Float32Array)[token * vocabSize + id],
          );
        });
      }
    },
  );

  it('probabilities of an untied head are those of the kept tokens among themselves', () => {
    const model = languageModel('untied');
    const { model: pruned } = pruneVocabularyRows(model, kept, vocabSize);
    const before = Array.from(kept, (id) => (run(model, [3]).data as Float32Array)[id]!);
    const total = Math.log(before.reduce((sum, value) => sum + Math.exp(value), 0));
    const after = run(pruned, [2]).data as Float32Array;
    after.forEach((value, i) => {
      expect(value).toBeCloseTo(before[i]! - total, 5);
    });
  });

  it('a classifier gives the same logits, bit for bit', () => {
    const { model } = seededClassifier({ hiddenSize: 32, heads: 1, vocabSize: 64, layers: 1 });
    const ids = Int32Array.from({ length: 20 }, (_, i) => 3 * i);
    const { model: pruned, findings } = pruneVocabularyRows(model, ids, 64);
    checkModel(pruned);
    expect(findings).toHaveLength(1);
    const logits = (of: Model, tokens: readonly number[]) =>
      evaluateReference(of, {
        input_ids: int64(tokens, [1, 4]),
        attention_mask: int64([1, 1, 1, 0], [1, 4]),
      }).logits;
    expect(logits(pruned, [5, 1, 19, 0])).toEqual(logits(model, [15, 3, 57, 0]));
  });

  it.each([
    [
      'an operator it does not know before the logits',
      languageModel('wrong'),
      kept,
      vocabSize,
      'expected MatMul, Gemm',
    ],
    [
      'another use of the table',
      languageModel('reused'),
      kept,
      vocabSize,
      'expected no other use of the table "embeddings", got ReduceSum',
    ],
    ['no table of that size', languageModel('tied'), kept, 100, 'expected an embedding table of 100 rows, got none'],
    [
      'ids out of order',
      languageModel('tied'),
      Int32Array.of(3, 2),
      vocabSize,
      'expected ascending ids from 0 to 11, got 2 at 1',
    ],
    ['ids out of range', languageModel('tied'), Int32Array.of(3, 12), vocabSize, 'got 12 at 1'],
    ['no ids', languageModel('tied'), new Int32Array(), vocabSize, 'got none'],
  ])('refuses %s', (_, model, ids, size, message) => {
    expect(() => pruneVocabularyRows(model, ids, size)).toThrow(
      expect.objectContaining({ code: 'PRUNE_VOCABULARY', message: expect.stringContaining(message) }),
    );
  });

  it('refuses a quantized table', () => {
    const { graph, ...model } = languageModel('tied');
    const half = { type: 'float16' as const, dims: [vocabSize, hidden], data: new Uint16Array(vocabSize * hidden) };
    const initializers = new Map(graph.initializers).set('embeddings', half);
    const broken = { ...model, graph: { ...graph, initializers, nodes: graph.nodes.slice(0, 1), outputs: [] } };
    expect(() => pruneVocabularyRows(broken, kept, vocabSize)).toThrow(
      'expected a float32 initializer for "embeddings", got float16',
    );
  });
});
