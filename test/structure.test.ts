import { readdirSync, readFileSync, statSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Which packages may be imported by which: the arrows of docs/architecture.md. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  'packages/onnx': [],
  'packages/text': ['@slm-compress/onnx'],
  bench: ['@slm-compress/onnx'],
  'packages/runtime': ['@slm-compress/onnx', '@slm-compress/text'],
  'packages/trainer': ['@slm-compress/onnx', '@slm-compress/text'],
  'packages/compress': ['@slm-compress/onnx', '@slm-compress/text', '@slm-compress/trainer'],
  'packages/cli': [
    '@slm-compress/bench',
    '@slm-compress/compress',
    '@slm-compress/onnx',
    '@slm-compress/runtime',
    '@slm-compress/text',
    '@slm-compress/trainer',
  ],
};

/** Third-party packages each package may depend on. */
const dependencies: Readonly<Record<string, readonly string[]>> = {
  'packages/onnx': ['protobufjs'],
  'packages/text': [
    '@huggingface/jinja',
    'chardet',
    'csv-parse',
    'eld',
    'fzstd',
    'htmlparser2',
    'hyparquet',
    'hyparquet-compressors',
    'iconv-lite',
    'postal-mime',
    'simple-statistics',
    'write-file-atomic',
    'xxhash-wasm',
  ],
  bench: ['simple-statistics'],
  'packages/runtime': ['fastify', 'onnxruntime-node', 'pino', 'piscina', 'prom-client', 'zod'],
  'packages/trainer': ['write-file-atomic', 'zod'],
  'packages/compress': ['write-file-atomic', 'yaml', 'zod'],
  'packages/cli': [
    'cli-progress',
    'cli-table3',
    'commander',
    'picocolors',
    'preact',
    'preact-render-to-string',
    'vega',
    'vega-lite',
    'write-file-atomic',
    'zod',
  ],
};

describe.each(Object.keys(arrows))('%s', (folder) => {
  const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
  const allowed = [...arrows[folder]!, ...dependencies[folder]!].sort();

  test('declares exactly the dependencies listed here, pinned', () => {
    expect(Object.keys(manifest.dependencies).sort()).toEqual(allowed);
    for (const version of Object.values(manifest.dependencies)) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
  });

  test('imports nothing else, and uses each dependency', () => {
    const imported = new Set<string>();
    for (const file of sources(join(root, folder, 'src'))) {
      for (const name of importedPackages(readFileSync(file, 'utf8'))) imported.add(name);
    }
    imported.delete(manifest.name);
    expect([...imported].sort()).toEqual(allowed);
  });
});

test('ONNX Runtime and piscina are imported in one package only', () => {
  const users = Object.keys(dependencies).filter((folder) =>
    dependencies[folder]!.some((name) => name === 'onnxruntime-node' || name === 'piscina'),
  );
  expect(users).toEqual(['packages/runtime']);
});

/** TypeScript sources that ship: no tests. */
function sources(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return sources(path);
    return /\.tsx?$/.test(name) && !/\.test\.tsx?$/.test(name) ? [path] : [];
  });
}

/** Names of the packages a source file imports, statically or dynamically; built-in modules and relative paths aside. */
function importedPackages(source: string): string[] {
  const specifiers = [...source.matchAll(/(?:^|[\s;}])(?:from|import)\s*\(?\s*'([@\w][^'\s]*)'/g)].map(
    (match) => match[1]!,
  );
  return specifiers
    .filter((name) => !name.startsWith('.') && !name.startsWith('node:') && !builtinModules.includes(name))
    .map((name) =>
      name
        .split('/')
        .slice(0, name.startsWith('@') ? 2 : 1)
        .join('/'),
    );
}
