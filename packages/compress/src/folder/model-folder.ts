import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { decodeModel, encodeModel, type Model, SlmError } from '@slm-compress/onnx';
import { readTokenizerFiles } from '@slm-compress/text';
import { sha256 } from '../sha256.ts';
import { replaceFolder } from './replace-folder.ts';

/** What `manifest.json` says: lineage as given by the writer, and every file's size and digest. */
export interface ModelManifest {
  readonly version: 1;
  /** Path of the graph inside the folder. */
  readonly file: string;
  readonly files: Readonly<Record<string, { readonly bytes: number; readonly sha256: string }>>;
  /** Recipe, seed, parent digest, data digest, tool versions, metrics. */
  readonly [lineage: string]: unknown;
}

export interface ModelFolderContents {
  readonly model: Model;
  /** Path of the graph in the folder: `onnx/model.onnx` (the default) or `onnx/model_quantized.onnx`. */
  readonly file?: 'onnx/model.onnx' | 'onnx/model_quantized.onnx';
  /** `config.json`, as `toHfConfig` makes it. */
  readonly config: Readonly<Record<string, unknown>>;
  /** A folder with a tokenizer in any form that `loadTokenizer` reads, or files by name. */
  readonly tokenizer: string | Readonly<Record<string, string | Uint8Array>>;
  /** `README.md`, the model card. */
  readonly card: string;
  /** Lineage for `manifest.json`; must be JSON. `version`, `file` and `files` are filled in here. */
  readonly manifest?: Readonly<Record<string, unknown>>;
}

export interface ModelFolder {
  readonly folder: string;
  readonly manifest: ModelManifest;
  readonly config: Readonly<Record<string, unknown>>;
  /** Absolute path of the graph. */
  readonly modelPath: string;
  readonly model: Model;
  readonly card: string;
}

const tokenizerFiles = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
  'vocab.txt',
];

/**
 * Writes a model folder: into a temporary folder beside it, which is then renamed, so that a reader sees the old
 * folder or the new one. The same contents give the same bytes. Returns the manifest.
 *
 * @throws SlmError `MODEL_FOLDER_TOKENIZER` when the tokenizer has no `tokenizer.json`
 */
export async function writeModelFolder(folder: string, contents: ModelFolderContents): Promise<ModelManifest> {
  const { model, file = 'onnx/model.onnx', config, card } = contents;
  const target = resolve(folder);
  const files = new Map<string, string | Uint8Array>([
    ['README.md', card],
    ['config.json', json(config)],
    [file, encodeModel(model)],
    ...(await readTokenizer(contents.tokenizer)),
  ]);
  const sorted = [...files].sort(([a], [b]) => (a < b ? -1 : 1));
  const entries = sorted.map(([name, data]) => [name, { bytes: Buffer.byteLength(data), sha256: sha256(data) }]);
  const manifest: ModelManifest = { ...contents.manifest, version: 1, file, files: Object.fromEntries(entries) };
  await mkdir(dirname(target), { recursive: true });
  const temporary = join(dirname(target), `.${basename(target)}.${process.pid}.new`);
  await rm(temporary, { recursive: true, force: true });
  try {
    for (const [name, data] of [...sorted, ['manifest.json', json(manifest)] as const]) {
      const path = join(temporary, name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, data, { flush: true });
    }
    await replaceFolder(temporary, target);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
  return manifest;
}

/**
 * Reads a model folder and checks every file against the manifest.
 *
 * @throws SlmError `MODEL_FOLDER_MISSING` when the folder or a file of it does not exist, `MODEL_FOLDER_CORRUPT` when a
 *   file differs from its digest or is not what it should be, `ONNX_CORRUPT` for a graph that cannot be read
 */
export async function readModelFolder(folder: string): Promise<ModelFolder> {
  const manifest = await readManifest(folder);
  const contents = new Map<string, Uint8Array>();
  for (const [name, expected] of Object.entries(manifest.files)) {
    const path = resolve(folder, name);
    if (!path.startsWith(resolve(folder) + sep))
      throw corrupt(folder, `manifest.json names "${name}", outside the folder`);
    const data = await readPart(path);
    const digest = sha256(data);
    if (digest !== expected.sha256) throw corrupt(path, `expected sha256 ${expected.sha256}, got ${digest}`);
    contents.set(name, data);
  }
  for (const name of ['config.json', 'README.md', 'tokenizer.json', manifest.file]) {
    if (!contents.has(name)) throw corrupt(join(folder, 'manifest.json'), `expected it to list ${name}`);
  }
  const modelPath = resolve(folder, manifest.file);
  return {
    folder,
    manifest,
    config: parseJson(contents.get('config.json')!, join(folder, 'config.json')),
    modelPath,
    model: decodeModel(contents.get(manifest.file)!),
    card: Buffer.from(contents.get('README.md')!).toString('utf8'),
  };
}

/** Reads `manifest.json` alone. @throws SlmError `MODEL_FOLDER_MISSING`, `MODEL_FOLDER_CORRUPT` */
export async function readManifest(folder: string): Promise<ModelManifest> {
  if (!(await stat(folder).catch(() => undefined))?.isDirectory()) {
    throw new SlmError('MODEL_FOLDER_MISSING', `${folder}: expected a model folder, got no such folder`);
  }
  const path = join(folder, 'manifest.json');
  const manifest = parseJson(await readPart(path), path) as Partial<ModelManifest>;
  const { version, file, files } = manifest;
  if (version !== 1) throw corrupt(path, `expected version 1, got ${JSON.stringify(version)}`);
  if (typeof file !== 'string') throw corrupt(path, `expected "file" to be a path, got ${JSON.stringify(file)}`);
  const entries = isRecord(files) ? Object.values(files) : undefined;
  if (!entries?.every((entry) => isRecord(entry) && typeof entry.sha256 === 'string')) {
    throw corrupt(path, 'expected "files" to hold a sha256 for each file');
  }
  return manifest as ModelManifest;
}

async function readTokenizer(tokenizer: ModelFolderContents['tokenizer']): Promise<[string, string | Uint8Array][]> {
  const files: [string, string | Uint8Array][] = [];
  if (typeof tokenizer === 'string') {
    const present = new Set(await readdir(tokenizer).catch(() => []));
    if (present.size > 0 && !present.has('tokenizer.json')) {
      // an older form, if it is a tokenizer at all
      const converted = await readTokenizerFiles(tokenizer).catch((cause: unknown) => {
        const { code, message } = cause as SlmError;
        if (code !== 'FILE_NOT_FOUND') throw cause;
        throw new SlmError('MODEL_FOLDER_TOKENIZER', `writeModelFolder: ${message}`, { cause });
      });
      return Object.entries(converted.files);
    }
    for (const name of tokenizerFiles) {
      if (present.has(name)) files.push([name, await readFile(join(tokenizer, name))]);
    }
  } else files.push(...Object.entries(tokenizer));
  if (!files.some(([name]) => name === 'tokenizer.json')) {
    const got = typeof tokenizer === 'string' ? tokenizer : `[${Object.keys(tokenizer)}]`;
    throw new SlmError('MODEL_FOLDER_TOKENIZER', `writeModelFolder: expected a tokenizer.json, got ${got}`);
  }
  return files;
}

async function readPart(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new SlmError('MODEL_FOLDER_MISSING', `${path}: expected a file of a model folder, got none`, { cause });
  }
}

function parseJson(data: Uint8Array, path: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(data).toString('utf8'));
    if (isRecord(value)) return value;
  } catch {}
  throw corrupt(path, 'expected a JSON object');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function corrupt(where: string, problem: string): SlmError {
  return new SlmError('MODEL_FOLDER_CORRUPT', `${where}: ${problem} (write the folder again)`);
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
