import { createGraphBuilder, createRng, float32, type Model } from '@slm-compress/onnx';
import { openEngine } from '@slm-compress/runtime';
import { describe, expect, it } from 'vitest';
import { seededClassifier, seededTexts } from '../../test/zoo.ts';
import { unpaddedFeeds } from '../batches.ts';
import { calibrate, calibrationBatches, exposeValues } from './calibrate.ts';

/** relu(x) · w, with x `[rows, 2]`. */
function product(): Model {
  const g = createGraphBuilder('product');
  const x = g.input('x', 'float32', ['rows', 2]);
  const y = g.op('MatMul', [
    g.op('Relu', [x], {}, { outputs: ['positive'] }),
    g.constant('w', float32([1, 2], [2, 1])),
  ]);
  g.output(y, 'float32', ['rows', 1]);
  return g.model({ opset: 17 });
}

const open = openEngine;

describe('calibrate', () => {
  it('measures the float inputs of products with constant weights, over all batches', async () => {
    const batches = [{ x: float32([-5, 2], [1, 2]) }, { x: float32([1, 7, 3, 4], [2, 2]) }];
    const ranges = await calibrate(product(), batches, { open, method: 'minmax' });
    expect(ranges).toEqual(new Map([['positive', { min: 0, max: 7 }]]));
  });

  it('takes an asynchronous stream and says how far it is', async () => {
    const seen: number[] = [];
    async function* stream() {
      for (const value of [1, 2, 3]) yield { x: float32([value, 0], [1, 2]) };
    }
    const onProgress = ({ batches }: { batches: number }) => seen.push(batches);
    const ranges = await calibrate(product(), stream(), { open, method: 'minmax', onProgress });
    expect(ranges.get('positive')).toEqual({ min: 0, max: 3 });
    expect(seen).toEqual([1, 2, 3]);
  });

  it('observes each value of a classifier as running it shows, percentiles inside the extremes', async () => {
    const { model } = seededClassifier();
    const texts = seededTexts(24, createRng(2), { longest: 40 });
    const extremes = await calibrate(model, calibrationBatches(texts, { tokenBudget: 200 }), {
      open,
      method: 'minmax',
    });
    const clipped = await calibrate(model, calibrationBatches(texts), { open, percentile: 99 });
    expect(extremes.size).toBe(9);
    const [name] = [...extremes.keys()].filter((key) => key.includes('ffn'));
    await using engine = await open(exposeValues(model, [name!]));
    let max = Number.NEGATIVE_INFINITY;
    for (const text of texts) {
      const result = await engine.run(unpaddedFeeds([text]), { outputs: [name!] });
      for (const value of result[name!]!.data as Float32Array) max = Math.max(max, value);
    }
    expect(extremes.get(name!)!.max).toBeCloseTo(max, 4);
    for (const [key, range] of clipped) {
      expect(range.max).toBeLessThan(extremes.get(key)!.max);
      expect(range.min).toBeGreaterThan(extremes.get(key)!.min);
    }
  });

  it('refuses no data, numbers that are not finite and an impossible percentile', async () => {
    await expect(calibrate(product(), [], { open })).rejects.toMatchObject({ code: 'DATA_EMPTY' });
    const broken = [{ x: float32([Number.POSITIVE_INFINITY, 1], [1, 2]) }];
    await expect(calibrate(product(), broken, { open })).rejects.toMatchObject({ code: 'CALIBRATION_NAN' });
    await expect(calibrate(product(), [], { open, percentile: 3 })).rejects.toMatchObject({
      code: 'CALIBRATION_PERCENTILE',
    });
  });

  it('stops at an aborted signal', async () => {
    const batches = [{ x: float32([1, 2], [1, 2]) }];
    await expect(
      calibrate(product(), batches, { open, signal: AbortSignal.abort(new Error('enough')) }),
    ).rejects.toThrow('enough');
  });
});

describe('calibration batches', () => {
  it('hold every text once, unpadded and within the budget', () => {
    const texts = seededTexts(50, createRng(3), { longest: 20 });
    let total = 0;
    for (const { input_ids, attention_mask } of calibrationBatches([...texts, new Int32Array(0)], {
      tokenBudget: 64,
    })) {
      expect(input_ids.data.length).toBeLessThanOrEqual(64);
      expect((attention_mask.data as BigInt64Array).every((bit) => bit === 1n)).toBe(true);
      total += input_ids.data.length;
    }
    expect(total).toBe(texts.reduce((sum, text) => sum + text.length, 0));
  });
});
