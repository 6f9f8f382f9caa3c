import { basename } from 'node:path';
import type { Component } from '../tokenizer/normalizers.ts';
import { readTokenizerFolder } from '../tokenizer/read-folder.ts';
import type { Side } from '../tokenizer/truncation.ts';
import { createTokenizer } from '../tokenizer.ts';
import { partLine, templateLine } from './part-line.ts';

/** What a special token is for: a role of tokenizer_config.json, or the model's unknown token. */
export type TokenRole = 'bos' | 'eos' | 'unk' | 'sep' | 'pad' | 'cls' | 'mask';

/** A token that is found in texts as it is. */
export interface InspectedToken {
  readonly token: string;
  readonly id: number;
  readonly roles: readonly TokenRole[];
  /** Decoded texts leave it out. */
  readonly special: boolean;
}

/** A token of a text. */
export interface TokenOfText {
  readonly token: string;
  readonly id: number;
  /** The UTF-16 units of the text it stands for; `[0, 0]` for what the template adds. */
  readonly offsets: readonly [number, number];
}

/** What a tokenizer consists of. */
export interface TokenizerInspection {
  /** The file with the vocabulary. */
  readonly file: string;
  readonly form:
    | 'tokenizer.json'
    | 'vocab.txt'
    | 'vocab.json with merges.txt'
    | 'SentencePiece model'
    | 'llama2.c vocabulary';
  readonly kind: 'WordPiece' | 'BPE' | 'Unigram' | 'WordLevel';
  /** Highest id + 1. */
  readonly vocabSize: number;
  readonly merges?: number;
  /** Characters without a token become the tokens of their bytes. */
  readonly byteFallback: boolean;
  /** Each part in a line, of a post-processor what it puts around; undefined where there is none. */
  readonly parts: Readonly<Record<'normalizer' | 'pre_tokenizer' | 'post_processor' | 'decoder', string | undefined>>;
  readonly added: readonly InspectedToken[];
  readonly padId: number;
  /** Names of the chat templates. */
  readonly chatTemplates: readonly string[];
  /** `model_max_length`, when stated. */
  readonly maxLength?: number;
  readonly truncationSide: Side;
  readonly paddingSide: Side;
  /** The text as ids, special tokens included. */
  readonly encoded?: readonly TokenOfText[];
}

const roles: readonly TokenRole[] = ['bos', 'eos', 'unk', 'sep', 'pad', 'cls', 'mask'];

/**
 * Describes a tokenizer in any form that `loadTokenizer` reads; cuts `text` if given. Throws as `loadTokenizer` does, and
 * as `encode`.
 */
export async function inspectTokenizer(path: string, text?: string): Promise<TokenizerInspection> {
  const sources = await readTokenizerFolder(path);
  const { description, config, file } = sources;
  const tokenizer = createTokenizer(sources);
  const { model } = description;
  const unknown = model.unk_token ?? (typeof model.unk_id === 'number' ? tokenizer.tokenOf(model.unk_id) : undefined);
  const rolesOf = (token: string) => {
    const named = roles.filter((role) => contentOf(config[`${role}_token`]) === token);
    return token === unknown && !named.includes('unk') ? [...named, 'unk' as const] : named;
  };
  const added = ((description.added_tokens ?? []) as readonly { id: number; content: string; special?: boolean }[])
    .map(({ id, content, special = false }) => ({ token: content, id, roles: rolesOf(content), special }))
    .sort((a, b) => a.id - b.id);
  return {
    file,
    form: formOf(basename(file)),
    kind: kindOf(model),
    vocabSize: tokenizer.vocabSize,
    ...(Array.isArray(model.merges) ? { merges: model.merges.length } : {}),
    byteFallback: model.byte_fallback === true,
    parts: {
      normalizer: partLine(description.normalizer),
      pre_tokenizer: partLine(description.pre_tokenizer),
      post_processor: templateLine(description.post_processor, tokenizer.tokenOf),
      decoder: partLine(description.decoder),
    },
    added,
    padId: tokenizer.padId,
    chatTemplates: tokenizer.chatTemplates,
    ...(tokenizer.maxLength === undefined ? {} : { maxLength: tokenizer.maxLength }),
    truncationSide: tokenizer.truncationSide,
    paddingSide: tokenizer.paddingSide,
    ...(text === undefined ? {} : { encoded: encodedText(tokenizer, text) }),
  };
}

function encodedText(tokenizer: ReturnType<typeof createTokenizer>, text: string): readonly TokenOfText[] {
  const { ids, offsets } = tokenizer.encodeWindows(text, { maxLength: 2 ** 24 })[0]!;
  return Array.from(ids, (id, i) => ({ token: tokenizer.tokenOf(id) ?? '', id, offsets: offsets[i]! }));
}

function formOf(name: string): TokenizerInspection['form'] {
  if (name === 'vocab.txt') return name;
  if (name === 'vocab.json') return 'vocab.json with merges.txt';
  if (name.endsWith('.json')) return 'tokenizer.json';
  return name.endsWith('.bin') ? 'llama2.c vocabulary' : 'SentencePiece model';
}

function kindOf(model: Component): TokenizerInspection['kind'] {
  if (typeof model.type === 'string') return model.type as TokenizerInspection['kind'];
  if (Array.isArray(model.vocab)) return 'Unigram';
  return model.merges ? 'BPE' : 'WordPiece';
}

function contentOf(token: unknown): unknown {
  return typeof token === 'object' && token !== null ? (token as Component).content : token;
}
