import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SlmError } from '@slm-compress/onnx';
import { z } from 'zod';

/** Where the model of a folder is looked for, in this order, when no file is named. */
export const MODEL_FILES = ['onnx/model_quantized.onnx', 'onnx/model.onnx'] as const;

/** What a classifier needs to know about its folder, read once and handed to the workers. */
export interface ModelFolder {
  readonly folder: string;
  /** Path of the `.onnx` file. */
  readonly modelPath: string;
  readonly modelBytes: number;
  /** Label of each logit. */
  readonly labels: readonly string[];
  /** Most tokens of a text, special tokens included; longer texts are cut. */
  readonly maxLength: number;
}

const configSchema = z.object({
  id2label: z.record(z.string().regex(/^\d+$/), z.string()),
  max_position_embeddings: z.number().int().positive(),
});
const tokenizerConfigSchema = z.object({ model_max_length: z.number().positive().optional() });

/**
 * Reads `config.json` (`id2label`, `max_position_embeddings`) and `tokenizer_config.json` (`model_max_length`), and
 * finds the model: `file` when given, else int8 before FP32.
 *
 * @throws SlmError `MODEL_FOLDER` naming the missing or wrong file.
 */
export async function readModelFolder(folder: string, file?: string): Promise<ModelFolder> {
  if (!(await isKind(folder, 'isDirectory'))) throw folderError(folder, 'expected a model folder, got none');
  const config = await readJson(join(folder, 'config.json'), configSchema);
  const tokenizerConfig = await readJson(join(folder, 'tokenizer_config.json'), tokenizerConfigSchema);
  const tokenizer = join(folder, 'tokenizer.json');
  if (!(await isKind(tokenizer, 'isFile'))) throw folderError(tokenizer, 'expected the tokenizer, got no such file');
  const modelPath = await findModel(folder, file);
  return {
    folder,
    modelPath,
    modelBytes: (await stat(modelPath)).size,
    labels: orderedLabels(join(folder, 'config.json'), config.id2label),
    maxLength: Math.floor(
      Math.min(tokenizerConfig.model_max_length ?? Number.POSITIVE_INFINITY, config.max_position_embeddings),
    ),
  };
}

async function findModel(folder: string, file: string | undefined): Promise<string> {
  const candidates = file === undefined ? MODEL_FILES : [file];
  for (const candidate of candidates) {
    const path = join(folder, candidate);
    if (await isKind(path, 'isFile')) return path;
  }
  throw folderError(folder, `expected ${candidates.join(' or ')}, got no such file`);
}

function orderedLabels(where: string, id2label: Readonly<Record<string, string>>): string[] {
  const labels = Object.keys(id2label).map((_, index) => id2label[index]);
  if (labels.length === 0 || labels.some((label) => label === undefined)) {
    throw folderError(where, `expected id2label with ids from 0, got ${Object.keys(id2label).join(', ') || 'none'}`);
  }
  if (new Set(labels).size !== labels.length) throw folderError(where, 'expected different labels, got the same twice');
  return labels as string[];
}

async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw folderError(path, `expected a JSON file, got ${(cause as { code?: string }).code}`, cause);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw folderError(path, 'expected JSON, got text that does not parse', cause);
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw folderError(path, `${issue.path.join('.') || 'file'}: ${issue.message}`, parsed.error);
  }
  return parsed.data;
}

async function isKind(path: string, kind: 'isFile' | 'isDirectory'): Promise<boolean> {
  try {
    return (await stat(path))[kind]();
  } catch {
    return false;
  }
}

function folderError(where: string, message: string, cause?: unknown): SlmError {
  return new SlmError('MODEL_FOLDER', `${where}: ${message}`, cause === undefined ? {} : { cause });
}
