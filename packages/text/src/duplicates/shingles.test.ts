import { createRng } from '@slm-compress/onnx';
import { describe, expect, it } from 'vitest';
import { createShingler, jaccard, lowBits } from './shingles.ts';

const { shingles } = await createShingler();

/** Similarity of sets of strings. */
function similarity(a: readonly string[], b: readonly string[]): number {
  const [x, y] = [new Set(a), new Set(b)];
  const common = [...x].filter((one) => y.has(one)).length;
  return common / (x.size + y.size - common);
}

const windows = (items: readonly string[], size: number, join: string): string[] =>
  items.slice(size - 1).map((_, i) => items.slice(i, i + size).join(join));

describe('shingles', () => {
  it('are sorted, distinct, and equal for equal sequences of three words', () => {
    const [abc, bcd] = [shingles('a b c')[0]!, shingles('b c d')[0]!];
    expect([...shingles('A, b. C? d')]).toEqual([abc, bcd].sort((x, y) => x - y));
    expect([...shingles('a b c b c d a b c')].filter((one) => one === abc)).toHaveLength(1);
    const others = ['a b', 'a', 'b a c', 'ab c', '!!!', '???'].map((text) => shingles(text)[0]);
    expect(new Set([abc, bcd, ...others]).size).toBe(8);
    expect(shingles('')).toHaveLength(0);
    expect(lowBits(abc)).toBe(Number(BigInt(abc) & 0xffffffffn));
  });

  it('have the similarity of sets of strings, also when more words come than are remembered', () => {
    const rng = createRng(3);
    const lists = Array.from({ length: 20 }, (_, list) =>
      Array.from({ length: 12_000 }, (_, i) => (i % 3 ? `w${rng.integer(9)}` : `${list % 9}x${i}`)),
    );
    const sets = lists.map((list) => shingles(list.join(' ')));
    for (const [a, b] of [
      [0, 9],
      [1, 10],
      [0, 1],
      [18, 9],
    ] as const) {
      const expected = similarity(windows(lists[a]!, 3, ' '), windows(lists[b]!, 3, ' '));
      expect(jaccard(sets[a]!, sets[b]!)).toBe(expected);
    }
  });

  it.each([
    ['Chinese', '今天天气很好我们一起去公园散步吧然后再去那家新开的餐厅吃晚饭'],
    ['Japanese', '今日はとてもいい天気なのでみんなでデパートの屋上へ行きましょう'],
    ['Thai', 'วันนี้อากาศดีมากเราไปเดินเล่นที่สวนสาธารณะกันเถอะ'],
    ['Chinese beyond 16 bits', '𠀀𠀁𠀂𠀃𠀄𠀅𠀆𠀇'],
  ])('are sequences of five characters in %s', (_, text) => {
    const edited = `${text.slice(0, -4)}吧`;
    const expected = similarity(windows([...text], 5, ''), windows([...edited], 5, ''));
    expect(shingles(text)).toHaveLength(new Set(windows([...text], 5, '')).size);
    expect(jaccard(shingles(text), shingles(edited))).toBe(expected);
  });

  it('are the same by script as by words where words are spaced', async () => {
    const byWords = await createShingler('words');
    const texts = [
      'The quick brown fox',
      'Ça va très bien, n̈ ã',
      'Привет всем людям тут',
      '안녕 하세요 여러분 모두',
      'שלום לכם חברים',
      '١٢٣ مرحبا بالعالم',
    ];
    for (const text of texts) expect(shingles(text)).toEqual(byWords.shingles(text));
    const chinese = '今天天气很好我们一起去公园散步吧';
    expect(byWords.shingles(chinese)).toHaveLength(1);
    expect(shingles(`see ${chinese}`)).toHaveLength(chinese.length - 2 + 1 - 2);
  });
});
