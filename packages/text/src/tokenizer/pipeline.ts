import { addedTokenFinder, readAddedTokens } from './added-tokens.ts';
import { type Aligned, lengthBefore, slice, sourceRange } from './aligned.ts';
import { createModel } from './models.ts';
import { type Component, createNormalizer } from './normalizers.ts';
import { beforeRuns, chain, createPreTokenizer } from './pre-tokenizers.ts';
import { hasSlowPatterns, withinTime } from './time-limit.ts';
import { type Cuts, weakest, windowEnd } from './windows.ts';
import type { WordTokens } from './word-tokens.ts';

/** Ids of a text without special tokens around it, and the UTF-16 range of the text behind each. */
export interface Pieces {
  readonly ids: readonly number[];
  readonly offsets: readonly (readonly [number, number])[];
}

/**
 * The way from a text to ids. Both throw SlmError `TOKENIZER_CORRUPT` for a text the vocabulary can't express, and
 * `TOKENIZER_TIME` when a pattern of the tokenizer takes too long on it.
 */
export interface Pipeline {
  /** Ids of a text; once there are more than `limit` the rest is not read. */
  ids(text: string, limit: number): readonly number[];
  /** Ids of a whole text with the ranges they stand for, as the Rust library keeps track of them. */
  align(text: string): Pieces;
}

const cachedWords = 50_000;
const longestCached = 256;

/**
 * The whole way from text to ids that a tokenizer.json describes, as the Rust library goes it: added tokens, normalizer,
 * pre-tokenizer, model. Throws for a part that is malformed or of a kind that isn't known.
 */
export function createPipeline(description: Component): Pipeline {
  const normalizer = createNormalizer(description.normalizer as Component | null);
  const described = createPreTokenizer(description.pre_tokenizer as Component | null);
  const model = createModel(description.model as Component);
  const preTokenizer = model.cutsBefore === undefined ? described : chain(described, beforeRuns(model.cutsBefore));
  const added = readAddedTokens(description.added_tokens);
  const inNormalized = added.filter((token) => token.normalized === true);
  const findRaw = addedTokenFinder(added.filter((token) => token.normalized !== true));
  const findNormalized = addedTokenFinder(inNormalized, (content) => normalizer.apply(content));
  const tokens = cached(model.tokens);
  const { finish } = preTokenizer;
  const wordTokens = finish ? cached((word) => model.tokens(finish(word))) : tokens;
  const cuts: Cuts =
    inNormalized.length > 0 && !inNormalized.every(({ content, rstrip }) => !rstrip && /^\S+$/.test(content))
      ? 'none'
      : weakest(normalizer.cuts, inNormalized.length > 0 ? 'spaces' : 'words');
  const windows = weakest(cuts, preTokenizer.cuts ?? 'none');

  const pipeline: Pipeline = {
    ids(text, limit) {
      const ids: number[] = [];
      const emit = (word: string): boolean => {
        for (const id of wordTokens(word).ids) ids.push(id);
        return ids.length <= limit;
      };
      findRaw(text, (from, to, id) => {
        if (id !== undefined) return ids.push(id) <= limit;
        for (let at = from; at < to; ) {
          const end = windowEnd(text, at, to, windows);
          const made = normalizer.apply(text.slice(at, end));
          const first = at === 0;
          const more = findNormalized(made, (start, stop, inner) => {
            if (inner !== undefined) return ids.push(inner) <= limit;
            return preTokenizer.cut(made.slice(start, stop), first && start === 0, emit);
          });
          if (!more) return false;
          at = end;
        }
        return true;
      });
      return ids;
    },
    align(text) {
      const ids: number[] = [];
      const offsets: (readonly [number, number])[] = [];
      const add = (a: Aligned, id: number) => {
        ids.push(id);
        offsets.push(sourceRange(a, 0, a.text.length));
        return true;
      };
      const a: Aligned = { text, origin: 0 };
      findRaw(text, (from, to, id) => {
        const part = slice(a, from, to);
        if (id !== undefined) return add(part, id);
        const made = normalizer.align(part);
        return findNormalized(made.text, (start, stop, inner) => {
          const piece = slice(made, start, stop);
          if (inner !== undefined) return add(piece, inner);
          for (const word of preTokenizer.align([piece])) {
            if (word.text === '') continue;
            const found = tokens(word.text);
            let at = 0;
            for (let i = 0; i < found.ids.length; i++) {
              const end = found.ends[i]!;
              ids.push(found.ids[i]!);
              // bytes of one character share its end
              offsets.push(sourceRange(word, end > at ? at : end - lengthBefore(word.text, end), end));
              at = end;
            }
          }
          return true;
        });
      });
      return { ids, offsets };
    },
  };
  if (!hasSlowPatterns([description.normalizer, description.pre_tokenizer])) return pipeline;
  return {
    ids: (text, limit) => withinTime(text, () => pipeline.ids(text, limit)),
    align: (text) => withinTime(text, () => pipeline.align(text)),
  };
}

/** Remembers what becomes of short words, up to a number of them. */
function cached(tokensOf: (word: string) => WordTokens): (word: string) => WordTokens {
  const known = new Map<string, WordTokens>();
  return (word) => {
    const found = known.get(word);
    if (found !== undefined) return found;
    const made = tokensOf(word);
    if (word.length <= longestCached) {
      if (known.size >= cachedWords) known.clear();
      known.set(word, made);
    }
    return made;
  };
}
