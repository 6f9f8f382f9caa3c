import { mkdtemp, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeModel } from '@slm-compress/onnx';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { slmCompress } from './command.ts';
import { tinyClassifier } from './models.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slm-inspect-'));
  await writeModel(join(folder, 'model.onnx'), tinyClassifier());
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const inspect = (...args: readonly string[]) => slmCompress(['inspect', ...args], { cwd: folder });

test('inspect: the tables', async () => {
  const { code, stdout, stderr } = await inspect('model.onnx', '--dims', 'batch=2,sequence=8', '--top', '3');
  expect(stderr).toBe('');
  expect(code).toBe(0);
  const { size } = await stat(join(folder, 'model.onnx'));
  expect(stdout.replace(`${(size / 1e3).toFixed(0)} kB`, 'SIZE')).toMatchInlineSnapshot(`
    "model.onnx  SIZE  90 parameters
    IR 8 · opset 17 · by slm-compress
    inputs
      input_ids       int64[batch,sequence]
      attention_mask  int64[batch,sequence]
    outputs
      logits          float32[batch,3]
    weights  float32 352 B, int64 16 B

    12 nodes  3 MatMul, 2 Identity, 2 Tanh, 5 other operators

    layer       nodes  parameters  bytes          multiply-adds
    embeddings      1          44  176 B  47.8 %              0   0.0 %
    layer.0         3          16   64 B  17.4 %            256  47.8 %
    layer.1         3          16   64 B  17.4 %            256  47.8 %
    and 1 more (--top 4)
    536 multiply-adds at batch 2, sequence 8

    largest weights   type           bytes          layer
    embeddings/table  float32[11,4]  176 B  47.8 %  embeddings
    layer.0/weight    float32[4,4]    64 B  17.4 %  layer.0
    layer.1/weight    float32[4,4]    64 B  17.4 %  layer.1

    metadata   recipe  "tiny"
    "
  `);
});

test('inspect --json: keys that stay', async () => {
  const { code, stdout } = await inspect('model.onnx', '--json', '--nodes');
  expect(code).toBe(0);
  const found = JSON.parse(stdout);
  expect(Object.keys(found)).toEqual([
    'file',
    'fileBytes',
    'irVersion',
    'opsets',
    'producer',
    'inputs',
    'outputs',
    'operators',
    'nodes',
    'parameters',
    'bytes',
    'bytesByType',
    'externalBytes',
    'dims',
    'multiplyAdds',
    'uncounted',
    'layers',
    'largest',
    'functions',
    'subgraphs',
    'metadata',
    'graph',
  ]);
  expect(found).toMatchObject({
    inputs: [
      { name: 'input_ids', type: { type: 'int64', dims: ['batch', 'sequence'] } },
      { name: 'attention_mask', type: { type: 'int64', dims: ['batch', 'sequence'] } },
    ],
    operators: { MatMul: 3, Identity: 2 },
    dims: { batch: 1, sequence: 128 },
    multiplyAdds: 2 * 128 * 16 + 12,
    largest: [{ name: 'embeddings/table', bytes: 176, layer: 'embeddings' }, {}, {}, {}, {}, {}],
  });
  expect(found.layers.map((layer: { name: string }) => layer.name)).toEqual([
    'embeddings',
    'layer.0',
    'layer.1',
    'head',
  ]);
  expect(found.graph).toContain('= MatMul(embeddings/Gather.out, layer.0/weight)');
});

test('inspect does not read external data: a file of nothing but holes will do', async () => {
  const file = join(folder, 'external.onnx');
  await writeModel(file, tinyClassifier(), { externalData: { threshold: 48 } });
  const { size } = await stat(`${file}_data`);
  await truncate(`${file}_data`, 0);
  await truncate(`${file}_data`, size);
  const { code, stdout } = await inspect('external.onnx');
  expect(code).toBe(0);
  expect(stdout).toContain('of external data  90 parameters');
  const nodes = await inspect('external.onnx', '--nodes');
  expect(nodes.stdout).toContain('embeddings/table  float32[11,4]  μ 0.00 σ 0.00');
});

test('inspect names what is wrong with --dims', async () => {
  const unknown = await inspect('model.onnx', '--dims', 'bacth=2');
  expect(unknown.code).toBe(1);
  expect(unknown.stderr).toBe(
    'error SIZES_UNKNOWN: sizes, "bacth": expected a dimension of the inputs (batch, sequence)\n',
  );
  const malformed = await inspect('model.onnx', '--dims', 'batch');
  expect(malformed.code).toBe(2);
  expect(malformed.stderr).toContain('Expected NAME=SIZE, separated by commas: batch=1,sequence=128.');
});
