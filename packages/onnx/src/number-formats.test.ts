import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { dataTypes } from './data-type.ts';
import type { DataType } from './model.ts';
import { floatFormats, fromNumbers, roundToFormat, toNumbers } from './number-formats.ts';

const file = new URL('../goldens/reference/formats.json', import.meta.url);
const golden = JSON.parse(readFileSync(file, 'utf8')) as Record<string, readonly (number | string)[]>;
const values = golden.values!.map(Number);

describe('narrow floats', () => {
  const types = Object.keys(floatFormats).filter((type) => golden[type]) as DataType[];

  it.each(types)('%s rounds to the codes of ml_dtypes', (type) => {
    const codes = golden[type] as readonly number[];
    const numbers = toNumbers(fromNumbers(type, [values.length], values, { saturate: false }));
    const decoded = toNumbers(fromNumbers(type, [values.length], numbers, { saturate: false }));
    expect(decoded).toEqual(numbers);
    const { bits } = dataTypes[type];
    if (bits >= 8)
      expect(Array.from(fromNumbers(type, [values.length], values, { saturate: false }).data as Uint8Array)).toEqual(
        codes,
      );
    else
      expect(Array.from(numbers)).toEqual(
        codes
          .map((code) => Number(golden[`${type} numbers`]![code]))
          .map((x, i) => (x + 0 === 0 && Object.is(numbers[i], -0) ? -0 : x)),
      );
  });

  it.each(types.filter((type) => golden[`${type} numbers`]))('%s decodes every code as ml_dtypes', (type) => {
    const numbers = golden[`${type} numbers`]!.map(Number);
    const codes = Uint8Array.from(numbers, (_, code) => code);
    const { bits } = dataTypes[type];
    const data = new Uint8Array(Math.ceil((codes.length * bits) / 8));
    codes.forEach((code, i) => {
      for (let bit = 0; bit < bits; bit++)
        data[(i * bits + bit) >> 3]! |= ((code >> bit) & 1) << ((i * bits + bit) & 7);
    });
    expect(Array.from(toNumbers({ type, dims: [codes.length], data }), (x) => x + 0)).toEqual(
      numbers.map((x) => x + 0),
    );
  });

  it('saturates 8-bit floats, and rounds powers of two in a direction', () => {
    expect(Array.from(toNumbers(fromNumbers('float8e4m3fn', [3], [1e9, -Infinity, NaN])))).toEqual([448, -448, NaN]);
    expect(Array.from(toNumbers(fromNumbers('float16', [2], [1e9, -65519])))).toEqual([Infinity, -65504]);
    const power = floatFormats.float8e8m0!;
    expect(['up', 'down', 'nearest'].map((round) => roundToFormat(power, 2.9, { round: round as 'up' }))).toEqual([
      4, 2, 2,
    ]);
    expect([roundToFormat(power, 0), roundToFormat(power, 0, { saturate: false })]).toEqual([2 ** -127, NaN]);
    expect([roundToFormat(power, 1e39), roundToFormat(power, 1e39, { saturate: false })]).toEqual([2 ** 127, NaN]);
  });
});

describe('numbers of integer types', () => {
  it.each([
    ['int4', [-8, 7, 1], [0x78, 0x01]],
    ['uint4', [15, 1, 2], [0x1f, 0x02]],
    ['int2', [-2, 1, -1, 0, 1], [0x36, 0x01]],
    ['uint2', [3, 0, 1, 2], [0x93]],
  ] as const)('%s is packed from the lowest bits on', (type, numbers, bytes) => {
    const tensor = fromNumbers(type, [numbers.length], numbers);
    expect(Array.from(tensor.data as Uint8Array)).toEqual(bytes);
    expect(Array.from(toNumbers(tensor))).toEqual(numbers);
  });

  it('cuts and wraps around', () => {
    expect(fromNumbers('int8', [3], [200, -1.7, NaN]).data).toEqual(Int8Array.of(-56, -1, 0));
    expect(fromNumbers('uint64', [2], [-1, 3.9]).data).toEqual(BigUint64Array.of(2n ** 64n - 1n, 3n));
    expect(fromNumbers('bool', [2], [0, -3]).data).toEqual(Uint8Array.of(0, 1));
  });

  it('has no numbers for texts and complex elements', () => {
    expect(() => toNumbers({ type: 'string', dims: [1], data: ['1'] })).toThrow(
      /toNumbers: expected .* real numbers, got string/,
    );
    expect(() => fromNumbers('complex64', [1], [1])).toThrow(
      /fromNumbers: expected a type of real numbers, got complex64/,
    );
  });
});
