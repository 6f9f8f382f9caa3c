import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { SlmError } from '@slm-compress/onnx';
import { sha256 } from '../sha256.ts';

/**
 * Digest of a data source: of a file's bytes, or of an npm package's name and version.
 * Throws `FILE_NOT_FOUND` when there is no such file or the package is not installed.
 */
export async function sourceDigest(source: string, baseDir: string): Promise<string> {
  if (source.startsWith('npm:')) {
    const name = source.slice('npm:'.length);
    return sha256(`${name}@${await installedVersion(name, baseDir)}`);
  }
  const path = resolve(baseDir, source);
  try {
    return sha256(await readFile(path));
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'an error';
    throw new SlmError(
      'FILE_NOT_FOUND',
      `${path}: expected a data file, got ${code} (check the path, data.source in a recipe)`,
      { cause },
    );
  }
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
