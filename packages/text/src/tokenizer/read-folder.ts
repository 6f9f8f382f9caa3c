import { readFile } from 'node:fs/promises';
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
}

/** Reads the files of a tokenizer's folder. Throws SlmError `FILE_NOT_FOUND` and `TOKENIZER_CORRUPT`. */
export async function readTokenizerFolder(folder: string): Promise<TokenizerSources> {
  const file = join(folder, 'tokenizer.json');
  const config = {
    ...(await readObject(join(folder, 'special_tokens_map.json'))),
    ...(await readObject(join(folder, 'tokenizer_config.json'))),
  };
  const bytes = await readDescription(folder, file, config);
  return { file, bytes, config, description: parseDescription(file, bytes) };
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
