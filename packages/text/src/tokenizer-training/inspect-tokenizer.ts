import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadTokenizer } from '../tokenizer.ts';
import { parseTokenizer } from './tokenizer-description.ts';

export interface TokenWithId {
  readonly token: string;
  readonly id: number;
}

/** What a tokenizer folder consists of. */
export interface TokenizerInspection {
  readonly kind: 'WordPiece' | 'BPE' | 'Unigram';
  readonly vocabSize: number;
  readonly merges?: number;
  /** Types of its parts by name, those of a sequence joined by ` + `. */
  readonly parts: Readonly<Record<'normalizer' | 'pre_tokenizer' | 'post_processor' | 'decoder', string | undefined>>;
  readonly special: readonly TokenWithId[];
  /** How the text is cut, special tokens included. */
  readonly encoded?: readonly TokenWithId[];
}

/** Describes a tokenizer folder; cuts `text` if given. Throws as {@link loadTokenizer} does. */
export async function inspectTokenizer(folder: string, text?: string): Promise<TokenizerInspection> {
  const tokenizer = await loadTokenizer(folder);
  const { description, model, added, tokens } = parseTokenizer({
    'tokenizer.json': await readFile(join(folder, 'tokenizer.json'), 'utf8'),
  });
  const withId = (id: number) => ({ token: tokens.get(id) ?? '', id });
  const ids = text === undefined ? undefined : tokenizer.encode(text, { maxLength: 2 ** 20 }).ids;
  return {
    kind: model.type,
    vocabSize: tokenizer.vocabSize,
    ...(model.merges === undefined ? {} : { merges: model.merges.length }),
    parts: {
      normalizer: typesOf(description.normalizer),
      pre_tokenizer: typesOf(description.pre_tokenizer),
      post_processor: typesOf(description.post_processor),
      decoder: typesOf(description.decoder),
    },
    special: added.map(({ id }) => withId(id)),
    ...(ids === undefined ? {} : { encoded: Array.from(ids, withId) }),
  };
}

function typesOf(part: unknown): string | undefined {
  if (typeof part !== 'object' || part === null) return undefined;
  const list = Object.values(part).find(
    (value) => Array.isArray(value) && value.every((one) => typeof one?.type === 'string'),
  ) as readonly { readonly type: string }[] | undefined;
  const type = String((part as { readonly type?: unknown }).type);
  return type === 'Sequence' && list !== undefined ? list.map((one) => one.type).join(' + ') : type;
}
