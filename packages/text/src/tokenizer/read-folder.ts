import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isSlmError, SlmError } from '@slm-compress/onnx';
import { type FoundForm, readForm, readFormFile } from './forms/read-form.ts';
import { withSpecialTokens } from './forms/special-tokens.ts';
import { tokenizerClass } from './forms/tokenizer-class.ts';
import type { Component } from './normalizers.ts';

/** What the files of a tokenizer say. */
export interface TokenizerSources {
  /** The file with the vocabulary: `tokenizer.json`, or the older one in its place. */
  readonly file: string;
  /** The bytes of it, or of the tokenizer.json that stands for older files. */
  readonly bytes: Buffer;
  readonly description: Component & { readonly model: Component };
  /**
   * `tokenizer_config.json` with `special_tokens_map.json`, and what the class of an older form takes where they say
   * nothing; empty when there is none.
   */
  readonly config: Component;
  /** Chat templates by name; one without a name is `default`. */
  readonly chatTemplates: ReadonlyMap<string, string>;
}

/**
 * Reads the files of a tokenizer: of a folder, or one file with what its folder says of it. Throws SlmError
 * `FILE_NOT_FOUND` and `TOKENIZER_CORRUPT`.
 */
export async function readTokenizerFolder(path: string): Promise<TokenizerSources> {
  const isFile = (await stat(path).catch(() => undefined))?.isFile() === true;
  const folder = isFile ? dirname(path) : path;
  const config = await readConfig(folder);
  const chatTemplates = await readChatTemplates(folder, config);
  const json = isFile && /(?<!vocab)\.json$/.test(path) ? path : join(folder, 'tokenizer.json');
  const bytes = isFile && json !== path ? undefined : await readFile(json).catch(() => undefined);
  if (bytes !== undefined) {
    return { file: json, bytes, config, chatTemplates, description: parseDescription(json, bytes) };
  }
  let form: FoundForm | undefined;
  let description: Component = {};
  const name = tokenizerClass(config, await readObject(join(folder, 'config.json')));
  const classed = name === undefined ? config : { ...config, tokenizer_class: name };
  try {
    form = isFile ? await readFormFile(path, classed) : await readForm(folder, classed);
    if (form) {
      const addedTokens = await readObject(join(folder, 'added_tokens.json'));
      description = withSpecialTokens(form.description, { ...form.defaults, ...config }, addedTokens);
    }
  } catch (cause) {
    if (isSlmError(cause)) throw cause;
    throw new SlmError('TOKENIZER_CORRUPT', `${path}: expected a tokenizer, got ${(cause as Error).message}`, {
      cause,
    });
  }
  if (!form) {
    throw new SlmError(
      'FILE_NOT_FOUND',
      `${path}: expected a tokenizer (tokenizer.json, vocab.txt, vocab.json with merges.txt, a SentencePiece .model, ` +
        'or a tok*.bin of llama2.c), got none',
    );
  }
  return {
    file: form.file,
    bytes: Buffer.from(JSON.stringify({ version: '1.0', truncation: null, padding: null, ...description })),
    config: { ...form.defaults, ...config },
    chatTemplates,
    description: description as TokenizerSources['description'],
  };
}

/** As in the `transformers` library, special_tokens_map.json counts first, but not beside `added_tokens_decoder`. */
async function readConfig(folder: string): Promise<Component> {
  const map = await readObject(join(folder, 'special_tokens_map.json'));
  const config = await readObject(join(folder, 'tokenizer_config.json'));
  return config.added_tokens_decoder === undefined ? { ...config, ...map } : { ...map, ...config };
}

/**
 * The templates of the configuration (a text, or a list of them with names) and of files of their own, which come
 * first: `chat_template.jinja` and `additional_chat_templates/*.jinja`.
 */
async function readChatTemplates(folder: string, config: Component): Promise<ReadonlyMap<string, string>> {
  const templates = new Map<string, string>();
  const stated = config.chat_template;
  for (const one of Array.isArray(stated) ? (stated as readonly unknown[]) : [{ name: 'default', template: stated }]) {
    const { name, template } = (one ?? {}) as { readonly name?: unknown; readonly template?: unknown };
    if (typeof name === 'string' && typeof template === 'string') templates.set(name, template);
  }
  const more = join(folder, 'additional_chat_templates');
  const files = (await readdir(more).catch(() => [])).filter((name) => name.endsWith('.jinja')).sort();
  for (const [name, file] of [
    ['default', join(folder, 'chat_template.jinja')],
    ...files.map((name) => [name.slice(0, -'.jinja'.length), join(more, name)] as const),
  ] as const) {
    const template = await readFile(file, 'utf8').catch(() => undefined);
    if (template !== undefined) templates.set(name, template);
  }
  return templates;
}

function parseDescription(file: string, bytes: Buffer): TokenizerSources['description'] {
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
  return description as TokenizerSources['description'];
}

async function readObject(file: string): Promise<Component> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch {
    return {};
  }
  try {
    const config: unknown = JSON.parse(text);
    if (typeof config === 'object' && config !== null && !Array.isArray(config)) return config as Component;
  } catch {}
  throw new SlmError('TOKENIZER_CORRUPT', `${file}: expected a JSON object`);
}
