import { float32, int64 } from '@slm-compress/onnx';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  asymmetricParameters,
  dequantize,
  pairSafeParameters,
  perChannel,
  perTensor,
  quantize,
  roundHalfEven,
  sqnr,
  symmetricParameters,
} from './granularity.ts';

const number = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1000, max: 1000 });

describe('roundHalfEven', () => {
  it('sends halves to the even neighbour', () => {
    expect([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 2.4999, -2.5001].map(roundHalfEven)).toEqual([-2, -2, 0, 0, 2, 2, 2, -3]);
  });
});

describe('symmetric parameters', () => {
  it('give each channel max|w| / 127', () => {
    const parameters = symmetricParameters(float32([1, -254, -2, 127], [2, 2]), perChannel(1));
    expect([...parameters.scale]).toEqual([Math.fround(2 / 127), 2]);
    expect([...quantize(float32([1, -254, -2, 127], [2, 2]), parameters).data]).toEqual([64, -127, -127, 64]);
  });

  it('count a negative axis from the end and keep a channel of zeros', () => {
    const parameters = symmetricParameters(float32([0, 0, 3, -4], [2, 2]), perChannel(-2));
    expect([...parameters.scale]).toEqual([1, Math.fround(4 / 127)]);
  });

  it('bring every number back within half a step', () => {
    fc.assert(
      fc.property(fc.array(number, { minLength: 1, maxLength: 40 }), (values) => {
        const tensor = float32(values);
        const parameters = symmetricParameters(tensor, perTensor);
        const back = dequantize(quantize(tensor, parameters), parameters).data as Float32Array;
        const step = parameters.scale[0]!;
        back.forEach((value, index) => {
          expect(Math.abs(value - (tensor.data as Float32Array)[index]!)).toBeLessThanOrEqual(step * 0.5001);
        });
      }),
    );
  });

  it('refuse other types, ranks and numbers that are not finite', () => {
    expect(() => symmetricParameters(int64([1]), perTensor)).toThrow(/expected a float32 tensor, got int64/);
    expect(() => symmetricParameters(float32([Number.NaN]), perTensor)).toThrow(
      expect.objectContaining({ code: 'QUANTIZE_NOT_FINITE' }),
    );
    expect(() => symmetricParameters(float32([1]), perChannel(1))).toThrow(
      expect.objectContaining({ code: 'QUANTIZE_SHAPE' }),
    );
    expect(() => pairSafeParameters(float32([1]))).toThrow(/expected a weight of rank 2, got \[1\]/);
  });
});

describe('pair-safe parameters', () => {
  it('keep uint8 × int8 pair sums within 16 bits, and lone weights at 127', () => {
    const column = fc.array(number, { minLength: 1, maxLength: 33 });
    fc.assert(
      fc.property(column, (values) => {
        const weight = float32(values, [values.length, 1]);
        const integers = quantize(weight, pairSafeParameters(weight)).data as Int8Array;
        for (let row = 0; row + 1 < integers.length; row += 2) {
          const high = 255 * (Math.max(0, integers[row]!) + Math.max(0, integers[row + 1]!));
          const low = 255 * (Math.min(0, integers[row]!) + Math.min(0, integers[row + 1]!));
          expect(high).toBeLessThanOrEqual(32767);
          expect(low).toBeGreaterThanOrEqual(-32768);
        }
      }),
    );
    const opposite = float32([3, -3, 1], [3, 1]);
    expect([...quantize(opposite, pairSafeParameters(opposite)).data]).toEqual([127, -127, 42]);
  });
});

describe('asymmetric parameters', () => {
  it('represent zero exactly and every number of the range within half a step', () => {
    fc.assert(
      fc.property(number, number, (a, b) => {
        const range = { min: Math.min(a, b), max: Math.max(a, b) };
        const parameters = asymmetricParameters(range);
        const tensor = float32([0, a, b, (a + b) / 2]);
        const back = dequantize(quantize(tensor, parameters), parameters).data as Float32Array;
        expect(back[0]).toBe(0);
        // The zero point is rounded too: an end of the range may be up to one step away.
        back.forEach((value, index) => {
          expect(Math.abs(value - (tensor.data as Float32Array)[index]!)).toBeLessThanOrEqual(
            parameters.scale[0]! * 1.001,
          );
        });
      }),
    );
  });

  it('widen a range that lacks zero, and saturate outside it', () => {
    const parameters = asymmetricParameters({ min: 2, max: 5.1 });
    expect([...parameters.zeroPoint]).toEqual([0]);
    expect([...quantize(float32([-1, 99]), parameters).data]).toEqual([0, 255]);
    expect([...asymmetricParameters({ min: 0, max: 0 }).scale]).toEqual([1]);
  });

  it('refuse a range that is not finite', () => {
    expect(() => asymmetricParameters({ min: 0, max: Number.POSITIVE_INFINITY })).toThrow(/expected a finite range/);
  });
});

describe('sqnr', () => {
  it('is ten times the logarithm of the ratio of powers', () => {
    expect(sqnr([3, 4], [3, 4.5])).toBeCloseTo(20, 10);
    expect(sqnr([1, 2], [1, 2])).toBe(Number.POSITIVE_INFINITY);
    expect(() => sqnr([1], [])).toThrow(/expected 1 numbers, got 0/);
  });
});
