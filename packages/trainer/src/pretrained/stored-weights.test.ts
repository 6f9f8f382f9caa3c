import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { float32 } from '@slm-compress/onnx';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeSafetensors } from '../safetensors.ts';
import { readStoredWeights } from './stored-weights.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stored-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));
const index = (map: unknown) =>
  writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: map }));

test('halves are widened exactly', async () => {
  await writeSafetensors(
    join(folder, 'model.safetensors'),
    new Map([
      ['half', { type: 'float16' as const, dims: [2], data: Uint16Array.of(0x3e00, 0xc000) }],
      ['brain', { type: 'bfloat16' as const, dims: [2], data: Uint16Array.of(0x3fc0, 0xc000) }],
    ]),
  );
  const weights = await readStoredWeights(folder);
  expect(weights.get('half')).toEqual(float32([1.5, -2], [2]));
  expect(weights.get('brain')).toEqual(float32([1.5, -2], [2]));
});

test('shards are read as one; a missing shard or tensor and a path outside are errors', async () => {
  await writeSafetensors(join(folder, 'a.safetensors'), new Map([['x', float32([1], [1])]]));
  await writeSafetensors(join(folder, 'b.safetensors'), new Map([['y', float32([2], [1])]]));
  await index({ x: 'a.safetensors', y: 'b.safetensors' });
  expect([...(await readStoredWeights(folder)).keys()]).toEqual(['x', 'y']);
  await index({ x: 'a.safetensors', y: 'c.safetensors' });
  await expect(readStoredWeights(folder)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  for (const map of [{ y: 'a.safetensors' }, { x: '../a.safetensors' }, { x: 3 }, undefined]) {
    await index(map);
    await expect(readStoredWeights(folder)).rejects.toMatchObject({ code: 'PRETRAINED_FORMAT' });
  }
});

test('a pickle is refused with the reason, an overflowing header as corrupt', async () => {
  await expect(readStoredWeights(folder)).rejects.toMatchObject({ code: 'PRETRAINED_FORMAT' });
  await writeFile(join(folder, 'pytorch_model.bin'), '');
  await expect(readStoredWeights(folder)).rejects.toThrow(/pickle can run code/);
  await writeFile(join(folder, 'model.safetensors'), new Uint8Array(16).fill(255));
  await expect(readStoredWeights(folder)).rejects.toMatchObject({ code: 'SAFETENSORS_CORRUPT' });
});
