import { readFile, stat } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';
import { SlmError } from '@slm-compress/onnx';
import { stdinPath } from './bytes.ts';
import { featureClassNames } from './class-names.ts';
import { filesBelow, globExpression, globFiles, isGlob } from './find-files.ts';
import { type FrontMatterValue, readFrontMatter } from './front-matter.ts';

/** `lines`: a row a line; `document`: a row a file; `folders`: a row a file, labelled by its folder (`pos/1.txt`). */
export type RowFormat = 'jsonl' | 'csv' | 'tsv' | 'parquet' | 'lines' | 'document' | 'folders';

/** A file of an input and how it is to be read. */
export interface DataFile {
  readonly path: string;
  /** Absent: the content decides. */
  readonly format?: Exclude<RowFormat, 'folders'>;
  /** The label of a document in a folder of labels. */
  readonly label?: string;
  /** The id of a document: its path below the folder of labels, without `.txt`. */
  readonly id?: string;
}

export interface FoundFiles {
  readonly files: readonly DataFile[];
  /** Names of numbered labels by column, from `dataset_infos.json`. */
  readonly classNames: Readonly<Record<string, readonly string[]>>;
}

const formats: Readonly<Record<string, Exclude<RowFormat, 'folders'>>> = {
  jsonl: 'jsonl',
  ndjson: 'jsonl',
  json: 'jsonl',
  csv: 'csv',
  tsv: 'tsv',
  tab: 'tsv',
  parquet: 'parquet',
  txt: 'lines',
  text: 'lines',
};
const splitAliases: Readonly<Record<string, string>> = {
  training: 'train',
  valid: 'validation',
  val: 'validation',
  dev: 'validation',
  testing: 'test',
  eval: 'test',
  evaluation: 'test',
};

/** The format that a file's name says, `.gz` and `.zst` aside. */
export function formatOfName(path: string): Exclude<RowFormat, 'folders'> | undefined {
  const extension = /\.([a-z]+)$/i.exec(basename(path).replace(/\.(gz|gzip|zst|zstd)$/i, ''))?.[1];
  return extension === undefined ? undefined : formats[extension.toLowerCase()];
}

/**
 * The files of one input: a file, `-`, a pattern, or a folder. A folder is, in this order: a Hugging Face data set
 * (a card with `configs`, or files named by split, as `data/train-00000-of-00001.parquet`), folders as labels (below it, or
 * below its folder named as `split`, only `LABEL/*.txt`), or all data files below it.
 *
 * Throws SlmError `FILE_NOT_FOUND`; `DATA_FORMAT` for a pipe, socket or device; `DATA_OPTION`, listing those there are, when a folder has several splits or
 * configurations and none or another one is named.
 */
export async function findDataFiles(input: {
  readonly path: string;
  readonly format?: RowFormat;
  readonly split?: string;
  readonly config?: string;
}): Promise<FoundFiles> {
  const { path, format } = input;
  if (path === stdinPath) return plain([path], format);
  const info = await stat(path).catch((cause: NodeJS.ErrnoException) => cause);
  if (info instanceof Error) {
    if (isGlob(path)) return plain(await globFiles(path), format);
    const got = info.code === 'ENOENT' ? 'found none' : `got ${info.code}`;
    throw new SlmError('FILE_NOT_FOUND', `${path}: expected a data file, a folder or a pattern, ${got}`, {
      cause: info,
    });
  }
  // To open a pipe waits for its writer, in a thread that no signal reaches, and a device may never end.
  if (!info.isDirectory() && !info.isFile()) {
    throw new SlmError(
      'DATA_FORMAT',
      `${path}: expected a file or a folder, got a pipe, socket or device (save it first, or pipe it to a command that reads "-")`,
    );
  }
  if (info.isFile()) return plain([path], format);
  const all = await filesBelow(path);
  const inside = (file: string) => relative(path, file).split(sep).join('/');
  const names = all.map(inside);
  const labelled = labelFolders(path, names, input.split);
  if (format === 'folders' || (format === undefined && labelled !== undefined)) {
    if (labelled === undefined) {
      throw new SlmError('DATA_FORMAT', `${path}: expected folders of .txt files, a folder a label, found none`);
    }
    return { files: labelled, classNames: {} };
  }
  const chosen = chooseFiles(path, names, await cardConfigs(path), input);
  if (chosen.length === 0)
    throw new SlmError('FILE_NOT_FOUND', `${path}: expected data files in the folder, found none`);
  const { files } = plain(
    chosen.map((name) => join(path, name)),
    format,
  );
  return { files, classNames: await declaredClassNames(path, input.config) };
}

function plain(paths: readonly string[], given: RowFormat | undefined): FoundFiles {
  if (given === 'folders') {
    throw new SlmError('DATA_FORMAT', `${paths[0]}: expected a folder of folders for the format "folders"`);
  }
  const files = paths.map((path) => {
    const format = given ?? formatOfName(path);
    return format === undefined ? { path } : { path, format };
  });
  return { files, classNames: {} };
}

function labelFolders(
  root: string,
  names: readonly string[],
  split: string | undefined,
): readonly DataFile[] | undefined {
  const prefix = split !== undefined && names.some((name) => name.startsWith(`${split}/`)) ? `${split}/` : '';
  const files: DataFile[] = [];
  const other: string[] = [];
  for (const name of names) {
    if (!name.startsWith(prefix)) continue;
    const match = /^([^/]+)\/[^/]+\.txt(\.gz|\.zst)?$/.exec(name.slice(prefix.length));
    if (match) {
      const id = name.slice(prefix.length).replace(/\.txt(\.gz|\.zst)?$/, '');
      files.push({ path: join(root, name), format: 'document', label: match[1]!, id });
    } else if (name.slice(prefix.length).includes('/')) other.push(name);
  }
  const labels = new Set(files.map((file) => file.label));
  return labels.size >= 2 && other.length === 0 && ![...labels].every((label) => splitOfName(`${label}/`))
    ? files
    : undefined;
}

/** The split that a file's path names, in Hugging Face's canonical form. */
export function splitOfName(name: string): string | undefined {
  const shard = /(?:^|\/)([^/]+?)-\d{5}-of-\d{5}\./.exec(name)?.[1];
  if (shard !== undefined) return splitAliases[shard] ?? shard;
  const word =
    /(?:^|[/_. -])(train|training|validation|valid|val|dev|test|testing|eval|evaluation)(?=[/_. \d-]|$)/i.exec(name);
  const found = word?.[1]?.toLowerCase();
  return found === undefined ? undefined : (splitAliases[found] ?? found);
}

/** Configurations of a data set card: split → patterns. */
type Configs = Readonly<
  Record<string, { readonly chosen: boolean; readonly splits: Readonly<Record<string, readonly string[]>> }>
>;

async function cardConfigs(folder: string): Promise<Configs> {
  const card = await readFile(join(folder, 'README.md'), 'utf8').catch(() => '');
  const { configs } = readFrontMatter(card.slice(0, 1 << 20));
  const found: Record<string, Configs[string]> = {};
  for (const config of Array.isArray(configs) ? configs : []) {
    if (typeof config !== 'object' || Array.isArray(config)) continue;
    const { config_name: name, data_files: files, default: chosen } = config as Record<string, FrontMatterValue>;
    const splits: Record<string, readonly string[]> = {};
    for (const entry of Array.isArray(files) ? files : files === undefined ? [] : [files]) {
      const { split, path } = (typeof entry === 'string' ? { split: 'train', path: entry } : entry) as Record<
        string,
        FrontMatterValue
      >;
      const patterns = (Array.isArray(path) ? path : [path]).filter((item) => typeof item === 'string');
      const key = typeof split === 'string' ? split : 'train';
      splits[key] = [...(splits[key] ?? []), ...patterns];
    }
    if (typeof name === 'string' && Object.keys(splits).length > 0) found[name] = { chosen: chosen === 'true', splits };
  }
  return found;
}

/** The splits of a folder's files by name; none where nothing names one, as in a single file. Throws as {@link findDataFiles}. */
export async function splitsOf(path: string, config?: string): Promise<readonly string[]> {
  if ((await stat(path).catch(() => undefined))?.isDirectory() !== true) return [];
  const names = (await filesBelow(path)).map((file) => relative(path, file).split(sep).join('/'));
  if (labelFolders(path, names, undefined) !== undefined) return [];
  return Object.keys(splitFiles(path, names, await cardConfigs(path), config));
}

/** Which of {@link splitsOf} a folder has for each part, by the name it has there. */
export async function folderParts(
  path: string,
  config?: string,
): Promise<{ readonly train?: string; readonly validation?: string; readonly test?: string }> {
  const found = await splitsOf(path, config);
  const part = (name: string) => found.find((split) => split === name || splitAliases[split] === name);
  const parts = Object.entries({ train: part('train'), validation: part('validation'), test: part('test') });
  return Object.fromEntries(parts.filter(([, name]) => name !== undefined));
}

function chooseFiles(
  folder: string,
  names: readonly string[],
  configs: Configs,
  { split, config }: { readonly split?: string; readonly config?: string },
): readonly string[] {
  const splits = splitFiles(folder, names, configs, config);
  const available = Object.keys(splits);
  if (available.length === 0 && split === undefined) return dataFileNames(names);
  const wanted = split ?? (available.length === 1 ? available[0] : undefined);
  const found = wanted === undefined ? undefined : (splits[wanted] ?? splits[splitAliases[wanted] ?? '']);
  if (found === undefined) throw choice(folder, 'split', split, available);
  return found;
}

function dataFileNames(names: readonly string[]): readonly string[] {
  return names.filter((name) => formatOfName(name) !== undefined && !/(^|\/)dataset_infos?\.json$/.test(name));
}

/** Files by split, as a data set card says it, else as their names do. */
function splitFiles(
  folder: string,
  names: readonly string[],
  configs: Configs,
  config: string | undefined,
): Readonly<Record<string, readonly string[]>> {
  const configNames = Object.keys(configs);
  const splits: Record<string, readonly string[]> = {};
  if (configNames.length > 0) {
    const chosen =
      config ??
      configNames.find((name) => configs[name]!.chosen) ??
      (configNames.length === 1 ? configNames[0] : configNames.find((name) => name === 'default'));
    if (chosen === undefined || !Object.hasOwn(configs, chosen)) throw choice(folder, 'config', config, configNames);
    for (const [name, patterns] of Object.entries(configs[chosen]!.splits)) {
      const expressions = patterns.map(globExpression);
      splits[name] = names.filter((file) => expressions.some((expression) => expression.test(file)));
    }
  } else {
    for (const name of dataFileNames(names)) {
      const split = splitOfName(name);
      if (split !== undefined) splits[split] = [...(splits[split] ?? []), name];
    }
  }
  return splits;
}

function choice(folder: string, what: string, given: string | undefined, available: readonly string[]): SlmError {
  const got = given === undefined ? 'none' : JSON.stringify(given);
  return new SlmError(
    'DATA_OPTION',
    `${folder}: expected a ${what}, one of ${available.join(', ') || 'none'}, got ${got}`,
  );
}

async function declaredClassNames(
  folder: string,
  config: string | undefined,
): Promise<Record<string, readonly string[]>> {
  try {
    const infos = JSON.parse(await readFile(join(folder, 'dataset_infos.json'), 'utf8'));
    return featureClassNames((infos[config ?? 'default'] ?? Object.values(infos)[0])?.features);
  } catch {
    return {};
  }
}
