import { readdir, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { SlmError } from '@slm-compress/onnx';

/** Files below a folder, sorted by path; hidden ones and those in hidden folders are left out, links are followed once. */
export async function filesBelow(folder: string): Promise<readonly string[]> {
  const found: string[] = [];
  const walk = async (at: string, depth: number): Promise<void> => {
    const entries = await readdir(at, { withFileTypes: true });
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      if (entry.name.startsWith('.')) continue;
      const path = join(at, entry.name);
      const kind = entry.isSymbolicLink() ? await stat(path).catch(() => undefined) : entry;
      // A link to a folder above would never end.
      if (kind?.isDirectory() && depth < 32 && !entry.isSymbolicLink()) await walk(path, depth + 1);
      else if (kind?.isFile()) found.push(path);
    }
  };
  await walk(folder, 0);
  return found;
}

/** Whether a path is a pattern rather than the name of a file. */
export function isGlob(path: string): boolean {
  return /[*?{[]/.test(path);
}

/**
 * Files that a pattern names, sorted: `*` and `?` within a name, `**` across folders, `[abc]`, `{a,b}`.
 * Throws SlmError `FILE_NOT_FOUND` when it names none.
 */
export async function globFiles(pattern: string): Promise<readonly string[]> {
  const parts = pattern.split('/');
  const fixed = parts.slice(
    0,
    parts.findIndex((part) => isGlob(part)),
  );
  const root = fixed.join('/') || (pattern.startsWith('/') ? '/' : '.');
  const expression = globExpression(parts.slice(fixed.length).join('/'));
  const files = await filesBelow(root).catch(() => []);
  const matching = files.filter((file) => expression.test(relative(root, file).split(sep).join('/')));
  if (matching.length === 0) {
    throw new SlmError('FILE_NOT_FOUND', `${pattern}: expected files of this pattern, found none in ${root}`);
  }
  return matching;
}

/** A pattern of paths as a regular expression. */
export function globExpression(pattern: string): RegExp {
  let source = '';
  let braces = 0;
  for (let i = 0; i < pattern.length; i++) {
    const character = pattern[i]!;
    if (character === '*') {
      let stars = 1;
      while (pattern[i + stars] === '*') stars++;
      i += stars - 1;
      if (stars > 1 && pattern[i + 1] === '/') {
        source += '(?:.*/)?';
        i++;
      } else source += stars > 1 ? '.*' : '[^/]*';
    } else if (character === '?') source += '[^/]';
    else if (character === '{') {
      braces++;
      source += '(?:';
    } else if (character === '}' && braces > 0) {
      braces--;
      source += ')';
    } else if (character === ',' && braces > 0) source += '|';
    else if (character === '[' && pattern.indexOf(']', i + 2) > 0) {
      const end = pattern.indexOf(']', i + 2);
      source += `[${pattern
        .slice(i + 1, end)
        .replace(/^!/, '^')
        .replace(/[\\[\]]/g, '\\$&')}]`;
      i = end;
    } else source += character.replace(/[\\^$.|+()[\]{}]/g, '\\$&');
  }
  try {
    return new RegExp(`^${source}${')'.repeat(braces)}$`, 'u');
  } catch (cause) {
    throw new SlmError('DATA_OPTION', `${pattern}: expected a pattern of paths, got a wrong character class`, {
      cause,
    });
  }
}
