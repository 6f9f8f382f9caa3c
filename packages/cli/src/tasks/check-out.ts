import { mkdir, mkdtemp, realpath, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { SlmError } from '@slm-compress/onnx';
import type { MakeTask } from '../make.ts';
import { isDataFolder } from './data.ts';

/**
 * Checks that `out` can be replaced without losing what the task reads, and makes the folder it will lie in.
 * Links, `.` and `..` are resolved before paths are compared.
 *
 * @throws SlmError `OUT_EXISTS` when `out` is something else than a model folder, `OUT_IS_INPUT` when it, or a folder
 *   written beside it, is or holds what the task reads, `OUT_UNWRITABLE` when its folder can't be made
 */
export async function checkOut(task: MakeTask): Promise<void> {
  const { out } = task;
  await requireReplaceable(out);
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
  await requireReplaceable(out);
  await requireApart([out, `${out}.work`], inputs);
  await requireWritable(out);
}

/**
 * Checks the folder that a tokenizer's files are written to; other files in it stay.
 *
 * @throws SlmError `OUT_IS_INPUT` and `OUT_UNWRITABLE`, as `checkOut` does
 */
export async function checkTokenizerOut(out: string, inputs: readonly string[]): Promise<void> {
  await requireApart([out], inputs);
  await requireWritable(out);
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

async function requireReplaceable(out: string): Promise<void> {
  const found = await stat(out).catch(() => undefined);
  if (found === undefined) return;
  const isModel = (await stat(join(out, 'manifest.json')).catch(() => undefined))?.isFile() === true;
  if (!found.isDirectory() || !isModel) {
    throw new SlmError(
      'OUT_EXISTS',
      `${out}: expected a new folder or a model or data folder to replace, got something else (name another --out)`,
    );
  }
}
