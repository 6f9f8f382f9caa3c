import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { SlmError } from '@slm-compress/onnx';
import type { Component } from './tokenizer/normalizers.ts';
import { readOldForm } from './tokenizer/old-forms.ts';
import { createPipeline, type Pieces, type Pipeline } from './tokenizer/pipeline.ts';
import { type StartEncoder, wordPieceEncoder } from './wordpiece-encoder.ts';

/** Token ids of one text, special tokens included. */
export interface EncodedText {
  readonly ids: Int32Array;
  /** The text had more tokens than fitted; the last kept one is the end token. */
  readonly truncated: boolean;
}

/** Turns texts into ids. */
export interface Tokenizer {
  /** Highest id + 1. */
  readonly vocabSize: number;
  readonly padId: number;
  /** Id of the mask token, when the vocabulary has one. */
  readonly maskId?: number;
  /** sha256 (hex) of `tokenizer.json`. */
  readonly digest: string;
  /** `model_max_length` of `tokenizer_config.json`, when it states one. */
  readonly maxLength?: number;
  /**
   * Encodes a text with its special tokens, at most `maxLength` ids. A longer text loses ids at its end, before the
   * end token, as truncation does in Hugging Face's libraries. Any string is fine; lone surrogates read as U+FFFD.
   * Throws SlmError `TOKENIZER_OPTION` when `maxLength` leaves no room for the special tokens.
   */
  encode(text: string, options: { readonly maxLength: number }): EncodedText;
}

/** A loaded tokenizer: ids and tokens by name, and where the ids of a text come from. */
export interface TextTokenizer extends Tokenizer {
  /** The token of an id, as the vocabulary writes it; undefined for an id it does not have. */
  tokenOf(id: number): string | undefined;
  /** The id of a token as the vocabulary writes it. */
  idOf(token: string): number | undefined;
  /** The text of ids, special tokens left out unless told; ids the vocabulary does not have are left out. */
  decode(ids: Iterable<number>, options?: { readonly skipSpecialTokens?: boolean }): string;
  /**
   * Ids of a whole text without special tokens around it, and for each the range of UTF-16 units of the text it stands
   * for (JavaScript's string indices, where the Rust library counts code points; white space is not trimmed off).
   * Undefined for WordPiece and for kinds that Hugging Face's library encodes here.
   */
  readonly align?: (text: string) => Pieces;
}

/**
 * Loads the `tokenizer.json` of a folder, or else its `vocab.txt`, or else its `vocab.json` and `merges.txt` (and
 * `tokenizer_config.json` beside it, if there).
 * Throws SlmError `FILE_NOT_FOUND` when none is there and `TOKENIZER_CORRUPT` when it is not a tokenizer.
 */
export async function loadTokenizer(folder: string): Promise<TextTokenizer> {
  const file = join(folder, 'tokenizer.json');
  const config = await readConfig(join(folder, 'tokenizer_config.json'));
  const bytes = await readDescription(folder, file, config);
  const description = parseDescription(file, bytes);
  let inner: HuggingFaceTokenizer;
  let pipeline: Pipeline | undefined;
  let prefix: readonly number[];
  let suffix: readonly number[];
  try {
    pipeline = createPipeline(description as Component);
    inner = new HuggingFaceTokenizer(description, config);
    ({ prefix, suffix } = specialEdges(inner));
  } catch (cause) {
    throw new SlmError('TOKENIZER_CORRUPT', `${file}: expected a usable tokenizer, got: ${(cause as Error).message}`, {
      cause,
    });
  }
  const vocabulary = inner.get_vocab(true);
  let vocabSize = 0;
  for (const id of vocabulary.values()) vocabSize = Math.max(vocabSize, id + 1);
  const padToken =
    tokenName(config.pad_token) ?? (inner.token_to_id('[PAD]') === undefined ? usualPad(inner) : '[PAD]');
  const padId = inner.token_to_id(padToken);
  if (padId === undefined || vocabSize === 0) {
    throw new SlmError(
      'TOKENIZER_CORRUPT',
      `${file}: expected a vocabulary with the padding token ${JSON.stringify(padToken)}`,
    );
  }
  const maskId = inner.token_to_id(typeof config.mask_token === 'string' ? config.mask_token : '[MASK]');
  const edges = prefix.length + suffix.length;
  const encode: StartEncoder =
    wordPieceEncoder(description) ??
    (pipeline ? (text, limit) => pipeline(text, limit).ids : (text, limit) => encodeStart(inner, text, limit));
  const tokens = new Map<number, string>();
  for (const [token, id] of vocabulary) tokens.set(id, token);
  const modelMaxLength = config.model_max_length;
  const own =
    typeof modelMaxLength === 'number' && modelMaxLength > 0 && modelMaxLength < 1e9 ? modelMaxLength : undefined;
  return {
    vocabSize,
    padId,
    ...(maskId === undefined ? {} : { maskId }),
    digest: createHash('sha256').update(bytes).digest('hex'),
    ...(own === undefined ? {} : { maxLength: own }),
    ...(pipeline === undefined
      ? {}
      : { align: (text: string) => pipeline(wellFormed(text), Number.POSITIVE_INFINITY) }),
    tokenOf: (id) => tokens.get(id),
    idOf: (token) => vocabulary.get(token),
    decode(ids, { skipSpecialTokens = true } = {}) {
      const known = Array.from(ids).filter((id) => tokens.has(id));
      if (known.length === 0) return '';
      return inner.decode(known, { skip_special_tokens: skipSpecialTokens, clean_up_tokenization_spaces: false });
    },
    encode(text, { maxLength }) {
      if (!Number.isInteger(maxLength) || maxLength < edges) {
        throw new SlmError(
          'TOKENIZER_OPTION',
          `maxLength: expected an integer of at least ${edges} (the special tokens), got ${maxLength}`,
        );
      }
      const limit = maxLength - edges;
      const found = encode(wellFormed(text), limit);
      const kept = found.length > limit ? found.slice(0, limit) : found;
      const ids = Int32Array.from([...prefix, ...kept, ...suffix]);
      return { ids, truncated: found.length > limit };
    },
  };
}

/** A special token of the configuration, written as a string or as an object with its content. */
function tokenName(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  const content = (value as { readonly content?: unknown } | null | undefined)?.content;
  return typeof content === 'string' ? content : undefined;
}

/** What pads where the configuration names nothing: models for generation pad with their end token. */
function usualPad(inner: HuggingFaceTokenizer): string {
  const names = ['<pad>', '<|endoftext|>', '</s>'];
  return names.find((name) => inner.token_to_id(name) !== undefined) ?? '[PAD]';
}

/** The bytes of tokenizer.json, or of the one that stands for the folder's older files. */
async function readDescription(
  folder: string,
  file: string,
  config: Readonly<Record<string, unknown>>,
): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    let description: object | undefined;
    try {
      description = await readOldForm(folder, config);
    } catch (fault) {
      throw new SlmError('TOKENIZER_CORRUPT', `${folder}: expected a tokenizer, got: ${(fault as Error).message}`, {
        cause: fault,
      });
    }
    if (description) return Buffer.from(JSON.stringify(description));
    throw new SlmError(
      'FILE_NOT_FOUND',
      `${file}: expected a tokenizer (or vocab.txt, or vocab.json with merges.txt), got ${(cause as Error).message}`,
      { cause },
    );
  }
}

function wellFormed(text: string): string {
  return text.replace(/\p{Cs}/gu, '\ufffd');
}

const charactersPerToken = 6;

/**
 * Ids of the whole text, or of a start of it that already has more than `limit` ids, without special tokens around.
 * The start ends before white space, where pre-tokenizers cut.
 */
function encodeStart(inner: HuggingFaceTokenizer, text: string, limit: number): readonly number[] {
  for (let size = (limit + 1) * charactersPerToken; size < text.length; size *= 4) {
    const end = wordBreak(text, size);
    if (end === undefined) continue;
    const ids = encodeAll(inner, text.slice(0, end));
    if (ids.length > limit) return ids;
  }
  return encodeAll(inner, text);
}

/** The last white space at or before `size`, if it is in the second half. */
function wordBreak(text: string, size: number): number | undefined {
  for (let at = size; at > size / 2; at--) if (text[at] === ' ' || text[at] === '\n') return at;
  return undefined;
}

function encodeAll(inner: HuggingFaceTokenizer, text: string): readonly number[] {
  return inner.encode(text, { add_special_tokens: false }).ids;
}

/** The special tokens before and behind a text. */
function specialEdges(inner: HuggingFaceTokenizer): {
  readonly prefix: readonly number[];
  readonly suffix: readonly number[];
} {
  const ids: readonly number[] = inner.encode('a').ids;
  const bare: readonly number[] = inner.encode('a', { add_special_tokens: false }).ids;
  for (let start = 0; start + bare.length <= ids.length; start++) {
    if (bare.every((id, i) => ids[start + i] === id)) {
      return { prefix: ids.slice(0, start), suffix: ids.slice(start + bare.length) };
    }
  }
  throw new Error('special tokens are not around the text');
}

function parseDescription(file: string, bytes: Buffer): object {
  let description: unknown;
  try {
    description = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new SlmError('TOKENIZER_CORRUPT', `${file}: expected JSON, got ${bytes.length} bytes that are not`, {
      cause,
    });
  }
  const model = (description as { readonly model?: { readonly vocab?: unknown } } | null)?.model;
  if (typeof model !== 'object' || model === null || typeof model.vocab !== 'object' || model.vocab === null) {
    throw new SlmError('TOKENIZER_CORRUPT', `${file}: expected "model" with a "vocab" (a Hugging Face tokenizer.json)`);
  }
  return description as object;
}

async function readConfig(file: string): Promise<Readonly<Record<string, unknown>>> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch {
    return {};
  }
  try {
    const config: unknown = JSON.parse(text);
    if (typeof config === 'object' && config !== null && !Array.isArray(config))
      return config as Record<string, unknown>;
  } catch {}
  throw new SlmError('TOKENIZER_CORRUPT', `${file}: expected a JSON object`);
}
