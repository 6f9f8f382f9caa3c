import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readMetrics } from '@slm-compress/trainer';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { slmCompress } from './command.ts';
import { tinyRecipe, writeTinyRecipe } from './tiny-recipe.ts';

const models = ['teacher', 'student', 'pruned', 'int8'];
let folder: string;
let recipe: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slm-run-'));
  recipe = await writeTinyRecipe(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Every file of the models, the data and the tokenizer of a run, in hex or as text, by path. */
async function artefacts(run: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of ['data', 'tokenizer', 'naive-bayes', ...models]) {
    const entries = await readdir(join(run, name), { recursive: true, withFileTypes: true });
    for (const entry of entries.filter((candidate) => candidate.isFile())) {
      const path = join(entry.parentPath, entry.name);
      found[path.slice(run.length)] = (await readFile(path)).toString('base64');
    }
  }
  return found;
}

const events = (stdout: string) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

test('one worker, two workers with a SIGKILL at a checkpoint: the same bytes; unchanged stages are not run again', async () => {
  const one = join(folder, 'one');
  const two = join(folder, 'two');
  const first = await slmCompress(['run', recipe, '--out', one, '--workers', '1', '--json']);
  expect(first.stderr).toBe('');
  expect(first.code).toBe(0);
  const result = events(first.stdout).at(-1);
  expect(result.report.rows.map(({ name }: { name: string }) => name)).toEqual(['naive-bayes', ...models]);
  expect(await readdir(one)).toEqual(expect.arrayContaining(['report.json', 'report.html']));

  const killed = await slmCompress(['run', recipe, '--out', two, '--workers', '2', '--json'], {
    onLine: (line) => (/"stage":"student".*"kind":"checkpoint"/.test(line) ? 'SIGKILL' : undefined),
  });
  expect(killed.signal).toBe('SIGKILL');
  const resumed = await slmCompress(['run', recipe, '--out', two, '--workers', '2', '--json']);
  expect(resumed.code).toBe(0);
  const told = events(resumed.stdout);
  expect(told.filter(({ kind }) => kind === 'train').map(({ event }) => event.kind)).toContain('resumed');
  expect(told.find(({ kind, stage }) => kind === 'stage-end' && stage === 'teacher').status).toBe('cached');
  expect(await artefacts(two)).toEqual(await artefacts(one));
  const recorded = await readMetrics(join(two, 'logs', 'student'));
  const steps = recorded.filter(({ kind }) => kind === 'step').map(({ step }) => step);
  expect(steps).toEqual(Array.from({ length: steps.length }, (_, i) => i + 1));
  const losses = (lines: typeof recorded) => lines.flatMap((line) => (line.kind === 'step' ? line.loss : []));
  expect(losses(recorded)).toEqual(losses(await readMetrics(join(one, 'logs', 'student'))));

  const again = await slmCompress(['run', recipe, '--out', two, '--json']);
  const statuses = events(again.stdout).filter(({ kind }) => kind === 'stage-end');
  expect(statuses.map(({ status }) => status)).toEqual(new Array(8).fill('cached'));
}, 180_000);

test('the models answer, and the single verbs work on their folders alone', async () => {
  const int8 = join(folder, 'one', 'int8');
  const answer = await slmCompress(['predict', 'rose tulip soil lawn hedge', '--model', int8, '--json']);
  expect(JSON.parse(answer.stdout)).toMatchObject({ label: 'garden', truncated: false });
  const lines = await slmCompress(['predict', '-', '--model', int8], {
    input: 'pan oven flour butter\n \nivy fern moss lawn\n',
  });
  expect(lines.stdout.split('\n').map((line) => line.split('\t')[0])).toEqual(['kitchen', '', 'garden', '']);
  const blank = await slmCompress(['predict', ' ', '--model', int8]);
  expect(blank).toMatchObject({ code: 1, stderr: expect.stringContaining('TEXT_EMPTY') });

  const evaluated = await slmCompress(['eval', int8, '--json']);
  expect(JSON.parse(evaluated.stdout).evaluation.accuracy).toBeGreaterThan(0.8);

  const made = join(folder, 'made');
  const quantized = await slmCompress([
    'quantize',
    join(folder, 'one', 'pruned'),
    '--out',
    made,
    '--samples',
    '64',
    '--seed',
    '3',
  ]);
  expect(quantized.code).toBe(0);
  const file = 'onnx/model_quantized.onnx';
  expect(await readFile(join(made, file))).not.toHaveLength(0);
  const inspected = await slmCompress(['inspect', made, '--json']);
  expect(JSON.parse(inspected.stdout).operators.QuantizeLinear).toBeGreaterThan(0);
  expect((await slmCompress(['quantize', int8, '--out', made])).stderr).toContain('error MODEL_QUANTIZED: ');

  const sparse = join(folder, 'sparse');
  const zeroed = await slmCompress([
    'prune',
    join(folder, 'one', 'teacher'),
    '--out',
    sparse,
    '--sparsity',
    '0.5',
    '--no-recovery',
  ]);
  expect(zeroed.stderr).not.toContain('error');
  expect(zeroed.code).toBe(0);
});

test('a run folder stands for its last model; long and whole texts are one text', async () => {
  const one = join(folder, 'one');
  const text = 'rose tulip soil lawn hedge\n'.repeat(2000);
  const long = await slmCompress(['predict', text, '--model', one, '--json']);
  expect(JSON.parse(long.stdout)).toMatchObject({ label: 'garden', truncated: true });
  const whole = await slmCompress(['predict', '-', '--whole', '--model', join(one, 'int8'), '--json'], { input: text });
  expect(whole.stdout).toBe(long.stdout);
});

test('compare: runs by their reports with a paired test on the same data, and models measured', async () => {
  const [one, two] = [join(folder, 'one'), join(folder, 'two')];
  const runs = await slmCompress(['compare', one, two, '--json']);
  const { rows, comparisons } = JSON.parse(runs.stdout);
  expect(rows.map(({ name }: { name: string }) => name)).toEqual([
    'naive-bayes',
    ...models.map((name) => `one/${name}`),
    ...models.map((name) => `two/${name}`),
  ]);
  expect(comparisons).toContainEqual(expect.objectContaining({ a: 'two/int8', b: 'one/int8', aOnly: 0, bOnly: 0 }));

  const page = join(folder, 'compare.html');
  const measured = await slmCompress(['compare', join(one, 'teacher'), join(one, 'int8'), '--html', page]);
  expect(measured.stdout).toMatch(/^int8 /m);
  expect(await readFile(page, 'utf8')).toContain('int8');
});

test('Ctrl-C: a checkpoint and exit code 130, then the same command goes on', async () => {
  const train = (out: string) => {
    const shape = ['--layers', '1', '--hidden-size', '16', '--heads', '2', '--intermediate-size', '32'];
    const size = ['--vocab-size', '220', '--max-length', '32', '--token-budget', '128'];
    return ['train', join(folder, 'rows.jsonl'), '--out', join(folder, out), '--json', ...shape, ...size];
  };
  let sent = false;
  const onLine = (line: string) => {
    if (sent || !line.includes('"kind":"step"')) return undefined;
    sent = true;
    return 'SIGINT' as const;
  };
  const logs = join(folder, 'halted-logs');
  const stopped = await slmCompress([...train('halted'), '--logs', logs], { onLine });
  expect(stopped.code).toBe(130);
  expect(stopped.stderr).toContain('stopped; the same command goes on from the last checkpoint');
  const watched = await slmCompress(['watch', logs]);
  expect(watched.stdout).toMatch(/loss +\d.*\n.*rate .*tokens\/s\n.*step \d+ of \d+ /);
  const nothing = await slmCompress(['watch', join(folder, 'disk')]);
  expect(nothing).toMatchObject({ code: 1, stderr: expect.stringContaining('RECORD_MISSING') });
  const resumed = await slmCompress(train('halted'));
  expect(resumed.code).toBe(0);
  expect(resumed.stdout).toContain('"kind":"resumed"');
});

test('a gate that is not met: exit code 3, and the report is there', async () => {
  const strict = join(folder, 'strict.yaml');
  await writeFile(strict, `${tinyRecipe}report: { gates: { minSpeedup: 1000 } }\n`);
  const { code, stdout } = await slmCompress(['run', strict, '--out', join(folder, 'one')]);
  expect(stdout).toMatch(/not met {2}minSpeedup: [\d.]+ times as fast, at least 1000 asked/);
  expect(code).toBe(3);
});

test('a full disk: a clear error and nothing half-written', async (context) => {
  const disk = join(folder, 'disk');
  await mkdir(disk);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=160k', 'tmpfs', disk], { stdio: 'pipe' });
  } catch {
    context.skip('needs the right to mount a tmpfs');
  }
  try {
    const { code, stderr } = await slmCompress(['run', recipe, '--out', join(disk, 'run')]);
    expect(stderr).toContain('error DISK_FULL: ');
    expect(code).toBe(1);
    for (const name of models) {
      await expect(readFile(join(disk, 'run', name, 'config.json'))).rejects.toThrow('ENOENT');
    }
  } finally {
    execFileSync('umount', [disk]);
  }
});
