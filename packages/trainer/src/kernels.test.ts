import { createRng } from '@slm-compress/onnx';
import { expect, test } from 'vitest';
import { planArena } from './arena.ts';

function open(...lengths: number[]) {
  const plan = planArena();
  const regions = lengths.map((length) => plan.reserve(length));
  const arena = plan.open();
  return { arena, regions, views: regions.map((region) => arena.floats(region)) };
}

test('sums, norm and scatter agree with plain loops', () => {
  const { arena, regions, views } = open(24, 24, 4);
  const rng = createRng(1);
  const a = views[0]!.map(() => rng.normal());
  const b = views[1]!.map(() => rng.normal());
  const [pa, pb, pi] = regions.map((region) => region.offset) as [number, number, number];
  const reset = () => {
    views[0]!.set(a);
    views[1]!.set(b);
  };
  reset();
  arena.kernels.add(pa, pb, 24);
  expect([...views[0]!]).toEqual([...a].map((value, i) => Math.fround(value + b[i]!)));
  reset();
  arena.kernels.axpy(pa, pb, 24, 0.5);
  expect([...views[0]!]).toEqual([...a].map((value, i) => Math.fround(value + b[i]! * 0.5)));
  arena.kernels.scale(pb, 24, 3);
  expect([...views[1]!]).toEqual([...b].map((value) => Math.fround(value * 3)));
  reset();
  arena.kernels.lerp(pa, pb, 24, 0.25);
  expect([...views[0]!]).toEqual([...a].map((value, i) => Math.fround(value + Math.fround(b[i]! - value) * 0.25)));
  reset();
  expect(arena.kernels.squaredNorm(pa, 24)).toBeCloseTo(
    [...a].reduce((sum, value) => sum + value * value, 0),
    12,
  );
  // Rows of 6 floats: not a multiple of the vector width; row 2 twice.
  new Int32Array(arena.buffer, pi, 4).set([2, 0, 2, 3]);
  arena.kernels.scatterAddRows(pa, pi, pb, 4, 6);
  const expected = Float32Array.from(a);
  for (const [row, id] of [2, 0, 2, 3].entries()) {
    for (let i = 0; i < 6; i++) expected[id * 6 + i]! += b[row * 6 + i]!;
  }
  expect([...views[0]!]).toEqual([...expected]);
});

test('dropout masks keep the asked share, depend on the key, and a longer mask starts with the shorter one', () => {
  const plan = planArena();
  const region = plan.reserve(100_000, 1);
  const arena = plan.open();
  const mask = (count: number, key: number) => {
    arena.kernels.dropoutMask(region.offset, count, key, Math.round(0.9 * 65536));
    return Uint8Array.from(new Uint8Array(arena.buffer, region.offset, count));
  };
  const first = mask(100_000, 12345);
  expect(first.every((value) => value <= 1)).toBe(true);
  const mean = first.reduce((sum, value) => sum + value, 0) / first.length;
  expect(Math.abs(mean - 0.9)).toBeLessThan(0.004);
  expect(mask(1000, 12345)).toEqual(first.slice(0, 1000));
  const second = mask(100_000, 12346);
  const both = first.reduce((sum, value, i) => sum + (value & second[i]!), 0) / first.length;
  expect(Math.abs(both - 0.81)).toBeLessThan(0.005);
  const pairs = first.slice(1).reduce((sum, value, i) => sum + (value & first[i]!), 0) / first.length;
  expect(Math.abs(pairs - 0.81)).toBeLessThan(0.005);
});
