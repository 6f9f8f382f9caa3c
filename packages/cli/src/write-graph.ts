import { randomUUID } from 'node:crypto';
import { cp, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { type Model, SlmError, summarizeModel, writeModel } from '@slm-compress/onnx';
import type { GivenGraph } from './read-graph.ts';
import { outError } from './tasks/check-out.ts';

/**
 * Writes `model`, made from `given`, to a file (`NAME.onnx`) or to a new folder, which then also has what else a model
 * folder has, but neither its manifest, which is of another model, nor other graphs. All or nothing is there afterwards.
 * Weights stay in a data file when they were in one. Returns the path of the file.
 *
 * Throws `OUT_EXISTS` for a folder that is not empty, `OUT_UNWRITABLE` where nothing can be written.
 */
export async function writeGraph(out: string, model: Model, given: GivenGraph): Promise<string> {
  const options = summarizeModel(given.model).externalBytes > 0 ? { externalData: {} } : {};
  const parent = dirname(resolve(out));
  await mkdir(parent, { recursive: true }).catch((error: unknown) => {
    throw outError(parent, error);
  });
  if (out.endsWith('.onnx')) {
    await writeModel(out, model, options);
    return out;
  }
  await requireEmpty(out);
  const made = join(parent, `.${basename(out)}-${randomUUID()}`);
  await mkdir(made).catch((error: unknown) => {
    throw outError(parent, error);
  });
  try {
    const { folder, file } = given;
    const name = folder === undefined ? basename(file) : relative(folder, file);
    if (folder !== undefined) await copyOthers(folder, made);
    await mkdir(dirname(join(made, name)), { recursive: true });
    await writeModel(join(made, name), model, options);
    await rename(made, out);
    return join(out, name);
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}

/** Copies a model folder without its graphs, their data and its manifest. */
async function copyOthers(folder: string, to: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isFile() || entry.name === 'manifest.json' || /\.onnx(_data|\.data)?$/.test(entry.name)) continue;
    await cp(join(folder, entry.name), join(to, entry.name));
  }
}

async function requireEmpty(out: string): Promise<void> {
  const found = await stat(out).catch(() => undefined);
  if (found === undefined) return;
  if (found.isDirectory() && (await readdir(out)).length === 0) return;
  throw new SlmError(
    'OUT_EXISTS',
    `${out}: expected a new folder or a file NAME.onnx, got one that is there (name another --out)`,
  );
}
