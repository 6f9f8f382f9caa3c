import { pieceTrie } from './piece-trie.ts';
import type { WordModel, WordTokens } from './word-tokens.ts';

/** The model part of a WordPiece tokenizer.json. */
export interface WordPieceModelOptions {
  readonly vocab: ReadonlyMap<string, number>;
  readonly unknown: string;
  readonly prefix: string;
  /** Words of more characters are unknown. */
  readonly longestWord: number;
}

/**
 * The longest piece first (Devlin et al. 2019), those inside a word with the prefix; a word that isn't made of pieces is
 * one unknown token. Throws for a vocabulary without the unknown token.
 */
export function wordPieceModel({ vocab, unknown, prefix, longestWord }: WordPieceModelOptions): WordModel {
  const unknownId = vocab.get(unknown);
  if (unknownId === undefined) throw new Error(`vocab: expected the unknown token ${JSON.stringify(unknown)}`);
  const trie = pieceTrie(vocab);
  let inside = 0;
  for (let i = 0; i < prefix.length && inside >= 0; i++) inside = trie.next(inside, prefix.charCodeAt(i));
  return (word) => {
    const none: WordTokens = { ids: [unknownId], ends: [word.length] };
    if (word.length > longestWord && characters(word) > longestWord) return none;
    const ids: number[] = [];
    const ends: number[] = [];
    for (let start = 0; start < word.length; ) {
      let node = start === 0 ? 0 : inside;
      let end = -1;
      let id = -1;
      for (let at = start; at < word.length && node >= 0; ) {
        node = trie.next(node, word.charCodeAt(at++));
        const found = node < 0 ? -1 : trie.valueAt(node);
        if (found < 0) continue;
        end = at;
        id = found;
      }
      if (id < 0) return none;
      ids.push(id);
      ends.push(end);
      start = end;
    }
    return { ids, ends };
  };
}

/** Whole words; others are unknown. Throws for a vocabulary without the unknown token. */
export function wordLevelModel(vocab: ReadonlyMap<string, number>, unknown: string): WordModel {
  const unknownId = vocab.get(unknown);
  if (unknownId === undefined) throw new Error(`vocab: expected the unknown token ${JSON.stringify(unknown)}`);
  return (word) => ({ ids: [vocab.get(word) ?? unknownId], ends: [word.length] });
}

function characters(word: string): number {
  let count = 0;
  for (const _ of word) count++;
  return count;
}
