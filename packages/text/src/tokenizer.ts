import { createHash } from 'node:crypto';
import { SlmError } from '@slm-compress/onnx';
import { labelReplies, type MessageRange, messageTokens } from './batches/reply-labels.ts';
import { type ChatOptions, type ChatTurn, chatRenderer, type RenderedChat } from './tokenizer/chat-template.ts';
import { cleaningDecoder } from './tokenizer/clean-up.ts';
import { tokenDecoder } from './tokenizer/decoder.ts';
import {
  type EncodedText,
  type EncodeOptions,
  type Encoding,
  type TokenWindow,
  type TruncationDefaults,
  templateEncoder,
  type WindowOptions,
} from './tokenizer/encode-text.ts';
import type { Component } from './tokenizer/normalizers.ts';
import { createPipeline, type Pieces } from './tokenizer/pipeline.ts';
import { createTemplate } from './tokenizer/post-processor.ts';
import { readTokenizerFolder, type TokenizerSources } from './tokenizer/read-folder.ts';
import type { Side, TruncationStrategy } from './tokenizer/truncation.ts';
import { type Vocabulary, vocabularyOf } from './tokenizer/vocabulary.ts';
import { wellFormed } from './well-formed.ts';

/** Turns texts into ids. */
export interface Tokenizer {
  /** Highest id + 1. */
  readonly vocabSize: number;
  readonly padId: number;
  /** Id of the mask token, when the vocabulary has one. */
  readonly maskId?: number;
  /** sha256 (hex) of `tokenizer.json`, or of the one that stands for an older form. */
  readonly digest: string;
  /** `model_max_length` of `tokenizer_config.json`, when it states one. */
  readonly maxLength?: number;
  /**
   * Encodes a text with its special tokens, at most `maxLength` ids. A longer text loses ids at its end, before the
   * end token, as truncation does in Hugging Face's libraries (at its start, where the files of the tokenizer say so).
   * Any string is fine; lone surrogates read as U+FFFD.
   * Throws SlmError `TOKENIZER_OPTION` when `maxLength` leaves no room for the special tokens.
   */
  encode(text: string, options: { readonly maxLength: number }): EncodedText;
}

/** Which ids {@link TextTokenizer.decode} says. */
export interface DecodeOptions {
  /** Leave out special tokens; true by default. */
  readonly skipSpecialTokens?: boolean;
}

/** The text of ids as they come. */
export interface IncrementalDecoder {
  /** The text that is certain now: no half character, nothing that a later token changes; often empty. */
  push(id: number): string;
  /** The rest of the text. The decoder then begins anew. */
  flush(): string;
}

/** How a chat becomes ids and labels. */
export interface EncodeChatOptions extends ChatOptions {
  /** At most so many ids; the end of a longer chat is cut off. No limit by default. */
  readonly maxLength?: number;
}

/** A chat as a model reads it, and what it learns of it. */
export interface EncodedChat extends EncodedText {
  readonly text: string;
  /** The id itself in a reply of the assistant, its end-of-turn token included, and `IGNORED_LABEL` elsewhere. */
  readonly labels: Int32Array;
  /** Tokens of each reply, as far as they are there. */
  readonly replies: readonly MessageRange[];
}

/** A loaded tokenizer: ids and tokens by name, and where the ids of a text come from. */
export interface TextTokenizer extends Tokenizer {
  /** The side that is cut of texts that are too long, and the one where a batch is to be padded. */
  readonly truncationSide: Side;
  readonly paddingSide: Side;
  /** The token of an id, as the vocabulary writes it; undefined for an id it does not have. */
  tokenOf(id: number): string | undefined;
  /** The id of a token as the vocabulary writes it. */
  idOf(token: string): number | undefined;
  /**
   * Encodes a text, or two as a pair. Any string is fine; lone surrogates read as U+FFFD.
   * Throws SlmError `TOKENIZER_OPTION` for options that are not of their kind, for a `maxLength` without room for the
   * special tokens, and when the one text that `truncation` may cut is too short for it.
   */
  encode(text: string, options?: EncodeOptions): Encoding;
  /**
   * Encodes a long text as windows of at most `maxLength` ids, each with its special tokens, which overlap by `stride`
   * ids; the first is what {@link encode} keeps. Of a pair, `truncation` names the text that is cut in windows
   * (`only_first` or `only_second`), the other is whole in each. One window when all fits.
   * Throws as `encode` does, and for a `stride` from the room of a window on and for pairs where no text is named.
   */
  encodeWindows(text: string, options?: WindowOptions): readonly TokenWindow[];
  /**
   * The text of ids, as the Rust library decodes, with spaces cleaned up where `clean_up_tokenization_spaces` of
   * tokenizer_config.json says so (not for BPE); ids the vocabulary does not have are left out.
   */
  decode(ids: Iterable<number>, options?: DecodeOptions): string;
  /** Decodes id by id: what it returns, put together, is `decode` of all. */
  createDecoder(options?: DecodeOptions): IncrementalDecoder;
  /** Names of the chat templates; the one for common use is `default`. */
  readonly chatTemplates: readonly string[];
  /**
   * The text of a chat, by a template of the tokenizer or a given one. Special tokens are in the text, so encode it with
   * `addSpecialTokens: false`. A template is a stranger's program: it may take 2 s of computing and write 16 MB.
   * Throws SlmError `CHAT_TEMPLATE` when there is no template, for what is not Jinja, when the template refuses the
   * chat, and past those limits.
   */
  applyChatTemplate(messages: readonly ChatTurn[], options?: ChatOptions): string;
  /**
   * The text of a chat with the parts that are the assistant's replies: what a template marks by `{% generation %}`,
   * or else what a message adds to the chat before it with the prompt for a reply: the content and the token behind it.
   * Throws as `applyChatTemplate`, and when a template without such marks changes earlier messages.
   */
  replySpans(messages: readonly ChatTurn[], options?: ChatOptions): RenderedChat;
  /**
   * Ids of a chat, and labels for learning the replies only. Throws as `replySpans`, and `TOKENIZER_OPTION` for a
   * `maxLength` that is no integer from 0.
   */
  encodeChat(messages: readonly ChatTurn[], options?: EncodeChatOptions): EncodedChat;
  /**
   * Ids of a whole text without special tokens around it, and for each the range of UTF-16 units of the text it stands
   * for (JavaScript's string indices, where the Rust library counts code points; white space is not trimmed off).
   */
  readonly align: (text: string) => Pieces;
}

/**
 * Loads the `tokenizer.json` of a folder, or else its `vocab.txt`, or its `vocab.json` and `merges.txt`, or its
 * SentencePiece `.model`, or its llama2.c `tok*.bin`; or one such file. `tokenizer_config.json`,
 * `special_tokens_map.json`, `added_tokens.json` and chat templates beside it count.
 * Throws SlmError `FILE_NOT_FOUND` when none is there and `TOKENIZER_CORRUPT` when it is not a tokenizer, or
 * one with a part that isn't known here.
 */
export async function loadTokenizer(path: string): Promise<TextTokenizer> {
  return createTokenizer(await readTokenizerFolder(path));
}

/** The tokenizer of files that were read. Throws SlmError `TOKENIZER_CORRUPT` for parts that are not known here. */
export function createTokenizer(sources: TokenizerSources): TextTokenizer {
  try {
    return assembleTokenizer(sources);
  } catch (cause) {
    throw new SlmError(
      'TOKENIZER_CORRUPT',
      `${sources.file}: expected a usable tokenizer, got: ${(cause as Error).message}`,
      { cause },
    );
  }
}

function assembleTokenizer({ description, config, bytes, chatTemplates }: TokenizerSources): TextTokenizer {
  const vocabulary = vocabularyOf(description);
  const padToken = tokenName(config.pad_token) ?? usualPad(vocabulary, config);
  const padId = vocabulary.ids.get(padToken);
  if (padId === undefined) throw new Error(`a vocabulary without the padding token ${JSON.stringify(padToken)}`);
  const maskId = vocabulary.ids.get(tokenName(config.mask_token) ?? '[MASK]');
  const pipeline = createPipeline(description);
  const align = (text: string) => pipeline.align(wellFormed(text));
  const truncation = truncationDefaults(description, config);
  const encoder = templateEncoder(
    createTemplate(description.post_processor as Component | null),
    truncation,
    pipeline.ids,
    align,
  );
  const decoding = tokenDecoder(description.decoder as Component | null);
  // as in `transformers`, which leaves the texts of BPE alone
  const cleans = config.clean_up_tokenization_spaces === true && !Array.isArray(description.model.merges);
  const startDecoder = cleans ? cleaningDecoder(decoding) : decoding;
  const said = ({ skipSpecialTokens = true }: DecodeOptions = {}) => {
    return (id: number): string | undefined => {
      const token = vocabulary.tokens.get(id);
      return token === undefined || (skipSpecialTokens && vocabulary.special.has(token)) ? undefined : token;
    };
  };
  const chats = chatRenderer(chatTemplates, specialTokensOf(config), vocabulary.special);
  const limit = config.model_max_length;
  const maxLength = typeof limit === 'number' && limit > 0 && limit < 1e9 ? limit : undefined;
  return {
    vocabSize: vocabulary.size,
    padId,
    ...(maskId === undefined ? {} : { maskId }),
    digest: createHash('sha256').update(bytes).digest('hex'),
    ...(maxLength === undefined ? {} : { maxLength }),
    truncationSide: truncation.side,
    paddingSide: sideOf(config.padding_side ?? (description.padding as Component | null)?.direction),
    align,
    tokenOf: (id) => vocabulary.tokens.get(id),
    idOf: (token) => vocabulary.ids.get(token),
    decode(ids, options) {
      const sayable = said(options);
      const decoder = startDecoder();
      let text = '';
      for (const id of ids) {
        const token = sayable(id);
        if (token !== undefined) text += decoder.push(token);
      }
      return text + decoder.flush();
    },
    createDecoder(options) {
      const sayable = said(options);
      let decoder = startDecoder();
      return {
        push(id) {
          const token = sayable(id);
          return token === undefined ? '' : decoder.push(token);
        },
        flush() {
          const text = decoder.flush();
          decoder = startDecoder();
          return text;
        },
      };
    },
    encode: (text, options = {}) => encoder.encode(text, options),
    encodeWindows: (text, options = {}) => encoder.encodeWindows(text, options),
    chatTemplates: [...chatTemplates.keys()],
    applyChatTemplate: chats.render,
    replySpans: chats.renderReplies,
    encodeChat(messages, options = {}) {
      const { maxLength = Number.POSITIVE_INFINITY } = options;
      if (maxLength < 0 || (!Number.isInteger(maxLength) && maxLength !== Number.POSITIVE_INFINITY)) {
        throw new SlmError('TOKENIZER_OPTION', `maxLength: expected an integer from 0, got ${maxLength}`);
      }
      const { text, replies } = chats.renderReplies(messages, options);
      const found = align(text);
      const ids = Int32Array.from(found.ids.length > maxLength ? found.ids.slice(0, maxLength) : found.ids);
      const ranges = messageTokens(found.offsets, replies);
      return {
        text,
        ids,
        labels: labelReplies(ids, ranges),
        truncated: found.ids.length > ids.length,
        replies: ranges.flatMap(({ role, start, end }) =>
          start < ids.length ? [{ role, start, end: Math.min(end, ids.length) }] : [],
        ),
      };
    },
  };
}

/** A special token of the configuration, written as a string or as an object with its content. */
function tokenName(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  const content = (value as { readonly content?: unknown } | null | undefined)?.content;
  return typeof content === 'string' ? content : undefined;
}

/** The special tokens that the configuration names, as templates know them: `bos_token` and the like. */
function specialTokensOf(config: Component): Readonly<Record<string, string>> {
  const named: Record<string, string> = {};
  for (const [key, value] of Object.entries(config)) {
    const token = /^\w+_token$/.test(key) ? tokenName(value) : undefined;
    if (token !== undefined) named[key] = token;
  }
  return named;
}

/** What pads where the configuration names nothing: models for generation pad with their end token. */
function usualPad({ ids }: Vocabulary, config: Component): string {
  const usual = ['[PAD]', '<pad>', '<|endoftext|>', '</s>', tokenName(config.eos_token), tokenName(config.unk_token)];
  return usual.find((name) => name !== undefined && ids.has(name)) ?? '[PAD]';
}

/** `truncation_side` counts before what tokenizer.json states, as in the `transformers` library. */
function truncationDefaults(description: Component, config: Component): TruncationDefaults {
  const stated = (description.truncation ?? {}) as Component;
  const { max_length: maxLength, stride } = stated;
  const strategies: Readonly<Record<string, TruncationStrategy>> = {
    OnlyFirst: 'only_first',
    OnlySecond: 'only_second',
  };
  return {
    ...(Number.isInteger(maxLength) ? { maxLength: maxLength as number } : {}),
    strategy: strategies[String(stated.strategy)] ?? 'longest_first',
    side: sideOf(config.truncation_side ?? stated.direction),
    stride: Number.isInteger(stride) && (stride as number) >= 0 ? (stride as number) : 0,
  };
}

function sideOf(stated: unknown): Side {
  return String(stated).toLowerCase() === 'left' ? 'left' : 'right';
}
