import { readFileSync } from 'node:fs';
import { mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { float32, int64, type Tensor } from '@slm-compress/onnx';
import { expect, test } from 'vitest';
import { decodeSafetensors, encodeSafetensors, readSafetensors, writeSafetensors } from './safetensors.ts';

const tensors = new Map<string, Tensor>([
  ['a', float32([1, 2, 3, 4, 5, 6], [2, 3])],
  ['bytes', { type: 'uint8', dims: [3], data: Uint8Array.of(1, 2, 3) }],
  ['ids', int64([7], [])],
]);

test('a written file reads back, and nothing else is left in the folder', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'safetensors-'));
  await writeSafetensors(join(folder, 'x.safetensors'), tensors, { key: 'value' });
  expect(await readSafetensors(join(folder, 'x.safetensors'))).toEqual({ tensors, metadata: { key: 'value' } });
  expect(await readdir(folder)).toEqual(['x.safetensors']);
});

test('reads a file written by the Python library', () => {
  const bytes = readFileSync(new URL('../goldens/bert.safetensors', import.meta.url));
  const { tensors: read, metadata } = decodeSafetensors(bytes, 'golden');
  expect(metadata).toEqual({ made_by: 'torch' });
  expect(read.get('ids')).toEqual(int64([2, 5, 7, 3, 0, 0, 2, 9, 9, 14, 19, 3], [2, 6]));
  expect(read.get('loss')!.dims).toEqual([]);
});

test('every cut, and headers that lie, are SAFETENSORS_CORRUPT', () => {
  const bytes = encodeSafetensors(tensors);
  const corrupt = expect.objectContaining({ code: 'SAFETENSORS_CORRUPT', message: expect.stringMatching(/^file: /) });
  for (let length = 0; length < bytes.length; length++) {
    expect(() => decodeSafetensors(bytes.subarray(0, length), 'file')).toThrow(corrupt);
  }
  const text = new TextDecoder('latin1').decode(bytes);
  for (const [from, to] of [
    ['[2,3]', '[2,9]'],
    ['"F32"', '"F99"'],
    ['[0,24]', '[1,25]'],
    ['{"a"', '("a"'],
    ['[24,27]', '[20,23]'],
  ] as const) {
    expect(text).toContain(from);
    expect(() => decodeSafetensors(Buffer.from(text.replace(from, to), 'latin1'), 'file')).toThrow(corrupt);
  }
});

test('a missing file is FILE_NOT_FOUND; a type the format lacks is SAFETENSORS_TYPE', async () => {
  await expect(readSafetensors('/nowhere/x.safetensors')).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  const text: Tensor = { type: 'string', dims: [1], data: ['a'] };
  expect(() => encodeSafetensors(new Map([['t', text]]))).toThrow(
    expect.objectContaining({ code: 'SAFETENSORS_TYPE' }),
  );
});
