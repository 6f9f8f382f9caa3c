import { createRng } from '@slm-compress/onnx';
import { describe, expect, it } from 'vitest';
import type { Example } from './dataset.ts';
import { stratifiedSplit } from './split.ts';

const examples = (counts: Readonly<Record<string, number>>): Example[] =>
  Object.entries(counts).flatMap(([label, count]) =>
    Array.from({ length: count }, (_, i) => ({ id: `${label}-${i}`, text: `${label} ${i}`, label })),
  );
const shares = { train: 0.7, validation: 0.15, test: 0.15 };

describe('stratifiedSplit', () => {
  it('uses every example once and keeps the proportions of the labels', () => {
    const all = examples({ ham: 401, spam: 133 });
    const { train, validation, test } = stratifiedSplit(all, shares, createRng(1));
    expect([...train, ...validation, ...test].map((example) => example.id).sort()).toEqual(all.map((e) => e.id).sort());
    const share = (part: readonly Example[]) => part.filter((example) => example.label === 'spam').length / part.length;
    for (const part of [train, validation, test]) expect(Math.abs(share(part) - 133 / 534)).toBeLessThan(0.01);
    expect(train).toHaveLength(281 + 93);
  });

  it('depends on the seed alone', () => {
    const all = examples({ a: 20, b: 20 });
    const ids = (seed: number) => stratifiedSplit(all, shares, createRng(seed)).test.map((example) => example.id);
    expect(ids(1)).toEqual(ids(1));
    expect(ids(1)).not.toEqual(ids(2));
  });

  it('puts a rare label into every part', () => {
    const { train, validation, test } = stratifiedSplit(examples({ a: 50, rare: 3 }), shares, createRng(1));
    for (const part of [train, validation, test]) expect(part.some((example) => example.label === 'rare')).toBe(true);
    expect(
      stratifiedSplit(examples({ a: 4, b: 1 }), { train: 1, validation: 0, test: 0 }, createRng(1)).train,
    ).toHaveLength(5);
  });

  it('refuses shares that do not add up and labels too rare to split', () => {
    const run =
      (split: typeof shares, counts = { a: 10, b: 10 }) =>
      () =>
        stratifiedSplit(examples(counts), split, createRng(1));
    expect(run({ train: 0.7, validation: 0.2, test: 0.2 })).toThrow(expect.objectContaining({ code: 'DATA_OPTION' }));
    expect(run({ train: 0, validation: 0.5, test: 0.5 })).toThrow(expect.objectContaining({ code: 'DATA_OPTION' }));
    expect(run({ train: Number.NaN, validation: 0.5, test: 0.5 })).toThrow(
      expect.objectContaining({ code: 'DATA_OPTION' }),
    );
    expect(run(shares, { a: 10, b: 2 })).toThrow(expect.objectContaining({ code: 'DATA_CLASS_SIZE' }));
  });
});
