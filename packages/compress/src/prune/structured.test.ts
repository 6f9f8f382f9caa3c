import { createRng, encodeModel, type Model, type Tensor } from '@slm-compress/onnx';
import { openEngine } from '@slm-compress/runtime';
import { type BertConfig, headsOf, intermediateOf } from '@slm-compress/trainer';
import { describe, expect, it } from 'vitest';
import { paddedFeeds, seededClassifier, seededTexts } from '../../test/zoo.ts';
import { addGates } from './gates.ts';
import { type Importance, scoreHeadsAndNeurons } from './importance.ts';
import { pruneStructured } from './structured.ts';

const open = openEngine;
const shape = { hiddenSize: 64, heads: 4, headSize: 16, intermediateSize: 48 } as const;

function filled(dims: readonly number[], value: (index: number) => number): Tensor {
  const data = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, index) => value(index));
  return { type: 'float32', dims, data };
}

/** Gate feeds: what is not in `kept` is zero. */
function gateFeeds(config: BertConfig, batch: number, kept?: { heads: number[][]; neurons: number[][] }) {
  const feeds: Record<string, Tensor> = {};
  for (let layer = 0; layer < config.layers; layer++) {
    const heads = headsOf(config, layer);
    const neurons = intermediateOf(config, layer);
    const open = (set: number[] | undefined, index: number) => (set === undefined || set.includes(index) ? 1 : 0);
    feeds[`gate/layer.${layer}/heads`] = filled([batch, heads, 1, 1], (i) => open(kept?.heads[layer], i % heads));
    feeds[`gate/layer.${layer}/intermediate`] = filled([batch, 1, neurons], (i) =>
      open(kept?.neurons[layer], i % neurons),
    );
  }
  return feeds;
}

async function logits(model: Model, feeds: Record<string, Tensor>): Promise<Float32Array> {
  await using engine = await open(model);
  return (await engine.run(feeds)).logits!.data as Float32Array;
}

function expectClose(actual: Float32Array, expected: Float32Array, tolerance = 1e-5) {
  expect(actual.length).toBe(expected.length);
  actual.forEach((value, index) => {
    expect(Math.abs(value - expected[index]!)).toBeLessThan(tolerance);
  });
}

/** Scores that make exactly the given indices the important ones. */
function importanceOf(config: BertConfig, heads: number[][], neurons: number[][]): Importance {
  const score = (count: number, kept: number[]) =>
    Array.from({ length: count }, (_, index) => (kept.includes(index) ? 2 : 1));
  return {
    heads: heads.map((kept, layer) => score(headsOf(config, layer), kept)),
    intermediate: neurons.map((kept, layer) => score(intermediateOf(config, layer), kept)),
    examples: 1,
  };
}

describe.each(['mean', 'cls'] as const)('structured pruning under %s pooling', (pooling) => {
  const { model, config } = seededClassifier({ ...shape, pooling });
  const texts = seededTexts(5, createRng(4), { longest: 20 });

  it('adds gates that change nothing while open', async () => {
    const { model: gated, gates } = addGates(model, config);
    expect(gates).toHaveLength(2);
    const feeds = paddedFeeds(texts);
    expectClose(await logits(gated, { ...feeds, ...gateFeeds(config, 5) }), await logits(model, feeds), 1e-6);
  });

  it('gives the outputs that closed gates give, with smaller tensors', async () => {
    const heads = [[1, 3], [0]];
    const neurons = [
      Array.from({ length: 24 }, (_, index) => 2 * index),
      Array.from({ length: 16 }, (_, index) => 47 - index),
    ];
    const feeds = paddedFeeds(texts);
    const closed = await logits(addGates(model, config).model, {
      ...feeds,
      ...gateFeeds(config, 5, { heads, neurons }),
    });
    const importance = importanceOf(config, heads, neurons);
    const pruned = pruneStructured(model, config, importance, { heads: [2, 1], intermediate: [24, 16] });
    expectClose(await logits(pruned.model, feeds), closed);
    expect(Math.max(...closed.map(Math.abs))).toBeGreaterThan(0.01);
    expect(pruned.config).toMatchObject({ headsPerLayer: [2, 1], intermediatePerLayer: [24, 16] });
    expect(pruned.model.graph.initializers.get('bert.encoder.layer.0.attention.self.qkv.weight')!.dims).toEqual([
      64, 96,
    ]);
    expect(pruned.model.graph.initializers.get('bert.encoder.layer.1.intermediate.dense.bias')!.dims).toEqual([16]);
    expect(encodeModel(pruned.model).length).toBeLessThan(encodeModel(model).length * 0.8);
    expect(pruned.findings[0]).toEqual({
      kind: 'patched',
      where: 'layer.0/attention',
      message: "2 of 4 heads removed, with 33.3 % of the layer's importance",
    });
  });

  it('prunes a pruned model again', async () => {
    const first = pruneStructured(model, config, importanceOf(config, [[0], [0]], [[0], [0]]), { heads: 0.5 });
    const scores = importanceOf(first.config, [[1], [1]], [[0], [0]]);
    const second = pruneStructured(first.model, first.config, scores, { heads: 0.5, intermediate: 0.5 });
    expect(second.config.headsPerLayer).toEqual([1, 1]);
    expect((await logits(second.model, paddedFeeds(texts))).every(Number.isFinite)).toBe(true);
  });

  it('measures importance as gradients of gates, equal to finite differences of the loss', async () => {
    const labels = Int32Array.of(0, 1, 1, 0, 1);
    const importance = await scoreHeadsAndNeurons(model, config, { ids: texts, labels }, { open, tokenBudget: 32 });
    expect(importance.examples).toBe(5);
    await using engine = await open(addGates(model, config).model);
    const lossWith = async (text: number, gate: string, index: number, value: number) => {
      const feeds = { ...paddedFeeds([texts[text]!]), ...gateFeeds(config, 1) };
      const changed = feeds[gate as keyof typeof feeds] as Tensor;
      const data = (changed.data as Float32Array).slice();
      data[index] = value;
      const result = (await engine.run({ ...feeds, [gate]: { ...changed, data } })).logits!.data as Float32Array;
      return Math.log(Math.exp(result[0]!) + Math.exp(result[1]!)) - result[labels[text]!]!;
    };
    const step = 0.05;
    const numeric = async (gate: string, index: number) => {
      let sum = 0;
      for (let text = 0; text < 5; text++) {
        sum += Math.abs((await lossWith(text, gate, index, 1 + step)) - (await lossWith(text, gate, index, 1 - step)));
      }
      return sum / 5 / (2 * step);
    };
    for (const layer of [0, 1]) {
      for (const head of [0, 3]) {
        const expected = await numeric(`gate/layer.${layer}/heads`, head);
        expect(Math.abs(importance.heads[layer]![head]! - expected)).toBeLessThan(0.02 * expected + 1e-4);
      }
      const expected = await numeric(`gate/layer.${layer}/intermediate`, 7);
      expect(Math.abs(importance.intermediate[layer]![7]! - expected)).toBeLessThan(0.02 * expected + 1e-4);
    }
  });
});

describe('pruneStructured', () => {
  const { model, config } = seededClassifier(shape);
  const even = importanceOf(config, [[], []], [[], []]);

  it('returns the same model when everything stays', () => {
    const result = pruneStructured(model, config, even, {});
    expect(result.model).toBe(model);
    expect(result.findings.every((finding) => finding.kind === 'skipped')).toBe(true);
  });

  it('rounds neurons to multiples and keeps a head in each layer', () => {
    const result = pruneStructured(model, config, even, { heads: 0.01, intermediate: 0.45, roundTo: 16 });
    expect(result.config).toMatchObject({ headsPerLayer: [1, 1], intermediatePerLayer: [16, 16] });
  });

  it('ranks layers together under scope global, by normalised scores unless told otherwise', () => {
    const heads = [
      [10, 20, 30, 40],
      [1, 1, 1, 9],
    ];
    const options = { heads: 0.5, scope: 'global' } as const;
    const scores = { ...even, heads };
    expect(pruneStructured(model, config, scores, options).config.headsPerLayer).toEqual([3, 1]);
    expect(pruneStructured(model, config, scores, { ...options, normalize: false }).config.headsPerLayer).toEqual([
      4, 1,
    ]);
  });

  it('refuses to remove everything', () => {
    for (const options of [{ heads: 0 }, { intermediate: 0 }, { heads: [1, 0] }]) {
      expect(() => pruneStructured(model, config, even, options)).toThrow(
        expect.objectContaining({ code: 'PRUNE_EVERYTHING' }),
      );
    }
  });

  it('refuses fractions, counts and scores that do not fit', () => {
    for (const options of [{ heads: 1.5 }, { heads: [5, 1] }, { heads: [1] }, { intermediate: Number.NaN }]) {
      expect(() => pruneStructured(model, config, even, options)).toThrow(
        expect.objectContaining({ code: 'PRUNE_FRACTION' }),
      );
    }
    expect(() => pruneStructured(model, config, { ...even, heads: [[1]] }, {})).toThrow(
      expect.objectContaining({ code: 'PRUNE_IMPORTANCE' }),
    );
  });

  it('refuses graphs of others and no data', async () => {
    const other = { ...model, graph: { ...model.graph, nodes: model.graph.nodes.slice(0, 5) } };
    expect(() => addGates(other, config)).toThrow(expect.objectContaining({ code: 'PRUNE_ARCHITECTURE' }));
    await expect(
      scoreHeadsAndNeurons(model, config, { ids: [], labels: new Int32Array() }, { open }),
    ).rejects.toMatchObject({
      code: 'DATA_EMPTY',
    });
  });
});
