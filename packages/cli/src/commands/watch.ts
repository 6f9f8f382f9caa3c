import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SlmError } from '@slm-compress/onnx';
import { type MetricsLine, readMetrics } from '@slm-compress/trainer';
import { Command } from 'commander';
import { jsonOption } from '../options.ts';
import { print, printJson } from '../output.ts';
import { panelLines, type StepEvent, type ValidationEvent } from '../training-panel.ts';

/** `watch DIR`: where a training stands that another process runs. */
export function watchCommand(): Command {
  return new Command('watch')
    .description(
      'Show how a training in another process goes, from its record; on a terminal until it is done or Ctrl-C.',
    )
    .argument('<dir>', 'folder of a run, or folder that was given as --logs')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ slm-compress watch runs/imdb-sentiment\n')
    .action(async (dir: string, options) => {
      if (options.json === true) {
        const { name, lines } = await newestRecord(dir);
        printJson({ name, last: lines.at(-1), validations: lines.filter(({ kind }) => kind === 'validation') });
        return;
      }
      if (!process.stdout.isTTY) {
        for (const line of textOf(await newestRecord(dir), 100)) print(line);
        return;
      }
      await follow(dir);
    });
}

async function follow(dir: string): Promise<void> {
  let drawn = 0;
  for (;;) {
    const record = await newestRecord(dir);
    const lines = textOf(record, (process.stdout.columns ?? 80) - 1);
    if (drawn > 0) process.stdout.write(`\x1b[${drawn}A\x1b[J`);
    for (const line of lines) print(line);
    drawn = lines.length;
    const step = record.lines.findLast((line) => line.kind === 'step');
    if (step?.kind === 'step' && step.step === step.totalSteps) return;
    await sleep(1000);
  }
}

interface TrainingRecord {
  readonly name: string;
  readonly lines: readonly MetricsLine[];
}

/** The record in `dir`, or the newest of its `logs`. Throws SlmError `RECORD_MISSING` when there is none. */
async function newestRecord(dir: string): Promise<TrainingRecord> {
  const names = await readdir(join(dir, 'logs')).catch(() => []);
  const folders = [dir, ...names.map((name) => join(dir, 'logs', name))];
  const found = await Promise.all(
    folders.map(async (folder) => ({
      folder,
      time: (await stat(join(folder, 'metrics.jsonl')).catch(() => undefined))?.mtimeMs ?? 0,
    })),
  );
  const newest = found.reduce((a, b) => (b.time > a.time ? b : a));
  if (newest.time === 0) {
    const message = 'expected metrics.jsonl in it or in its logs, got none (a training writes it at its first step)';
    throw new SlmError('RECORD_MISSING', `${dir}: ${message}`);
  }
  return { name: newest.folder, lines: await readMetrics(newest.folder) };
}

function textOf({ name, lines }: TrainingRecord, width: number): readonly string[] {
  const steps = lines.filter((line): line is StepEvent & MetricsLine => line.kind === 'step');
  const validations = lines.filter((line): line is ValidationEvent & MetricsLine => line.kind === 'validation');
  return [name, ...panelLines({ steps, validations }, width)];
}
