import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Host } from '@slm-compress/compress';
import { openEngine, openPool } from '@slm-compress/runtime';
import { type EngineName, engineOptions } from './engines.ts';

const packages = ['bench', 'compress', 'onnx', 'runtime', 'text', 'trainer'].map((name) => `@slm-compress/${name}`);

/** Versions of the packages whose change may change what a stage makes, and of the engine; an engine of its own. */
export function toolVersions(engine: EngineName = 'ort-cpu'): Readonly<Record<string, string>> {
  const versions: Record<string, string> = {};
  for (const name of packages) versions[name] = versionOf(name, import.meta.url) ?? 'unknown';
  const runtime = import.meta.resolve('@slm-compress/runtime');
  versions['onnxruntime-node'] = versionOf('onnxruntime-node', runtime) ?? 'unknown';
  if (engine !== 'ort-cpu') versions.engine = engine;
  return versions;
}

/** The engines and versions that runs are handed; a GPU has one session, whatever the number of workers. */
export function createHost(workers: number, engine: EngineName = 'ort-cpu'): Host {
  const host = { open: openEngine, openPool, workers, versions: toolVersions(engine) };
  if (engine === 'ort-cpu') return host;
  const own = engineOptions(engine);
  return { ...host, openTraining: (model, options) => openPool(model, { ...options, ...own, workers: 1 }) };
}

function versionOf(name: string, from: string): string | undefined {
  for (const folder of createRequire(from).resolve.paths(name) ?? []) {
    try {
      const text = readFileSync(`${folder}/${name}/package.json`, 'utf8');
      return (JSON.parse(text) as { readonly version: string }).version;
    } catch {}
  }
  return undefined;
}
