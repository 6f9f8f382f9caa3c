import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { eventRecord } from './event-file.ts';

/** Made by bench/peers/event-file-golden.py: the same events written by TensorBoard's own library. */
const golden = readFileSync(new URL('../../goldens/events.out.tfevents.golden', import.meta.url));

test('records are byte for byte what TensorBoard writes', () => {
  const made = Buffer.concat([
    eventRecord(1.5, 0, []),
    eventRecord(1700000000.25, 1, [{ tag: 'train/loss', value: 0.75 }]),
    eventRecord(1700000001, 300, [
      { tag: 'train/loss', value: 1e-9 },
      { tag: 'validation/accuracy', value: -2 },
    ]),
    eventRecord(1700000002, 2 ** 33, [{ tag: 'größe', value: 3 }]),
  ]);
  expect(made.toString('hex')).toBe(golden.toString('hex'));
});
