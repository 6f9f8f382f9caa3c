import { mkdir, mkdtemp, readdir, readFile, realpath, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { SlmError } from '@slm-compress/onnx';
import type { MakeTask } from '../make.ts';
import { isDataFolder } from './data.ts';

/**
 * Checks that `out` can be replaced without losing what the task reads, and makes the folder it will lie in.
 * Links, `.` and `..` are resolved before paths are compared.
 *
 * @throws SlmError `OUT_EXISTS` when `out` is something else than a model folder, or holds other files too, `OUT_IS_INPUT` when it, or a folder
 *   written beside it, is or holds what the task reads, `OUT_UNWRITABLE` when its folder can't be made
 */
export async function checkOut(task: MakeTask): Promise<void> {
  const { out } = task;
  await requireReplaceable(out, 'model');
  const isRaw = task.data !== undefined && !(await isDataFolder(task.data));
  await requireApart([out, `${out}.work`, ...(isRaw ? [`${out}.data`] : [])], inputsOf(task));
  await requireWritable(out);
}

/**
 * Checks the folder that prepared data are written to, as {@link checkOut} does for models.
 *
 * @throws SlmError as `checkOut` does
 */
export async function checkDataOut(out: string, inputs: readonly string[]): Promise<void> {
  await checkFolderOut(out, inputs, 'data');
}

/** {@link checkDataOut} for a model folder. */
export async function checkModelOut(out: string, inputs: readonly string[]): Promise<void> {
  await checkFolderOut(out, inputs, 'model');
}

async function checkFolderOut(out: string, inputs: readonly string[], kind: 'model' | 'data'): Promise<void> {
  await requireReplaceable(out, kind);
  await requireApart([out, `${out}.work`], inputs);
  await requireWritable(out);
}

/**
 * Checks the folder that a tokenizer's files are written to.
 *
 * @throws SlmError `OUT_EXISTS` when it holds anything else than a tokenizer, `OUT_IS_INPUT` and `OUT_UNWRITABLE`, as `checkOut` does
 */
export async function checkTokenizerOut(out: string, inputs: readonly string[]): Promise<void> {
  await requireApart([out], inputs);
  await requireWritable(out);
  await requireTokenizerFolder(out);
}

/** `OUT_IS_INPUT` when a folder to write is or holds an input. */
async function requireApart(folders: readonly string[], inputs: readonly string[]): Promise<void> {
  for (const written of folders) {
    const target = await realPath(written);
    for (const input of inputs) {
      const path = await realPath(input);
      if (path !== target && !path.startsWith(target + sep)) continue;
      throw new SlmError(
        'OUT_IS_INPUT',
        `${written}: expected a folder apart from ${input}, which is read, got the same or one around it (name another --out)`,
      );
    }
  }
}

/** Makes the folder that `out` will lie in; `OUT_UNWRITABLE` when that fails or nothing can be written there. */
export async function requireWritable(out: string): Promise<void> {
  const parent = dirname(resolve(out));
  try {
    await mkdir(parent, { recursive: true });
    // A probe rather than access(), which lets root pass everywhere; on /proc, a recursive mkdir would try for ever.
    await rmdir(await mkdtemp(join(parent, '.slm-compress-')));
  } catch (error) {
    throw outError(parent, error);
  }
  const found = await stat(out).catch(() => undefined);
  if (found !== undefined && !found.isDirectory()) throw outError(out, { code: 'ENOTDIR' });
}

/** `OUT_UNWRITABLE` for an error of the file system that says `path` can't be written; any other error as it is. */
export function outError(path: string, error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? '';
  if (!unwritable.has(code)) return error;
  const message = `${path}: expected a folder that can be written, got ${code === 'EEXIST' ? 'ENOTDIR' : code} (name another --out)`;
  return new SlmError('OUT_UNWRITABLE', message, { cause: error });
}

const unwritable = new Set(['ENOTDIR', 'EEXIST', 'EACCES', 'EPERM', 'EROFS', 'ENOENT']);

function inputsOf(task: MakeTask): readonly string[] {
  const folders: (string | undefined)[] = [task.data];
  if (task.kind === 'train') folders.push(task.tokenizer, task.options.from);
  if (task.kind === 'distill') folders.push(task.teacher, task.options.from);
  if (task.kind === 'prune') folders.push(task.from, task.teacher);
  if (task.kind === 'quantize') folders.push(task.from);
  return folders.filter((folder) => folder !== undefined);
}

/** The path without links, also where its last parts do not exist yet. */
async function realPath(path: string): Promise<string> {
  const full = resolve(path);
  const real = await realpath(full).catch(() => undefined);
  if (real !== undefined || dirname(full) === full) return real ?? full;
  return join(await realPath(dirname(full)), basename(full));
}

/** `OUT_EXISTS` unless `out` is new, or a folder of the kind that was written here and holds nothing else. */
async function requireReplaceable(out: string, kind: 'model' | 'data'): Promise<void> {
  if ((await stat(out).catch(() => undefined)) === undefined) return;
  const manifest = await readWritten(out);
  const isData = manifest?.kind === 'data';
  if (manifest === undefined || isData !== (kind === 'data')) {
    const got = manifest === undefined ? 'something else' : `a ${isData ? 'data' : 'model'} folder`;
    const message = `${out}: expected a new folder or a ${kind} folder to replace, got ${got} (name another --out)`;
    throw new SlmError('OUT_EXISTS', message);
  }
  const other = (await filesOf(out)).find((name) => name !== 'manifest.json' && !Object.hasOwn(manifest.files, name));
  if (other !== undefined) throw foreignFile(out, other);
}

/** `OUT_EXISTS` unless `out` is new, or a folder with nothing but a tokenizer's files. */
async function requireTokenizerFolder(out: string): Promise<void> {
  if (!(await stat(out).catch(() => undefined))?.isDirectory()) return;
  const other = (await filesOf(out)).find((name) => !tokenizerFile.test(name));
  if (other !== undefined) throw foreignFile(out, other);
}

/** What a folder's manifest says, if a command wrote it: its kind and the files that are in it. */
async function readWritten(folder: string) {
  try {
    const { kind, files } = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'));
    return typeof files === 'object' && files !== null ? { kind, files } : undefined;
  } catch {
    return undefined;
  }
}

const tokenizerFile =
  /^(tokenizer(_config)?\.json|special_tokens_map\.json|added_tokens\.json|chat_template\.jinja|vocab\.(txt|json)|merges\.txt|kept-ids\.json|[^/]+\.model)$/;

function foreignFile(out: string, name: string): SlmError {
  const message = `${out}: expected nothing but what is to be replaced, got also ${name} (name another --out, or move it)`;
  return new SlmError('OUT_EXISTS', message);
}

/** Paths of the files in a folder, with slashes. */
async function filesOf(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll(sep, '/'))
    .sort();
}
