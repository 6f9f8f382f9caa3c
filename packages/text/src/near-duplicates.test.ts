import { createRng } from '@slm-compress/onnx';
import { describe, expect, it } from 'vitest';
import { createShingler, jaccard } from './duplicates/shingles.ts';
import { findNearDuplicates } from './near-duplicates.ts';

/** Texts of random words, and edited copies of each with similarities spread around the threshold. */
function plant(seed: number): string[] {
  const rng = createRng(seed);
  const word = () => `w${rng.integer(4000)}`;
  const texts: string[] = [];
  for (let i = 0; i < 150; i++) {
    const words = Array.from({ length: 30 + rng.integer(200) }, word);
    texts.push(words.join(' '));
    for (let copy = 0; copy < 4; copy++) {
      const edited = [...words];
      for (let edits = rng.integer(1 + Math.ceil(words.length / 20)); edits >= 0; edits--) {
        edited[rng.integer(edited.length)] = word();
      }
      texts.push(edited.join(copy % 2 ? ' ' : ',  '));
    }
  }
  return rng.shuffle(texts);
}

describe('findNearDuplicates', () => {
  it.each([0.8, 0.5])(
    'finds planted pairs at threshold %f: recall and precision of at least .99',
    async (threshold) => {
      const texts = plant(11);
      const { shingles } = await createShingler();
      const sets = texts.map(shingles);
      const expected = new Set<string>();
      for (let b = 0; b < texts.length; b++) {
        for (let a = 0; a < b; a++) if (jaccard(sets[a]!, sets[b]!) >= threshold) expected.add(`${a},${b}`);
      }
      const { pairs, representative } = await findNearDuplicates(texts, { threshold });
      const found = pairs.filter((pair) => expected.has(`${pair.a},${pair.b}`)).length;
      expect(expected.size).toBeGreaterThan(300);
      expect(found / expected.size).toBeGreaterThanOrEqual(0.99);
      expect(found / pairs.length).toBeGreaterThanOrEqual(0.99);
      for (const { a, b } of pairs) expect(representative[a]).toBe(representative[b]);
    },
  );

  it('groups by transitive closure under the smallest index', async () => {
    const chain = ['a b c d e f g h i j', 'b c d e f g h i j k', 'c d e f g h i j k l', 'x y z'];
    const { representative, pairs } = await findNearDuplicates(chain, { threshold: 0.7 });
    expect([...representative]).toEqual([0, 0, 0, 3]);
    expect(pairs.map(({ a, b }) => [a, b])).toEqual([
      [0, 1],
      [1, 2],
    ]);
  });

  it('keeps short and empty texts apart', async () => {
    const { representative } = await findNearDuplicates(['', '', 'hi', 'HI!', 'hello', '!!!', '???']);
    expect([...representative]).toEqual([0, 1, 2, 2, 4, 5, 6]);
  });

  it('refuses a threshold outside (0, 1]', async () => {
    await expect(findNearDuplicates([], { threshold: 0 })).rejects.toMatchObject({ code: 'DATA_OPTION' });
  });
});
