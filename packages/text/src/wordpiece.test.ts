import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { trainWordPiece, type WordPieceOptions } from './wordpiece.ts';

const read = (name: string) => readFileSync(new URL(`../goldens/${name}`, import.meta.url), 'utf8');
const corpus = JSON.parse(read('corpus.json')) as readonly string[];

function train(texts: Iterable<string>, options: WordPieceOptions): readonly string[] {
  const { files } = trainWordPiece(texts, options);
  const { vocab } = JSON.parse(files['tokenizer.json']).model as { readonly vocab: Readonly<Record<string, number>> };
  const tokens = Object.keys(vocab).sort((a, b) => vocab[a]! - vocab[b]!);
  expect(tokens.map((token) => vocab[token])).toEqual(tokens.map((_, id) => id));
  return tokens;
}

describe('trainWordPiece', () => {
  it('learns the vocabulary that Hugging Face learns, but for ties', () => {
    const golden = new Set(JSON.parse(read('vocabulary.json')) as string[]);
    const ours = train(corpus, { vocabSize: 500, limitAlphabet: 1000 });
    expect(ours).toHaveLength(golden.size);
    expect(ours.filter((token) => golden.has(token)).length / golden.size).toBeGreaterThan(0.98);
  });

  it('merges the most frequent pair first, ties by id', () => {
    const tokens = train(['abab abab cd cd cd'], { vocabSize: 13, limitAlphabet: 10 });
    expect(tokens.slice(5)).toEqual(['a', 'b', 'c', 'd', '##a', '##b', '##d', 'cd']);
    expect(train(['abab abab cd cd cd'], { vocabSize: 100, limitAlphabet: 10 }).slice(12)).toEqual([
      'cd',
      'ab',
      '##ab',
      'abab',
    ]);
  });

  it('does not depend on the order of the texts', () => {
    expect(trainWordPiece([...corpus].reverse(), { vocabSize: 400 })).toEqual(
      trainWordPiece(corpus, { vocabSize: 400 }),
    );
  });

  it('keeps to the size, the frequency, the alphabet and the case asked for', () => {
    expect(train(corpus, { vocabSize: 60 })).toHaveLength(60);
    expect(train(['Aa Aa'], { vocabSize: 50, lowercase: false })).toContain('A');
    expect(train(['Áa Áa'], { vocabSize: 50 })).toEqual([
      '[PAD]',
      '[UNK]',
      '[CLS]',
      '[SEP]',
      '[MASK]',
      'a',
      '##a',
      'aa',
    ]);
    expect(train(['xy xy xy xy zw'], { vocabSize: 50, minFrequency: 5, limitAlphabet: 9 })).not.toContain('xy');
    expect(train(['aaa aab'], { vocabSize: 50, limitAlphabet: 1 })).not.toContain('b');
  });

  it('repeats of one character merge without losing counts', () => {
    expect(train(['aaaaaaaa '.repeat(4)], { vocabSize: 50, limitAlphabet: 9 }).slice(7)).toEqual([
      '##aa',
      '##aaaa',
      'aaaaa',
      '##aaa',
      'aaaaaaaa',
    ]);
  });

  it('refuses a vocabulary too small and texts without words', () => {
    expect(() => trainWordPiece(['a'], { vocabSize: 5 })).toThrow(
      expect.objectContaining({ code: 'TOKENIZER_OPTION' }),
    );
    expect(() => trainWordPiece(['', ' \n'], { vocabSize: 50 })).toThrow(
      expect.objectContaining({ code: 'DATA_EMPTY' }),
    );
  });
});
