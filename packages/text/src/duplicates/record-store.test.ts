import { createRng, isSlmError } from '@slm-compress/onnx';
import { expect, it } from 'vitest';
import { createRecordStore } from './record-store.ts';

it.each([2 ** 24, 2 ** 16, 64])('gives back what was added with %i bytes of memory', (memoryBytes) => {
  const rng = createRng(7);
  const records = Array.from({ length: 1500 }, () => Float64Array.from({ length: rng.integer(60) }, rng.normal));
  const store = createRecordStore(memoryBytes);
  for (const record of records) store.add(record);
  expect(store.length).toBe(records.length);
  for (let look = 0; look < 3000; look++) {
    const i = look % 2 ? rng.integer(records.length) : Math.min(records.length - 1, rng.integer(20));
    expect(store.get(i)).toEqual(records[i]);
  }
  store.close();
});

it('keeps the bits of what is no number', () => {
  const bits = Uint32Array.of(0x7ff80001, 0xfff00042, 0xffffffff, 0x7ff00001);
  const store = createRecordStore(8);
  store.add(new Float64Array(bits.buffer.slice(0)));
  const { buffer, byteOffset } = store.get(0);
  expect(new Uint32Array(buffer, byteOffset, 4)).toEqual(bits);
  store.close();
});

it('names the folder where no temporary file can be made', () => {
  const store = createRecordStore(8, '/no/such/folder');
  const add = () => store.add(new Float64Array(4));
  expect(add).toThrow(/^\/no\/such\/folder: expected room for a temporary file, got ENOENT/);
  try {
    add();
  } catch (error) {
    expect(isSlmError(error) && error.code).toBe('TEMPORARY_FILE');
  }
});
