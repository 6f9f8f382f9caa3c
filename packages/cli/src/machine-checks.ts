import { access, constants, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fingerprint, type Machine } from '@slm-compress/bench';
import { createGraphBuilder, type Engine, float32, type Model, openReference } from '@slm-compress/onnx';
import { openEngine, openPool } from '@slm-compress/runtime';
import { engineNames, tryEngine as tryTraining } from './engines.ts';
import { toolVersions } from './host.ts';
import { formatBytes } from './output.ts';

/** One thing that was looked at. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** Looks at this machine: versions, memory, engines opened for real, write access. Failures are checks, not errors. */
export async function checkMachine(): Promise<{ readonly machine: Machine; readonly checks: readonly Check[] }> {
  const machine = fingerprint({ packages: toolVersions() });
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const nodeOk = major > 20 || (major === 20 && minor >= 19);
  const memory = machine.memoryLimitBytes ?? machine.memoryBytes;
  const vnni = machine.flags.some((flag) => /vnni|amx_int8|i8mm|asimddp/.test(flag));
  const flags = machine.flags.join(' ');
  const checks = [
    { name: 'node', ok: nodeOk, detail: `${machine.node} (20.19 or later is needed)` },
    { name: 'platform', ok: true, detail: `${machine.platform} ${machine.architecture}, ${machine.osRelease}` },
    { name: 'processor', ok: true, detail: `${machine.cpu}, ${machine.cores} cores` },
    { name: 'int8 products', ok: true, detail: vnni ? flags : `no VNNI or like: int8 gains less (${flags})` },
    { name: 'memory', ok: memory >= 1e9, detail: `${formatBytes(memory)} (1 GB is needed)` },
    await attempt('engine onnxruntime', () => tryEngine(openEngine)),
    await attempt('engine pool of 2', () => tryEngine((model) => openPool(model, { workers: 2 }))),
    await attempt('engine reference', () => tryEngine(openReference)),
    ...(await trainingEngines()),
    await attempt('write here', () => tryWrite('.')),
    await attempt('write temporary files', () => tryWrite(tmpdir())),
  ];
  return { machine, checks };
}

/** Every training engine: a GPU that is not there is no failure of the machine. */
async function trainingEngines(): Promise<readonly Check[]> {
  const checks: Check[] = [];
  for (const name of engineNames) {
    const tried = await tryTraining(name);
    const detail = tried.opens
      ? `opens, ${tried.milliseconds.toFixed(1)} ms a trial`
      : `does not open: ${tried.reason}`;
    checks.push({ name: `training ${name}`, ok: tried.opens || name !== 'ort-cpu', detail });
  }
  return checks;
}

async function attempt(name: string, body: () => Promise<string>): Promise<Check> {
  try {
    return { name, ok: true, detail: await body() };
  } catch (error) {
    return { name, ok: false, detail: (error as Error).message };
  }
}

async function tryEngine(open: (model: Model) => Promise<Engine>): Promise<string> {
  const g = createGraphBuilder('doctor');
  const x = g.input('x', 'float32', [1, 2]);
  g.output(g.op('MatMul', [x, g.constant('w', float32([1, 2, 3, 4], [2, 2]))]), 'float32', [1, 2], 'y');
  await using engine = await open(g.model({ opset: 17 }));
  const { y } = await engine.run({ x: float32([1, 1], [1, 2]) });
  const got = Array.from(y?.data as Float32Array).join(', ');
  if (got !== '4, 6') throw new Error(`expected 4, 6, got ${got}`);
  return 'opened, right answer';
}

async function tryWrite(folder: string): Promise<string> {
  await access(folder, constants.W_OK);
  const made = await mkdtemp(join(folder, '.slm-compress-doctor-'));
  try {
    await writeFile(join(made, 'file'), 'x');
    return folder;
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}
