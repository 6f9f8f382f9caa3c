import { createRng, float32, type Model, type Tensor } from '@slm-compress/onnx';
import { openEngine } from '@slm-compress/runtime';
import { expect, test } from 'vitest';
import { keywordData, keywordTraining } from '../test-support/keyword-training.js';
import { addLora, loraRules, mergeLora } from './lora.ts';
import { predictLogits } from './predict.ts';
import { train } from './train.ts';

const { model } = keywordTraining();
const { validation } = keywordData();

async function logits(of: Model): Promise<Float32Array> {
  await using engine = await openEngine(of);
  return predictLogits(engine, validation.ids);
}

test('at first an update changes nothing; trained and merged it is the same model without it', async () => {
  const adapted = addLora(model, { rank: 2, alpha: 8, match: ['*.qkv.weight', '*.dense.weight'], rng: createRng(2) });
  expect(await logits(adapted)).toEqual(await logits(model));
  const parameterRules = loraRules(['classifier.*']);
  const events = train(keywordTraining({ model: adapted, parameterRules, epochs: 3, learningRate: 0.02 }));
  let next = await events.next();
  while (!next.done) next = await events.next();
  const trained = next.value.model;
  for (const [name, { data }] of model.graph.initializers) {
    if (!name.startsWith('classifier'))
      expect([name, trained.graph.initializers.get(name)!.data]).toEqual([name, data]);
  }
  const merged = mergeLora(trained);
  expect(merged.graph.nodes).toEqual(model.graph.nodes);
  expect([...merged.graph.initializers.keys()]).toEqual([...model.graph.initializers.keys()]);
  const [expected, got, untrained] = [await logits(trained), await logits(merged), await logits(model)];
  expect(expected.some((value, i) => Math.abs(value - untrained[i]!) > 0.1)).toBe(true);
  for (const [i, value] of expected.entries()) expect(got[i]).toBeCloseTo(value, 4);
});

test('a transposed weight (Gemm) is merged transposed', async () => {
  const gemm = withGemmClassifier(model);
  const adapted = addLora(gemm, { rank: 1, match: ['classifier.weight'], rng: createRng(2) });
  const up = adapted.graph.initializers.get('classifier.weight.lora_B')!;
  const changed = float32(
    Float32Array.from(up.data as Float32Array, (_, i) => i + 1),
    up.dims,
  );
  const initializers = new Map<string, Tensor>([...adapted.graph.initializers, ['classifier.weight.lora_B', changed]]);
  const moved = { ...adapted, graph: { ...adapted.graph, initializers } };
  const [expected, got] = [await logits(moved), await logits(mergeLora(moved))];
  for (const [i, value] of expected.entries()) expect(got[i]).toBeCloseTo(value, 4);
});

test.each([
  [{ rank: 0 }, 'rank must be a positive integer'],
  [{ match: ['*.nothing'] }, '"*.nothing" must match the weight of a linear layer'],
])('%j is TRAIN_OPTIONS', (options, message) => {
  expect(() => addLora(model, { rng: createRng(1), ...options })).toThrow(
    expect.objectContaining({ code: 'TRAIN_OPTIONS', message: expect.stringContaining(message) }),
  );
});

/** The classifier's MatMul and Add as one Gemm over `[labels, hidden]`. */
function withGemmClassifier(from: Model): Model {
  const weight = from.graph.initializers.get('classifier.weight')!;
  const [inputs, outputs] = weight.dims as [number, number];
  const turned = Float32Array.from({ length: inputs * outputs }, (_, i) => {
    return (weight.data as Float32Array)[(i % inputs) * outputs + Math.floor(i / inputs)]!;
  });
  const matmul = from.graph.nodes.find(({ name }) => name === 'classifier/matmul')!;
  const nodes = from.graph.nodes
    .filter((node) => node !== matmul)
    .map((node) =>
      node.name === 'classifier/bias'
        ? {
            ...node,
            opType: 'Gemm',
            inputs: [matmul.inputs[0]!, 'classifier.weight', 'classifier.bias'],
            attributes: { transB: { kind: 'int' as const, value: 1 } },
          }
        : node,
    );
  const initializers = new Map(from.graph.initializers).set('classifier.weight', float32(turned, [outputs, inputs]));
  return { ...from, graph: { ...from.graph, nodes, initializers } };
}
