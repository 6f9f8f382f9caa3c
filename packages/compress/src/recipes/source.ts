import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isSlmError, SlmError } from '@slm-compress/onnx';
import { type DataInputs, findDataFiles, resolveInputs } from '@slm-compress/text';
import type { DataOptions } from './data-schema.ts';
import { digestOf } from './keys.ts';

/** The inputs of a recipe, as `prepareData` takes them. */
export function dataInputs(options: DataOptions, baseDir: string): DataInputs {
  const { source, inputs = [{ path: source! }], validation, test, unlabelled, columns } = options;
  return {
    baseDir,
    inputs,
    ...(validation && { validation }),
    ...(test && { test }),
    ...(unlabelled && { unlabelled }),
    ...(columns && { columns }),
  };
}

/**
 * Digest of the files that a recipe's data is read from: their paths from `baseDir` and bytes by part, and the names and
 * versions of npm packages. Throws `FILE_NOT_FOUND` when there is no such file or a package is not installed, `DATA_SOURCE`
 * for standard input, which cannot be read twice, and as `resolveInputs`.
 */
export async function sourceDigest(options: DataOptions, baseDir: string): Promise<string> {
  const found: Record<string, unknown[]> = {};
  for (const [part, inputs] of Object.entries(await resolveInputs(dataInputs(options, baseDir)))) {
    found[part] = [];
    for (const input of inputs) {
      const { path } = input;
      if (path === '-') throw new SlmError('DATA_SOURCE', 'inputs: expected a file, got - (write its rows to a file)');
      if (path.startsWith('npm:')) {
        const name = path.slice('npm:'.length);
        found[part].push(`${name}@${await installedVersion(name, baseDir)}`);
        continue;
      }
      const { files, classNames } = await findDataFiles(input).catch(withHint);
      for (const file of files) {
        found[part].push([relative(resolve(baseDir), file.path).replaceAll('\\', '/'), await fileDigest(file.path)]);
      }
      found[part].push(classNames);
    }
  }
  return digestOf(found);
}

/** Rejects with the error, saying where such a path is written. */
function withHint(error: unknown): never {
  if (!isSlmError(error) || error.code !== 'FILE_NOT_FOUND') throw error;
  throw new SlmError('FILE_NOT_FOUND', `${error.message} (check the path, data in a recipe)`, { cause: error });
}

/** SHA-256 of a file in hex. Throws `FILE_NOT_FOUND`. */
export async function fileDigest(path: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'an error';
    throw new SlmError('FILE_NOT_FOUND', `${path}: expected a data file, got ${code}`, { cause });
  }
  return hash.digest('hex');
}

async function installedVersion(name: string, baseDir: string): Promise<string> {
  const bases = [pathToFileURL(join(resolve(baseDir), 'package.json')).href, import.meta.url];
  for (const base of bases) {
    for (const folder of createRequire(base).resolve.paths(name) ?? []) {
      const text = await readFile(join(folder, name, 'package.json'), 'utf8').catch(() => undefined);
      if (text !== undefined) return String((JSON.parse(text) as { readonly version?: unknown }).version);
    }
  }
  throw new SlmError('FILE_NOT_FOUND', `npm:${name}: expected an installed package, got none (npm install ${name})`);
}
