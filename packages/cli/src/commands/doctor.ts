import { access, constants, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fingerprint } from '@slm-compress/bench';
import { createGraphBuilder, float32, type Model, openReference } from '@slm-compress/onnx';
import { openEngine, openPool } from '@slm-compress/runtime';
import { Command } from 'commander';
import pc from 'picocolors';
import { exitCodes } from '../exit-codes.ts';
import { toolVersions } from '../host.ts';
import { jsonOption, seedOption } from '../options.ts';
import { formatBytes, print, printJson } from '../output.ts';
import type { SetExitCode } from '../program.ts';

interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** `doctor`: what this machine has, and whether the engines open. Exit code 1 when a check fails. */
export function doctorCommand(setExitCode: SetExitCode): Command {
  return new Command('doctor')
    .description('Check this machine: Node, processor, engines opened for real, write access, memory.')
    .addOption(seedOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ slm-compress doctor\n')
    .action(async (options) => {
      const machine = fingerprint({ packages: toolVersions() });
      const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
      const nodeOk = major > 20 || (major === 20 && minor >= 19);
      const memory = machine.memoryLimitBytes ?? machine.memoryBytes;
      const vnni = machine.flags.some((flag) => /vnni|amx_int8|i8mm|asimddp/.test(flag));
      const checks: Check[] = [
        { name: 'node', ok: nodeOk, detail: `${machine.node} (20.19 or later is needed)` },
        { name: 'platform', ok: true, detail: `${machine.platform} ${machine.architecture}, ${machine.osRelease}` },
        { name: 'processor', ok: true, detail: `${machine.cpu}, ${machine.cores} cores` },
        {
          name: 'int8 products',
          ok: true,
          detail: vnni ? machine.flags.join(' ') : `no VNNI or like: int8 gains less (${machine.flags.join(' ')})`,
        },
        { name: 'memory', ok: memory >= 2 ** 30, detail: `${formatBytes(memory)} (1 GB is needed)` },
        await attempt('engine onnxruntime', () => tryEngine(openEngine)),
        await attempt('engine pool of 2', () => tryEngine((model) => openPool(model, { workers: 2 }))),
        await attempt('engine reference', () => tryEngine(openReference)),
        await attempt('write here', () => tryWrite('.')),
        await attempt('write temporary files', () => tryWrite(tmpdir())),
      ];
      if (options.json) printJson({ ok: checks.every(({ ok }) => ok), checks, machine }, 2);
      else
        for (const { name, ok, detail } of checks)
          print(`${ok ? pc.green('ok    ') : pc.red('failed')}  ${name.padEnd(22)}  ${detail}`);
      if (checks.some(({ ok }) => !ok)) setExitCode(exitCodes.failed);
    });
}

async function attempt(name: string, body: () => Promise<string>): Promise<Check> {
  try {
    return { name, ok: true, detail: await body() };
  } catch (error) {
    return { name, ok: false, detail: (error as Error).message };
  }
}

async function tryEngine(open: (model: Model) => Promise<import('@slm-compress/onnx').Engine>): Promise<string> {
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
