import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IGNORED_LABEL } from './ignored-label.ts';
import { continuationPieces, type MaskOptions, tokenMasker } from './mask-tokens.ts';

const options: MaskOptions = { vocabularySize: 50, maskId: 4, specialIds: [0, 2, 3], seed: 11 };
const text = Int32Array.from({ length: 200 }, (_, i) => (i === 0 ? 2 : i === 199 ? 3 : i % 50));
const special = new Set([0, 2, 3, 4]);

describe('tokenMasker', () => {
  it('labels exactly what it chose, and never touches special tokens or draws one', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(49)),
        fc.nat(),
        fc.nat(),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (ids, step, example, probability) => {
          const row = Int32Array.from(ids);
          const masked = tokenMasker({ ...options, probability })(row, { step, example });
          expect([...row]).toEqual(ids);
          ids.forEach((id, i) => {
            const [now, label] = [masked.ids[i]!, masked.labels[i]];
            if (label === IGNORED_LABEL) expect(now).toBe(id);
            else expect([label, special.has(id)]).toEqual([id, false]);
            if (now !== id) expect(now === 4 || !special.has(now)).toBe(true);
          });
        },
      ),
    );
  });

  it('chooses 15 %, of which 80 % become the mask, 10 % random and 10 % stay', () => {
    const mask = tokenMasker(options);
    const seen = { eligible: 0, chosen: 0, mask: 0, kept: 0 };
    const drawn = new Map<number, number>();
    for (let step = 0; step < 400; step++) {
      const { ids, labels } = mask(text, { step, example: 3 });
      text.forEach((id, i) => {
        if (special.has(id)) return;
        seen.eligible++;
        if (labels[i] === IGNORED_LABEL) return;
        seen.chosen++;
        if (ids[i] === 4) seen.mask++;
        else if (ids[i] === id) seen.kept++;
        else drawn.set(ids[i]!, (drawn.get(ids[i]!) ?? 0) + 1);
      });
    }
    expect(Math.abs(seen.chosen / seen.eligible - 0.15)).toBeLessThan(0.005);
    expect(Math.abs(seen.mask / seen.chosen - 0.8)).toBeLessThan(0.02);
    expect(Math.abs(seen.kept / seen.chosen - 0.1 - 0.1 / 46)).toBeLessThan(0.015);
    expect([...drawn.keys()].sort((a, b) => a - b)).toEqual(
      Array.from({ length: 50 }, (_, id) => id).filter((id) => !special.has(id)),
    );
  });

  it('draws from seed, step and example alone', () => {
    const [one, again] = [tokenMasker(options), tokenMasker(options)];
    for (let step = 0; step < 5; step++) one(text, { step, example: 1 });
    const counter = { step: 5, example: 7 };
    expect(again(text, counter)).toEqual(one(text, counter));
    for (const other of [
      again(text, { step: 6, example: 7 }),
      again(text, { step: 5, example: 8 }),
      tokenMasker({ ...options, seed: 12 })(text, counter),
    ]) {
      expect(other.labels).not.toEqual(one(text, counter).labels);
    }
  });

  it('chooses whole words', () => {
    const continuation = Uint8Array.from({ length: 50 }, (_, id) => (id >= 30 ? 1 : 0));
    const mask = tokenMasker({ ...options, continuation, probability: 0.3 });
    const ids = Int32Array.of(2, 10, 31, 32, 11, 12, 33, 3, 34, 35, 13);
    const words = [[1, 2, 3], [4], [5, 6], [8, 9], [10]];
    const ways = new Set<string>();
    for (let step = 0; step < 200; step++) {
      const { labels } = mask(ids, { step, example: 0 });
      const chosen = words.map((word) => word.map((i) => labels[i] !== IGNORED_LABEL));
      for (const word of chosen) expect(new Set(word).size).toBe(1);
      ways.add(chosen.map((word) => Number(word[0])).join(''));
    }
    expect(ways.size).toBeGreaterThan(10);
  });

  it('reads words off the pieces of a vocabulary', () => {
    expect(continuationPieces(['un', '##able'], '##')).toEqual(Uint8Array.of(0, 1));
    expect(continuationPieces(['Ġun', 'able'], 'Ġ')).toEqual(Uint8Array.of(0, 1));
    expect(continuationPieces(['▁un', 'able'], '▁')).toEqual(Uint8Array.of(0, 1));
  });

  it.each<Partial<MaskOptions>>([
    { probability: 1.5 },
    { maskShare: 0.8, randomShare: 0.3 },
    { specialIds: [50] },
    { specialIds: [0, 1, 2, 3], vocabularySize: 5 },
    { continuation: new Uint8Array(3) },
  ])('refuses %j', (wrong) => {
    expect(() => tokenMasker({ ...options, ...wrong })).toThrow(expect.objectContaining({ code: 'BATCH_OPTION' }));
  });
});
