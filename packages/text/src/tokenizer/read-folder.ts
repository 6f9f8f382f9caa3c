import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SlmError } from '@slm-compress/onnx';
import type { Component } from './normalizers.ts';
import { readOldForm } from './old-forms.ts';

/** What the files of a tokenizer say. */
export interface TokenizerSources {
  /** `tokenizer.json`, or where it would be. */
  readonly file: string;
  /** The bytes of it, or of the one that stands for older files. */
  readonly bytes: Buffer;
  readonly description: Component & { readonly model: Component };
  /** `tokenizer_config.json`, with what only `special_tokens_map.json` names; empty when there is none. */
  readonly config: Component;
  /** Chat templates by name; one without a name is `default`. */
  readonly chatTemplates: ReadonlyMap<string, string>;
}

/** Reads the files of a tokenizer's folder. Throws SlmError `FILE_NOT_FOUND` and `TOKENIZER_CORRUPT`. */
export async function readTokenizerFolder(folder: string): Promise<TokenizerSources> {
  const file = join(folder, 'tokenizer.json');
  const config = {
    ...(await readObject(join(folder, 'special_tokens_map.json'))),
    ...(await readObject(join(folder, 'tokenizer_config.json'))),
  };
  const bytes = await readDescription(folder, file, config);
  const chatTemplates = await readChatTemplates(folder, config);
  return { file, bytes, config, chatTemplates, description: parseDescription(file, bytes) };
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

/** The bytes of tokenizer.json, or of the one that stands for the folder's older files. */
async function readDescription(folder: string, file: string, config: Component): Promise<Buffer> {
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
