import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRng } from '@slm-compress/onnx';
import { describe, expect, it } from 'vitest';
import { createShingler, jaccard } from './duplicates/shingles.ts';
import { createNearDuplicates, findNearDuplicates, type NearDuplicatesOptions } from './near-duplicates.ts';

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

  it('refuses a threshold outside (0, 1] and too little memory', async () => {
    await expect(findNearDuplicates([], { threshold: 0 })).rejects.toMatchObject({ code: 'DATA_OPTION' });
    await expect(createNearDuplicates({ memoryBytes: 1000 })).rejects.toThrow(
      'nearDuplicates.memoryBytes: expected at least 1048576, got 1000',
    );
  });
});

async function group(texts: Iterable<string>, options: NearDuplicatesOptions = {}) {
  const index = await createNearDuplicates(options);
  for (const text of texts) index.add(text);
  return await index.finish();
}

describe('createNearDuplicates', () => {
  const texts = [...plant(1), ...plant(2), ...plant(3)];

  it('has the groups of comparing all pairs, in memory and with most of it on disk', async () => {
    const all = await findNearDuplicates(texts);
    const folder = mkdtempSync(join(tmpdir(), 'near-duplicates-'));
    const [roomy, spilled, spilledPairs] = [
      await group(texts),
      await group(texts, { memoryBytes: 2 ** 20, folder }),
      await group(texts, { memoryBytes: 2 ** 20, folder, compare: 'pairs' }),
    ];
    expect(roomy.representative).toEqual(all.representative);
    expect(spilled).toEqual(roomy);
    expect(spilledPairs).toEqual(all);
    expect(roomy.candidates).toBeLessThan(all.candidates);
    const groups = new Set(all.representative).size;
    expect(roomy.pairs.length + roomy.equal).toBe(texts.length - groups);
    expect(readdirSync(folder)).toEqual([]);
    rmSync(folder, { recursive: true });
  });

  it('groups equal texts without comparing them, and a bucket of similar ones with few comparisons', async () => {
    const equal = await group(
      Array.from({ length: 5000 }, (_, i) => (i % 2 ? 'One two three four' : 'one two, three four!')),
    );
    expect([new Set(equal.representative).size, equal.candidates, equal.equal]).toEqual([1, 0, 4999]);
    const words = Array.from({ length: 60 }, (_, i) => `w${i}`).join(' ');
    const similar = await group(Array.from({ length: 5000 }, (_, i) => `${words} end${i}`));
    expect(new Set(similar.representative).size).toBe(1);
    expect(similar.candidates).toBeLessThan(10_000);
  });

  it('finds the groups among thousands of texts that share half of their words', async () => {
    const rng = createRng(4);
    const common = Array.from({ length: 60 }, (_, i) => `w${i}`);
    const text = (i: number, edit: string) =>
      [...common, edit, ...Array.from({ length: 40 }, (_, j) => `own${i}x${j}`)].join(' ');
    const all = Array.from({ length: 3000 }, (_, i) => ({ group: i, text: text(i, 'one') }));
    for (let i = 0; i < 200; i++) all.push({ group: i, text: text(i, 'two') });
    rng.shuffle(all);
    const { representative, candidates } = await group(all.map((one) => one.text));
    const firsts = all.map((one) => all.findIndex((other) => other.group === one.group));
    expect([...representative]).toEqual(firsts);
    expect(candidates).toBeGreaterThan(100_000);
    expect(candidates).toBeLessThan((all.length * (all.length - 1)) / 2);
  });

  it.each([
    ['while texts are added', 1000],
    ['before they are grouped', texts.length],
  ])('throws the reason of a signal %s, and leaves no file', async (_, count) => {
    const folder = mkdtempSync(join(tmpdir(), 'near-duplicates-'));
    const controller = new AbortController();
    const reason = new Error('enough');
    const index = await createNearDuplicates({ memoryBytes: 2 ** 20, folder, signal: controller.signal });
    for (const text of texts.slice(0, count)) index.add(text);
    controller.abort(reason);
    expect(() => index.add('one more')).toThrow(reason);
    await expect(index.finish()).rejects.toBe(reason);
    expect(readdirSync(folder)).toEqual([]);
    rmSync(folder, { recursive: true });
  });

  it('finds texts with a clause edited in a script without spaces, as words only by their whole clauses', async () => {
    const clauses = [
      '今天天气很好我们一起去公园散步',
      '然后再去那家新开的餐厅吃晚饭',
      '晚上大家回家看一部有意思的电影',
      '明天早上还要早起上班',
    ];
    const edited = clauses.map((clause, i) => (i === 2 ? `${clause.slice(0, -1)}吧` : clause));
    const pair = [clauses.join('，'), edited.join('，')];
    expect((await findNearDuplicates(pair)).pairs).toHaveLength(1);
    expect((await findNearDuplicates(pair, { shingles: 'words' })).pairs).toHaveLength(0);
  });
});
