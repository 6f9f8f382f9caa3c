import { bertWords } from './bert-words.ts';

/** Encodes a text to ids without special tokens around it, giving up once there are more than `limit`. */
export type StartEncoder = (text: string, limit: number) => readonly number[];

/** The parts of a tokenizer.json this encoder covers. */
interface BertDescription {
  readonly normalizer: {
    readonly type: 'BertNormalizer';
    readonly clean_text: boolean;
    readonly handle_chinese_chars: boolean;
    readonly strip_accents: boolean | null;
    readonly lowercase: boolean;
  };
  readonly model: {
    readonly vocab: Readonly<Record<string, number>>;
    readonly unk_token: string;
    readonly continuing_subword_prefix: string;
    readonly max_input_chars_per_word: number;
  };
  readonly added_tokens: readonly AddedToken[];
}

interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly single_word: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  readonly normalized: boolean;
}

const windowSize = 1024;
const cachedWords = 50_000;
/** Before these a BERT tokenizer always cuts. */
const breaks = /[ \n!-/:-@[-`{-~\u4e00-\u9fff]/;

/**
 * An encoder for BERT WordPiece tokenizers (Devlin et al. 2019: greedy longest match first), or undefined when the
 * description asks for anything else. It reads the text piece by piece and stops at the limit, so a text of any length
 * costs what its first `limit` tokens cost; pieces of words seen before come from a bounded cache.
 */
export function wordPieceEncoder(description: object): StartEncoder | undefined {
  if (!isBert(description)) return undefined;
  const { normalizer, model, added_tokens: added } = description;
  const vocabulary = new Map(Object.entries(model.vocab));
  const unknown = vocabulary.get(model.unk_token)!;
  const addedIds = new Map(added.map((token) => [token.content, token.id]));
  const contents = [...addedIds.keys()].sort((a, b) => b.length - a.length);
  const special = contents.length > 0 ? new RegExp(contents.map(escapePattern).join('|'), 'g') : undefined;
  const cache = new Map<string, readonly number[]>();
  const pieces = (word: string): readonly number[] => {
    const known = cache.get(word);
    if (known) return known;
    const ids = longestMatches(word, vocabulary, model, unknown);
    if (word.length > model.max_input_chars_per_word) return ids;
    if (cache.size >= cachedWords) cache.clear();
    cache.set(word, ids);
    return ids;
  };
  /** Appends the ids of `text` from `start` to `end`, which holds no added token. */
  const encodeSpan = (text: string, start: number, end: number, ids: number[], limit: number): void => {
    for (let at = start; at < end && ids.length <= limit; ) {
      const next = nextBreak(text, at + windowSize, end);
      for (const word of bertWords(text.slice(at, next), normalizer.lowercase)) {
        for (const id of pieces(word)) ids.push(id);
        if (ids.length > limit) return;
      }
      at = next;
    }
  };
  return (text, limit) => {
    const ids: number[] = [];
    let at = 0;
    if (special) {
      for (const match of text.matchAll(special)) {
        encodeSpan(text, at, match.index, ids, limit);
        if (ids.length > limit) return ids;
        ids.push(addedIds.get(match[0])!);
        at = match.index + match[0].length;
      }
    }
    encodeSpan(text, at, text.length, ids, limit);
    return ids;
  };
}

function longestMatches(
  word: string,
  vocabulary: ReadonlyMap<string, number>,
  model: BertDescription['model'],
  unknown: number,
): readonly number[] {
  const characters = Array.from(word);
  if (characters.length > model.max_input_chars_per_word) return [unknown];
  const ids: number[] = [];
  for (let start = 0; start < characters.length; ) {
    let end = characters.length;
    let id: number | undefined;
    for (; end > start; end--) {
      const piece = characters.slice(start, end).join('');
      id = vocabulary.get(start === 0 ? piece : model.continuing_subword_prefix + piece);
      if (id !== undefined) break;
    }
    if (id === undefined) return [unknown];
    ids.push(id);
    start = end;
  }
  return ids;
}

function nextBreak(text: string, from: number, end: number): number {
  for (let at = from; at < end; at++) if (breaks.test(text[at]!)) return at;
  return end;
}

function isBert(description: object): description is BertDescription {
  const { normalizer, model, pre_tokenizer, added_tokens } = description as Partial<
    Record<string, Readonly<Record<string, unknown>> | null>
  >;
  const strip = normalizer?.strip_accents ?? null;
  return (
    normalizer?.type === 'BertNormalizer' &&
    normalizer.clean_text === true &&
    normalizer.handle_chinese_chars === true &&
    typeof normalizer.lowercase === 'boolean' &&
    (strip === null || strip === normalizer.lowercase) &&
    pre_tokenizer?.type === 'BertPreTokenizer' &&
    (model?.type === 'WordPiece' || model?.type === undefined) &&
    typeof model?.unk_token === 'string' &&
    Object.hasOwn(model.vocab as object, model.unk_token) &&
    typeof model.continuing_subword_prefix === 'string' &&
    typeof model.max_input_chars_per_word === 'number' &&
    Array.isArray(added_tokens) &&
    (added_tokens as readonly AddedToken[]).every(
      (token) =>
        typeof token.content === 'string' &&
        token.content !== '' &&
        !token.single_word &&
        !token.lstrip &&
        !token.rstrip &&
        !token.normalized,
    )
  );
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
