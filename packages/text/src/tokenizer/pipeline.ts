import { type Aligned, slice, sourceRange } from './aligned.ts';
import { bpeModel, type WordTokens } from './bpe.ts';
import { characterClasses as classes } from './character-classes.ts';
import { type Component, createNormalizer, isSpace, type Normalizer } from './normalizers.ts';
import { createPreTokenizer } from './pre-tokenizers.ts';
import { unigramModel } from './unigram.ts';

/** Ids of a text without special tokens around it, and the UTF-16 range of the text behind each. */
export interface Pieces {
  readonly ids: readonly number[];
  readonly offsets: readonly (readonly [number, number])[];
}

/** Encodes a text; past `limit` ids it may stop. */
export type Pipeline = (text: string, limit: number) => Pieces;

interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly single_word?: boolean;
  readonly lstrip?: boolean;
  readonly rstrip?: boolean;
  readonly normalized?: boolean;
}

const cachedWords = 50_000;
const longestCached = 256;

/**
 * The whole way from text to ids that a tokenizer.json describes, as the Rust library goes it: added tokens, normalizer,
 * pre-tokenizer, model. Undefined when it names a kind that is not covered. Throws when a covered part is malformed.
 */
export function createPipeline(description: Component): Pipeline | undefined {
  const normalizer = createNormalizer(description.normalizer as Component | null);
  const preTokenize = createPreTokenizer(description.pre_tokenizer as Component | null);
  const model = createModel(description.model as Component);
  if (!normalizer || !preTokenize || !model) return undefined;
  const added = (description.added_tokens ?? []) as readonly AddedToken[];
  const raw = addedTokenSplitter(added.filter((token) => token.normalized !== true));
  const normalized = addedTokenSplitter(
    added.filter((token) => token.normalized === true),
    normalizer,
  );
  const cache = new Map<string, WordTokens>();
  const tokens = (word: string): WordTokens => {
    const known = cache.get(word);
    if (known) return known;
    const made = model(word);
    if (word.length <= longestCached) {
      if (cache.size >= cachedWords) cache.clear();
      cache.set(word, made);
    }
    return made;
  };
  return (text, limit) => {
    const ids: number[] = [];
    const offsets: (readonly [number, number])[] = [];
    const add = (a: Aligned, id: number) => {
      ids.push(id);
      offsets.push(sourceRange(a, 0, a.text.length));
    };
    for (const [part, id] of raw({ text, origin: 0 })) {
      if (id !== undefined) {
        add(part, id);
        continue;
      }
      for (const [piece, inner] of normalized(normalizer.align(part))) {
        if (inner !== undefined) {
          add(piece, inner);
          continue;
        }
        for (const word of preTokenize([piece])) {
          if (word.text === '') continue;
          const made = tokens(word.text);
          let at = 0;
          for (let i = 0; i < made.ids.length; i++) {
            const end = made.ends[i]!;
            ids.push(made.ids[i]!);
            // bytes of one character share its end
            offsets.push(sourceRange(word, end > at ? at : characterBefore(word.text, end), end));
            at = end;
          }
          if (ids.length > limit) return { ids, offsets };
        }
      }
    }
    return { ids, offsets };
  };
}

function characterBefore(text: string, end: number): number {
  const low = text.charCodeAt(end - 1);
  return low >= 0xdc00 && low < 0xe000 ? end - 2 : end - 1;
}

/** The model's segmentation of one word; undefined for kinds not covered. */
function createModel(model: Component): ((word: string) => WordTokens) | undefined {
  const kind = model.type ?? (Array.isArray(model.vocab) ? 'Unigram' : model.merges ? 'BPE' : undefined);
  if (kind === 'BPE' && !model.dropout) {
    const merges = (model.merges as readonly (string | readonly [string, string])[]).map((merge) => {
      const pair = typeof merge === 'string' ? merge.split(' ') : merge;
      if (!Array.isArray(pair) || pair.length !== 2 || !pair.every((part) => typeof part === 'string')) {
        throw new Error(`merges: expected pairs of tokens, got ${JSON.stringify(merge)}`);
      }
      return pair as unknown as readonly [string, string];
    });
    return bpeModel({
      vocab: new Map(Object.entries(model.vocab as Readonly<Record<string, number>>)),
      merges,
      unknown: typeof model.unk_token === 'string' ? model.unk_token : undefined,
      fuseUnknown: model.fuse_unk === true,
      byteFallback: model.byte_fallback === true,
      ignoreMerges: model.ignore_merges === true,
      prefix: String(model.continuing_subword_prefix ?? ''),
      suffix: String(model.end_of_word_suffix ?? ''),
    });
  }
  if (kind === 'Unigram') {
    const pieces = model.vocab as readonly (readonly [string, number])[];
    const good = (row: unknown) => Array.isArray(row) && typeof row[0] === 'string' && typeof row[1] === 'number';
    if (!Array.isArray(pieces) || !pieces.every(good)) throw new Error('vocab: expected rows of [piece, score]');
    return unigramModel({
      pieces,
      unknownId: typeof model.unk_id === 'number' ? model.unk_id : undefined,
      byteFallback: model.byte_fallback === true,
    });
  }
  return undefined;
}

const endsWithWord = new RegExp(`${classes.word}$`, 'v');
const startsWithWord = new RegExp(`^${classes.word}`, 'v');

/** Finds added tokens in a text, the longest first; gives the parts between them with no id. */
function addedTokenSplitter(
  added: readonly AddedToken[],
  normalizer?: Normalizer,
): (a: Aligned) => readonly (readonly [Aligned, number | undefined])[] {
  const tokens = new Map(
    added
      .map((token) => [normalizer ? normalizer.apply(token.content) : token.content, token] as const)
      .filter(([content]) => content !== ''),
  );
  if (tokens.size === 0) return (a) => [[a, undefined]];
  const contents = [...tokens.keys()].sort((x, y) => y.length - x.length);
  const pattern = new RegExp(contents.map((text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')).join('|'), 'gu');
  return (a) => {
    const made: (readonly [Aligned, number | undefined])[] = [];
    let at = 0;
    for (const match of a.text.matchAll(pattern)) {
      const token = tokens.get(match[0])!;
      let start = match.index;
      let stop = start + match[0].length;
      if (start < at) continue;
      if (token.single_word === true) {
        if (endsWithWord.test(a.text.slice(Math.max(0, start - 2), start))) continue;
        if (startsWithWord.test(a.text.slice(stop, stop + 2))) continue;
      }
      if (token.lstrip === true) while (start > at && isSpace(a.text[start - 1]!)) start--;
      if (token.rstrip === true) while (stop < a.text.length && isSpace(a.text[stop]!)) stop++;
      if (start > at) made.push([slice(a, at, start), undefined]);
      made.push([slice(a, start, stop), token.id]);
      at = stop;
    }
    if (at < a.text.length || at === 0) made.push([slice(a, at, a.text.length), undefined]);
    return made;
  };
}
