import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  createGraphBuilder,
  createRng,
  encodeModel,
  float,
  float32,
  type Model,
  readModel,
  type Tensors,
} from '@slm-compress/onnx';
import { openEngine } from '@slm-compress/runtime';
import { describe, expect, it } from 'vitest';
import { paddedFeeds, seededClassifier, seededTexts } from '../../test/zoo.ts';
import { unpaddedFeeds } from '../batches.ts';
import { calibrate, calibrationBatches } from './calibrate.ts';
import { sqnr } from './granularity.ts';
import { quantizeStatic } from './quantize-static.ts';

const open = openEngine;

async function outputs(model: Model, feeds: readonly Tensors[], optimization: 'none' | 'all' = 'all') {
  await using engine = await open(model, { optimization });
  const name = model.graph.outputs[0]!.name;
  const out: number[] = [];
  for (const feed of feeds) out.push(...((await engine.run(feed))[name]!.data as Float32Array));
  return out;
}

function operators(model: Model): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { opType } of model.graph.nodes) counts[opType] = (counts[opType] ?? 0) + 1;
  return counts;
}

/** One layer x · w (+ c), with whatever `body` builds. */
function layer(body: (g: ReturnType<typeof createGraphBuilder>, x: string) => string, opset = 17): Model {
  const g = createGraphBuilder('layer');
  const x = g.input('x', 'float32', ['rows', 'columns', 4]);
  g.output(body(g, x), 'float32', ['rows', undefined, undefined], 'y');
  return g.model({ opset });
}

const weights = (...dims: number[]) => {
  const rng = createRng(dims.join());
  return float32(
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => rng.normal()),
    dims,
  );
};
const range = new Map([['x', { min: -3, max: 3 }]]);
const feeds = [{ x: weights(2, 3, 4) }];

describe('quantizeStatic', () => {
  it('makes a classifier a quarter of its size at more than 20 dB', async () => {
    const { model } = seededClassifier({ hiddenSize: 128, vocabSize: 2048 });
    const texts = seededTexts(24, createRng(5), { vocabSize: 2048 });
    const ranges = await calibrate(model, calibrationBatches(texts), { open });
    const { model: quantized, findings } = quantizeStatic(model, ranges);
    expect(encodeModel(quantized).length / encodeModel(model).length).toBeLessThan(0.28);
    const batches = texts.map((text) => unpaddedFeeds([text]));
    const expected = await outputs(model, batches);
    const optimized = await outputs(quantized, batches);
    expect(sqnr(expected, optimized)).toBeGreaterThan(20);
    // Processors without VNNI saturate nothing: the fused integer kernels agree with the plain operators.
    expect(sqnr(await outputs(quantized, batches, 'none'), optimized)).toBeGreaterThan(35);
    expect(findings.filter((finding) => finding.kind === 'patched')).toHaveLength(11);
    expect(findings).toContainEqual({
      kind: 'skipped',
      where: 'layer.0/attention/scores',
      message: 'both inputs are computed: left in float32',
    });
    expect(quantized.graph.inputs).toBe(model.graph.inputs);
    expect(quantized.graph.outputs).toBe(model.graph.outputs);
    expect(quantized.opsets).toBe(model.opsets);
  });

  it('writes a form that ONNX Runtime fuses into integer products', async () => {
    const { model } = seededClassifier();
    const ranges = await calibrate(model, calibrationBatches(seededTexts(8, createRng(5))), { open });
    const folder = await mkdtemp(join(tmpdir(), 'slm-fused-'));
    try {
      const optimizedModelPath = join(folder, 'optimized.onnx');
      await using _ = await open(quantizeStatic(model, ranges).model, { optimizedModelPath });
      const counts = operators(await readModel(optimizedModelPath));
      expect(counts).toMatchObject({ MatMulIntegerToFloat: 8, MatMulInteger: 1, MatMul: 3, FusedMatMul: 2 });
      expect(counts).not.toHaveProperty('SkipLayerNormalization');
      expect(counts.DequantizeLinear).toBeUndefined();
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('leaves small products of single rows in float32, unless padding may change their input', async () => {
    const skipped = (findings: readonly { kind: string; where: string; message: string }[]) =>
      findings.filter(({ message }) => /single rows/.test(message)).map(({ where }) => where);
    for (const pooling of ['cls', 'mean'] as const) {
      const { model } = seededClassifier({ hiddenSize: 48, heads: 1, headSize: 48, pooling });
      const ranges = await calibrate(model, calibrationBatches(seededTexts(8, createRng(5))), { open });
      expect(skipped(quantizeStatic(model, ranges).findings)).toEqual(
        pooling === 'cls' ? ['layer.1/attention/query/matmul', 'pooler/matmul', 'classifier/matmul'] : [],
      );
      expect(skipped(quantizeStatic(model, ranges, { minimumSingleRowElements: 0 }).findings)).toEqual([]);
    }
  });

  it('is deterministic to the byte', async () => {
    const { model } = seededClassifier();
    const batches = () => calibrationBatches(seededTexts(8, createRng(5)));
    const once = quantizeStatic(model, await calibrate(model, batches(), { open })).model;
    const again = quantizeStatic(model, await calibrate(model, batches(), { open })).model;
    expect(Buffer.from(encodeModel(once)).equals(encodeModel(again))).toBe(true);
  });

  it('stores a weight that two products share once, and quantizes the value that they share once', async () => {
    const model = layer((g, x) => {
      const w = g.constant('w', weights(4, 4));
      return g.op('Add', [g.op('MatMul', [x, w]), g.op('MatMul', [g.op('Relu', [x], {}, { outputs: ['r'] }), w])]);
    });
    const ranges = new Map([...range, ['r', { min: 0, max: 3 }]]);
    const { model: quantized } = quantizeStatic(model, ranges);
    expect(operators(quantized)).toMatchObject({ QuantizeLinear: 2, DequantizeLinear: 4, MatMul: 2 });
    const int8 = [...quantized.graph.initializers.values()].filter(
      ({ type, data }) => type === 'int8' && data.length === 16,
    );
    expect(int8).toHaveLength(1);
    expect(quantized.graph.initializers.has('w')).toBe(false);
    expect(sqnr(await outputs(model, feeds), await outputs(quantized, feeds))).toBeGreaterThan(30);
  });

  it('turns a plain Gemm, transposed or not, into a product and its bias', async () => {
    for (const transB of [0, 1]) {
      const model = layer((g, x) => {
        const rows = g.op(
          'Reshape',
          [x, g.constant('shape', { type: 'int64', dims: [2], data: BigInt64Array.of(-1n, 4n) })],
          {},
          { outputs: ['x2'] },
        );
        const w = g.constant('w', transB ? weights(5, 4) : weights(4, 5));
        return g.op('Gemm', [rows, w, g.constant('c', weights(5))], { transB });
      });
      const { model: quantized } = quantizeStatic(model, new Map([['x2', { min: -3, max: 3 }]]), {
        minimumSingleRowElements: 0,
      });
      expect(operators(quantized).Gemm).toBeUndefined();
      expect(sqnr(await outputs(model, feeds), await outputs(quantized, feeds))).toBeGreaterThan(30);
    }
  });

  it.each<[string, (g: ReturnType<typeof createGraphBuilder>, x: string) => string, RegExp]>([
    ['weights on the left', (g, x) => g.op('MatMul', [g.constant('w', weights(3, 3)), x]), /is on the left/],
    ['weights of rank 3', (g, x) => g.op('MatMul', [x, g.constant('w', weights(1, 4, 4))]), /has rank 3, expected 2/],
    [
      'computed weights',
      (g, x) => g.op('MatMul', [x, g.op('Neg', [g.constant('w', weights(4, 4))])]),
      /both inputs are computed/,
    ],
    [
      'values without a range',
      (g, x) => g.op('MatMul', [g.op('Neg', [x], {}, { outputs: ['n'] }), g.constant('w', weights(4, 4))]),
      /no calibrated range for n/,
    ],
    [
      'a scaled Gemm',
      (g, x) => {
        const shape = g.constant('shape', { type: 'int64', dims: [2], data: BigInt64Array.of(-1n, 4n) });
        return g.op('Gemm', [g.op('Reshape', [x, shape]), g.constant('w', weights(4, 4))], { alpha: float(0.5) });
      },
      /Gemm with alpha, beta or transA/,
    ],
    [
      'small tables',
      (g) =>
        g.op('Gather', [
          g.constant('t', weights(8, 4)),
          g.constant('i', { type: 'int64', dims: [1, 1], data: BigInt64Array.of(1n) }),
        ]),
      /too few to matter/,
    ],
  ])('leaves %s in float32 and says so', (_, body, message) => {
    const model = layer((g, x) => g.op('Add', [g.op('MatMul', [x, g.constant('ok', weights(4, 4))]), body(g, x)]));
    const { findings } = quantizeStatic(model, range);
    expect(findings.filter((finding) => finding.kind === 'skipped').map((finding) => finding.message)).toEqual([
      expect.stringMatching(message),
    ]);
  });

  it('leaves an excluded node alone', () => {
    const model = layer((g, x) =>
      g.op('MatMul', [
        g.op('MatMul', [x, g.constant('a', weights(4, 4))], {}, { name: 'first' }),
        g.constant('b', weights(4, 4)),
      ]),
    );
    const ranges = new Map([...range, ['first.out', { min: -9, max: 9 }]]);
    const { model: quantized, findings } = quantizeStatic(model, ranges, { exclude: ['first'] });
    expect(findings).toContainEqual({ kind: 'skipped', where: 'first', message: 'excluded by the options' });
    expect(quantized.graph.initializers.get('a')!.type).toBe('float32');
  });

  it('refuses a quantized model, an old opset and a model without products', () => {
    const model = layer((g, x) => g.op('MatMul', [x, g.constant('w', weights(4, 4))]));
    expect(() => quantizeStatic(quantizeStatic(model, range).model, range)).toThrow(
      expect.objectContaining({ code: 'QUANTIZE_ALREADY' }),
    );
    expect(() => quantizeStatic({ ...model, opsets: { '': 11 } }, range)).toThrow(/expected opset 13 or later, got 11/);
    expect(() =>
      quantizeStatic(
        layer((g, x) => g.op('Neg', [x])),
        range,
      ),
    ).toThrow(expect.objectContaining({ code: 'QUANTIZE_NOTHING' }));
  });
});

describe('batch invariance', () => {
  it.each([
    { hiddenSize: 128, pooling: 'mean' },
    { hiddenSize: 64, pooling: 'cls' },
    { hiddenSize: 64, pooling: 'mean' },
    { hiddenSize: 32, pooling: 'cls' },
    { hiddenSize: 128, pooling: 'cls' },
  ] as const)('$hiddenSize wide, $pooling pooling: alone, padded or in a batch, the same bits', async (shape) => {
    const { model } = seededClassifier(shape);
    const rng = createRng(11);
    const ranges = await calibrate(model, calibrationBatches(seededTexts(16, rng, { longest: 64 })), { open });
    const quantized = quantizeStatic(model, ranges).model;
    for (const optimization of ['all', 'none'] as const) {
      await using engine = await open(quantized, { optimization });
      const logits = async (feeds: Tensors) => [...((await engine.run(feeds)).logits!.data as Float32Array)];
      for (let round = 0; round < 26; round++) {
        const [text, ...others] = seededTexts(3, rng);
        const alone = await logits(paddedFeeds([text!]));
        const padded = text!.length + rng.integer(129 - text!.length);
        expect(await logits(paddedFeeds([text!], padded))).toEqual(alone);
        const batch = await logits(paddedFeeds([others[0]!, text!, others[1]!]));
        expect(batch.slice(2, 4)).toEqual(alone);
      }
    }
  });
});

const magika = fileURLToPath(new URL('../../../../../shared/models/magika_standard_v3_3/model.onnx', import.meta.url));

describe('a model from elsewhere', () => {
  it.skipIf(!existsSync(magika))(
    'magika (skipped where its file is absent) keeps its answers on source files of this package',
    async () => {
      const model = await readModel(magika);
      const names = ['calibrate.ts', 'granularity.ts', 'histogram.ts', 'targets.ts', 'quantize-static.test.ts'];
      const batches: Tensors[] = [];
      for (const name of names) {
        const bytes = await readFile(new URL(name, import.meta.url));
        const window = new Int32Array(2048).fill(256);
        window.set(bytes.subarray(0, 1024), 0);
        window.set(bytes.subarray(-1024), 1024);
        batches.push({ bytes: { type: 'int32', dims: [1, 2048], data: window } });
      }
      const { model: quantized, findings } = quantizeStatic(model, await calibrate(model, batches, { open }));
      expect(findings.filter((finding) => finding.kind === 'patched')).toHaveLength(2);
      const expected = await outputs(model, batches);
      const got = await outputs(quantized, batches);
      expect(sqnr(expected, got)).toBeGreaterThan(20);
    },
  );
});
