import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openReference, readModel, summarizeModel, trainableParameters, writeModel } from '@slm-compress/onnx';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PassListOptions, passList, passNames } from '../src/pass-list.ts';
import { slmCompress } from './command.ts';
import { tinyClassifier } from './models.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slm-clean-'));
  await writeModel(join(folder, 'model.onnx'), tinyClassifier());
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const clean = (...args: readonly string[]) => slmCompress(['clean', ...args], { cwd: folder });

test('clean: fewer nodes, the same answers, a trace of every pass that changed the graph', async () => {
  const { code, stdout, stderr } = await clean(
    'model.onnx',
    '--out',
    'sub/clean.onnx',
    '--trace',
    'trace',
    '--freeze',
    'batch=2',
  );
  expect(stderr).toBe('');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^freeze-axis +1 +12 /m);
  expect(stdout).toMatch(/^remove-identities +1 +12 → 10 /m);
  expect(stdout).toMatch(/^sub\/clean.onnx {2}12 → 10 nodes, 368 B → 368 B {2}\(from model.onnx\)$/m);
  const cleaned = await readModel(join(folder, 'sub/clean.onnx'));
  expect(cleaned.graph.inputs[0]?.type?.dims).toEqual([2, 'sequence']);
  const feeds = {
    input_ids: { type: 'int64', dims: [2, 3], data: BigInt64Array.of(1n, 2n, 3n, 4n, 5n, 10n) },
    attention_mask: { type: 'int64', dims: [2, 3], data: BigInt64Array.of(1n, 1n, 1n, 1n, 0n, 0n) },
  } as const;
  const answers = await Promise.all(
    [tinyClassifier(), cleaned].map(async (model) => {
      await using engine = await openReference(model);
      return (await engine.run(feeds)).logits?.data;
    }),
  );
  expect(answers[1]).toEqual(answers[0]);
  expect((await readdir(join(folder, 'trace'))).slice(0, 5)).toEqual([
    '00-input.txt',
    '01-freeze-axis.diff.txt',
    '01-freeze-axis.txt',
    '02-remove-identities.diff.txt',
    '02-remove-identities.txt',
  ]);
  const diff = await readFile(join(folder, 'trace', '02-remove-identities.diff.txt'), 'utf8');
  expect(diff).toContain('- node layer.0/Identity  layer.0/Identity.out = Identity(layer.0/MatMul.out)\n');
});

test('clean --passes --findings --json; external data stays external', async () => {
  await writeModel(join(folder, 'external.onnx'), tinyClassifier(1, 300), { externalData: {} });
  const args = [
    'external.onnx',
    '--out',
    'dir',
    '--passes',
    'remove-identities,fold-constants',
    '--findings',
    '--json',
  ];
  const { code, stdout } = await clean(...args, '--stop-after', 'remove-identities');
  expect(code).toBe(0);
  const { out, passes, before, after } = JSON.parse(stdout);
  expect({ out, before: before.nodes, after: after.nodes }).toEqual({
    out: join('dir', 'external.onnx'),
    before: 12,
    after: 10,
  });
  expect(passes).toMatchObject([{ pass: 'remove-identities', round: 1, changed: true, patched: 2, skipped: 0 }]);
  expect(passes[0].findings[0]).toMatchObject({ kind: 'patched', where: 'layer.0/Identity' });
  const written = await readModel(join(folder, out));
  expect(summarizeModel(written).nodes).toBe(10);
  expect((await readdir(join(folder, 'dir'))).sort()).toEqual(['external.onnx', 'external.onnx_data']);
  expect((await stat(join(folder, 'dir'))).mode & 0o700).toBe(0o700);

  const again = await clean(...args);
  expect(again.code).toBe(1);
  expect(again.stderr).toContain('error OUT_EXISTS: dir: expected a new folder or a file NAME.onnx');
});

test('clean of a model folder takes its other files along, but not the manifest', async () => {
  const model = join(folder, 'model');
  await mkdir(join(model, 'onnx'), { recursive: true });
  await writeModel(join(model, 'onnx', 'model.onnx'), tinyClassifier());
  await writeFile(
    join(model, 'config.json'),
    '{"id2label": {"0": "a", "1": "b", "2": "c"}, "max_position_embeddings": 8}',
  );
  for (const name of ['tokenizer.json', 'tokenizer_config.json', 'manifest.json'])
    await writeFile(join(model, name), '{}');
  const { code, stderr } = await clean('model', '--out', 'made');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect((await readdir(join(folder, 'made'))).sort()).toEqual([
    'config.json',
    'onnx',
    'tokenizer.json',
    'tokenizer_config.json',
  ]);
  expect(await readdir(join(folder, 'made', 'onnx'))).toEqual(['model.onnx']);
});

test('clean refuses sizes and versions that do not exist, as wrong usage', async () => {
  for (const [option, value, message] of [
    ['--freeze', 'nope=3', /--freeze: expected .*got "nope"/],
    ['--opset', '99', /--opset: expected a version from 1 to \d+, got 99/],
  ] as const) {
    const { code, stderr } = await clean('model.onnx', '--out', 'refused.onnx', option, value);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  }
});

test('clean --trainable keeps every weight', async () => {
  const { code } = await clean('model.onnx', '--out', 'trainable.onnx', '--trainable');
  expect(code).toBe(0);
  const before = await readModel(join(folder, 'model.onnx'));
  const after = await readModel(join(folder, 'trainable.onnx'));
  expect(trainableParameters(after)).toEqual(trainableParameters(before));
});

test('a folder that is no model folder names the files in it', async () => {
  const { code, stderr } = await clean('.', '--out', 'none.onnx');
  expect(code).toBe(1);
  expect(stderr).toContain('got one without config.json (name a file: ');
});

test('clean that fails writes nothing', async () => {
  const { code, stderr } = await clean('model.onnx', '--out', 'none.onnx', '--stop-after', 'fold');
  expect(code).toBe(1);
  expect(stderr).toContain('error PASS_OPTIONS: passes, stopAfter: expected one of remove-dead-nodes, ');
  await expect(stat(join(folder, 'none.onnx'))).rejects.toThrow('ENOENT');
});

test('lists of passes: what is not named, in which order, how often', () => {
  const listed = (options: PassListOptions) => passList(options).passes.map(({ name }) => name);
  expect(listed({ names: ['fold-constants'], opset: 20, freeze: { batch: 1, 'x.0': 2 } })).toEqual([
    'freeze-axis',
    'freeze-axis',
    'convert-opset',
    'fold-constants',
  ]);
  expect(listed({ names: ['fold-constants', 'convert-opset'], opset: 20 })).toEqual([
    'fold-constants',
    'convert-opset',
  ]);
  expect(passList({}).rounds).toBeGreaterThan(1);
  expect(passList({ names: ['clean-up'] }).rounds).toBe(1);
  for (const name of passNames.filter((known) => !['clean-up', 'freeze-axis'].includes(known))) {
    expect(listed({ names: [name] })).toEqual([name]);
  }
  expect(() => passList({ names: ['fold'] })).toThrow('--passes: expected some of clean-up, remove-dead-nodes, ');
  expect(() => passList({ names: ['freeze-axis'] })).toThrow('expected --freeze NAME=SIZE, got none');
});

test('clean --help names every pass', async () => {
  const { stdout } = await clean('--help');
  for (const name of passNames) expect(stdout).toContain(name);
});
