import { SlmError } from '@slm-compress/onnx';
import { createPipeline } from '../tokenizer/pipeline.ts';
import { json, type TokenizerFiles, tokenizerJson } from '../tokenizer-files.ts';
import { wellFormed } from '../well-formed.ts';
import { wordsOf } from '../words-of.ts';
import { byteCharacters } from './byte-characters.ts';
import { parseTokenizer, renumbered, type TokenizerDescription } from './tokenizer-description.ts';

/** What {@link pruneVocabulary} keeps. */
export interface PruneVocabularyOptions {
  /** Tokens in all; as many as `minCount` allows by default. */
  readonly keep?: number;
  /** Tokens that occur less often go; 1 by default. */
  readonly minCount?: number;
  /** Tokens kept however rare they are, besides special tokens and the characters that occur. */
  readonly always?: Iterable<string>;
  /** Texts to measure the cost on. */
  readonly heldOut?: Iterable<string>;
}

/** What pruning costs on held-out texts, special tokens left out. */
export interface PruneVocabularyReport {
  readonly texts: number;
  readonly tokensPerText: { readonly before: number; readonly after: number };
  /** Fertility: tokens to a run of letters, digits and marks. */
  readonly tokensPerWord: { readonly before: number; readonly after: number };
  /** Share of the texts that are cut differently. */
  readonly changed: number;
  /** Share of the tokens that are unknown. */
  readonly unknownRate: { readonly before: number; readonly after: number };
  /** Share of the tokens that are bytes of a character without a piece (`byte_fallback`). */
  readonly byteRate: { readonly before: number; readonly after: number };
}

export interface PrunedVocabulary {
  readonly tokenizer: TokenizerFiles;
  /** By new id, the old one, ascending: the rows of the embedding table to keep, in order. */
  readonly keptIds: Int32Array;
  readonly report?: PruneVocabularyReport;
}

/**
 * Reduces the vocabulary of a WordPiece, BPE or Unigram tokenizer to what a corpus needs: the tokens that occur, the
 * most frequent first. Special tokens, byte tokens, characters that occur and, for BPE, all pieces on the way to a kept
 * one stay. With no `keep` and `minCount` 1 the corpus itself is cut as before (a Unigram model may cut unknown
 * characters differently). `corpus` is texts, or occurrences by token id.
 *
 * Throws SlmError `TOKENIZER_CORRUPT` for files that are no tokenizer of these kinds or cannot encode the corpus, and
 * `TOKENIZER_OPTION` for a `keep` too small for what must stay, an unknown token in `always`, and a `minCount` that is not a positive number.
 */
export function pruneVocabulary(
  tokenizer: { readonly files: { readonly 'tokenizer.json': string } & Readonly<Record<string, string>> },
  corpus: Iterable<string> | ReadonlyMap<number, number>,
  options: PruneVocabularyOptions = {},
): PrunedVocabulary {
  const { minCount = 1, keep = Number.POSITIVE_INFINITY } = options;
  if (!(minCount > 0)) throw new SlmError('TOKENIZER_OPTION', `minCount: expected a number above 0, got ${minCount}`);
  const before = parseTokenizer(tokenizer.files);
  const counts = corpus instanceof Map ? corpus : countTokens(encoder(before), corpus as Iterable<string>);
  const kept = new Set(requiredIds(before, counts, options.always ?? []));
  if (kept.size > keep) {
    throw new SlmError(
      'TOKENIZER_OPTION',
      `keep: expected at least ${kept.size} (special tokens and characters that occur), got ${keep}`,
    );
  }
  const partsOf = before.model.merges === undefined ? undefined : createPartsOf(before);
  const wanted = [...counts].filter(([id, count]) => count >= minCount && before.tokens.has(id));
  for (const [id] of wanted.sort((a, b) => b[1] - a[1] || a[0] - b[0])) {
    if (kept.has(id)) continue;
    const added = [id, ...(partsOf?.(id) ?? [])].filter((part) => !kept.has(part));
    if (kept.size + new Set(added).size <= keep) for (const part of added) kept.add(part);
  }
  const keptIds = Int32Array.from(kept).sort();
  const after = renumbered(before, keptIds);
  const pruned = {
    vocabSize: keptIds.length,
    files: {
      'tokenizer.json': tokenizerJson({ ...after.description, model: after.model }),
      'tokenizer_config.json': json(after.config),
      'special_tokens_map.json': tokenizer.files['special_tokens_map.json'] ?? json({}),
    },
  };
  if (options.heldOut === undefined) return { tokenizer: pruned, keptIds };
  return { tokenizer: pruned, keptIds, report: compare(before, after, keptIds, options.heldOut) };
}

type Encode = (text: string) => readonly number[];

function encoder({ description, model }: TokenizerDescription): Encode {
  try {
    const vocab = model.type === 'Unigram' ? model.vocab : Object.fromEntries(model.vocab);
    const pipeline = createPipeline({ ...description, model: { ...model, vocab } });
    return (text) => pipeline.ids(wellFormed(text), Number.POSITIVE_INFINITY);
  } catch (cause) {
    throw new SlmError(
      'TOKENIZER_CORRUPT',
      `tokenizer.json: expected a usable tokenizer, got: ${(cause as Error).message}`,
      { cause },
    );
  }
}

function countTokens(encode: Encode, texts: Iterable<string>): Map<number, number> {
  const counts = new Map<number, number>();
  for (const text of texts) for (const id of encode(text)) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}

const byteToken = /^<0x[0-9A-F]{2}>$/;

/** Special and other added tokens, the unknown token, bytes, the characters of tokens that occur, and `always`. */
function requiredIds(
  { tokens, ids, added, model, unknownId }: TokenizerDescription,
  counts: ReadonlyMap<number, number>,
  always: Iterable<string>,
): readonly number[] {
  const required = added.map(({ id }) => id);
  if (unknownId !== undefined) required.push(unknownId);
  for (const token of always) {
    const id = ids.get(token);
    if (id === undefined) {
      throw new SlmError('TOKENIZER_OPTION', `always: expected tokens of the vocabulary, got ${JSON.stringify(token)}`);
    }
    required.push(id);
  }
  if (model.byte_fallback === true) for (const [id, token] of tokens) if (byteToken.test(token)) required.push(id);
  if (model.type === 'BPE') for (const character of byteCharacters) required.push(ids.get(character) ?? -1);
  const prefix = typeof model.continuing_subword_prefix === 'string' ? model.continuing_subword_prefix : '';
  const special = new Set(required);
  for (const [id, count] of counts) {
    const token = count > 0 && !special.has(id) ? tokens.get(id) : undefined;
    if (token === undefined) continue;
    const continues = prefix !== '' && token.startsWith(prefix) && token.length > prefix.length;
    [...(continues ? token.slice(prefix.length) : token)].forEach((character, i) => {
      required.push(ids.get(continues || i > 0 ? prefix + character : character) ?? -1);
    });
  }
  return required.filter((id) => id !== -1);
}

/** Gives the ids of all pieces that merging makes on the way from characters to a token. */
function createPartsOf({ tokens, ids, model }: TokenizerDescription): (id: number) => readonly number[] {
  const ranks = new Map((model.merges ?? []).map(([a, b], rank) => [`${a} ${b}`, rank]));
  const prefix = typeof model.continuing_subword_prefix === 'string' ? model.continuing_subword_prefix : '';
  return (id) => {
    const token = tokens.get(id)!;
    const continues = prefix !== '' && token.startsWith(prefix);
    const pieces = [...(continues ? token.slice(prefix.length) : token)].map((character, i) =>
      continues || i > 0 ? prefix + character : character,
    );
    const parts = pieces.map((piece) => ids.get(piece) ?? -1);
    for (;;) {
      let best = -1;
      let least = Number.POSITIVE_INFINITY;
      for (let i = 0; i + 1 < pieces.length; i++) {
        const rank = ranks.get(`${pieces[i]} ${pieces[i + 1]}`);
        if (rank !== undefined && rank < least) {
          least = rank;
          best = i;
        }
      }
      if (best === -1) return parts.filter((part) => part !== -1);
      pieces.splice(best, 2, pieces[best]! + pieces[best + 1]!.slice(prefix.length));
      parts.push(ids.get(pieces[best]!) ?? -1);
    }
  };
}

function compare(
  before: TokenizerDescription,
  after: TokenizerDescription,
  keptIds: Int32Array,
  texts: Iterable<string>,
): PruneVocabularyReport {
  const encodings = { before: encoder(before), after: encoder(after) };
  const tallies = { before: tallyOf(before), after: tallyOf(after) };
  let total = 0;
  let words = 0;
  let changed = 0;
  for (const text of texts) {
    const old = encodings.before(text);
    const now = encodings.after(text);
    total++;
    words += wordsOf(text).length;
    tallies.before.add(old);
    tallies.after.add(now);
    if (old.length !== now.length || now.some((id, i) => keptIds[id] !== old[i])) changed++;
  }
  const share = (part: number, whole: number) => (whole === 0 ? 0 : part / whole);
  const both = (of: (tally: Tally) => number) => ({ before: of(tallies.before), after: of(tallies.after) });
  return {
    texts: total,
    tokensPerText: both(({ tokens }) => share(tokens, total)),
    tokensPerWord: both(({ tokens }) => share(tokens, words)),
    changed: share(changed, total),
    unknownRate: both(({ unknown, tokens }) => share(unknown, tokens)),
    byteRate: both(({ bytes, tokens }) => share(bytes, tokens)),
  };
}

interface Tally {
  tokens: number;
  unknown: number;
  bytes: number;
  add(ids: readonly number[]): void;
}

function tallyOf({ tokens, model, unknownId }: TokenizerDescription): Tally {
  const isByte = new Set<number>();
  if (model.byte_fallback === true) for (const [id, token] of tokens) if (byteToken.test(token)) isByte.add(id);
  const tally: Tally = {
    tokens: 0,
    unknown: 0,
    bytes: 0,
    add(ids) {
      tally.tokens += ids.length;
      for (const id of ids) {
        if (id === unknownId) tally.unknown++;
        else if (isByte.has(id)) tally.bytes++;
      }
    },
  };
  return tally;
}
