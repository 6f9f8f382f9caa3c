import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { slmCompress } from './command.ts';
import { tinyRecipe, writeTinyRecipe } from './tiny-recipe.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slm-cli-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const commands =
  'init run train distill prune quantize eval bench report compare predict serve inspect clean diff doctor'.split(' ');

describe('help', () => {
  test.each(commands)('%s --help shows the options and an example', async (command) => {
    const { code, stdout, stderr } = await slmCompress([command, '--help']);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout).toMatch(/Examples?:\n {2}\$ slm-compress /);
    expect(stdout).toContain('--json');
    expect(stdout).toContain('--seed <n>');
  });

  test('data inspect --help documents what --json prints', async () => {
    const { code, stdout } = await slmCompress(['data', 'inspect', '--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/Examples:\n {2}\$ slm-compress data inspect /);
    expect(stdout).toContain('format ("slm-data-inspection-1")');
  });

  test('train says where it keeps prepared data and checkpoints', async () => {
    const { stdout } = await slmCompress(['train', '--help']);
    expect(stdout).toContain('DIR.data');
    expect(stdout).toContain('DIR.work');
  });

  test('the command alone lists all of them and hides measure', async () => {
    const { code, stdout } = await slmCompress(['--help']);
    expect(code).toBe(0);
    for (const command of commands) expect(stdout).toContain(`\n  ${command} `);
    expect(stdout).not.toMatch(/^ {2}measure /m);
  });
});

test.each([
  ['a slip in the command', ['rnu'], "error: unknown command 'rnu'\n(Did you mean run?)"],
  ['an unknown option', ['run', 'r.yaml', '--dri-run'], "error: unknown option '--dri-run'\n(Did you mean --dry-run?)"],
  ['a missing argument', ['eval'], "error: missing required argument 'model'"],
  ['a number out of range', ['bench', 'x', '--rounds', '0'], 'Expected a whole number from 1 to 100000.'],
  ['a wrong choice', ['eval', 'x', '--split', 'dev'], 'Allowed choices are train, validation, test.'],
  ['options that do not go together', ['prune', 'x', '--out', 'y', '--no-recovery'], 'expected either heads and/or'],
  ['heads that do not divide', ['train', 'x', '--out', 'y', '--heads', '5'], 'expected hiddenSize to be a multiple'],
])('usage, %s: exit code 2', async (_, args, message) => {
  const { code, stdout, stderr } = await slmCompress(args);
  expect(stderr).toContain(message);
  expect(stderr).not.toContain('    at ');
  expect(stdout).toBe('');
  expect(code).toBe(2);
});

describe('failures: exit code 1, a code and a message, no stack', () => {
  async function failure(args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await slmCompress(args, { cwd: folder });
    expect(stdout).toBe('');
    expect(stderr).not.toContain('    at ');
    expect(code).toBe(1);
    return stderr;
  }

  test('a missing recipe', async () => {
    expect(await failure(['run', 'none.yaml'])).toBe(
      'error FILE_NOT_FOUND: none.yaml: expected a recipe, got ENOENT (check the path)\n',
    );
  });

  test('an unknown key', async () => {
    await writeFile(join(folder, 'slip.yaml'), tinyRecipe.replace('epochs: 8', 'epoch: 8'));
    expect(await failure(['run', 'slip.yaml'])).toBe(
      'error RECIPE_UNKNOWN_KEY: slip.yaml:11:7: unknown key "epoch" (did you mean "epochs"?)\n',
    );
  });

  test('a missing data file', async () => {
    await writeFile(join(folder, 'nodata.yaml'), tinyRecipe.replace('rows.jsonl', 'none.jsonl'));
    expect(await failure(['run', 'nodata.yaml', '--dry-run'])).toContain('error FILE_NOT_FOUND: ');
  });

  test('a stage that is not there', async () => {
    const recipe = await writeTinyRecipe(join(folder, 'force'));
    expect(await failure(['run', recipe, '--force', 'tecaher', '--dry-run'])).toContain(
      'error STAGE_UNKNOWN: --force: expected one of data, tokenizer, naive-bayes, teacher',
    );
  });

  test.each([
    ['eval', ['eval', 'none']],
    ['bench', ['bench', 'none']],
    ['quantize', ['quantize', 'none', '--out', 'made']],
    ['predict', ['predict', 'text', '--model', 'none']],
    ['serve', ['serve', 'none', '--port', '0']],
  ])('a model folder that is not there, %s', async (_, args) => {
    expect(await failure(args)).toMatch(/error MODEL_FOLDER\w*: none: expected a model folder/);
  });

  test('a run folder that is not there', async () => {
    expect(await failure(['report', 'none'])).toContain('error RUN_MISSING: none: expected the folder of a run');
  });

  test('a corrupt graph', async () => {
    await writeFile(join(folder, 'bad.onnx'), 'this is no protobuf message');
    expect(await failure(['inspect', 'bad.onnx'])).toContain('error ONNX_CORRUPT: bad.onnx');
  });

  test('an out folder that holds something else', async () => {
    expect(await failure(['train', 'rows.csv', '--out', '.'])).toContain('error OUT_EXISTS: .: expected a new folder');
  });

  test.each([
    ['one class only', 'text,label\nfirst words,a\nother words,a\n', 'DATA_ONE_CLASS'],
    ['empty', '', 'DATA_EMPTY'],
  ])('a data set that is %s', async (name, text, code) => {
    const file = `${name.replaceAll(' ', '-')}.csv`;
    await writeFile(join(folder, file), text);
    expect(await failure(['train', file, '--out', `out-${name.replaceAll(' ', '-')}`])).toContain(`error ${code}: `);
  });
});

test('doctor --json: one document, everything fine here', async () => {
  const { code, stdout } = await slmCompress(['doctor', '--json'], { cwd: folder });
  const { ok, checks } = JSON.parse(stdout) as { ok: boolean; checks: { name: string; ok: boolean }[] };
  expect(checks.filter((check) => !check.ok)).toEqual([]);
  expect(checks.map(({ name }) => name)).toContain('engine onnxruntime');
  expect({ ok, code }).toEqual({ ok: true, code: 0 });
});

test('run --dry-run --json: the plan, and nothing written', async () => {
  const recipe = await writeTinyRecipe(join(folder, 'dry'));
  const out = join(folder, 'dry-out');
  const { code, stdout } = await slmCompress(['run', recipe, '--out', out, '--dry-run', '--json']);
  expect(code).toBe(0);
  const { stages } = JSON.parse(stdout) as { stages: { name: string; status: string; estimatedSeconds: number }[] };
  expect(stages.map(({ name }) => name)).toEqual([
    'data',
    'tokenizer',
    'naive-bayes',
    'teacher',
    'student',
    'pruned',
    'int8',
  ]);
  expect(stages.every(({ status, estimatedSeconds }) => status === 'run' && estimatedSeconds > 0)).toBe(true);
  await expect(rm(out)).rejects.toThrow('ENOENT');
});
