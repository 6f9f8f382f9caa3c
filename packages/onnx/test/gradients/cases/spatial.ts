import type { AttributeInput } from '../../../src/builder.ts';
import { float32, int64, type Tensor } from '../../../src/model.ts';
import { type Case, type Cases, one, op } from '../finite-differences.ts';

type Attributes = Record<string, AttributeInput>;

const conv = (x: readonly number[], w: readonly number[], attributes: Attributes = {}, more: Partial<Case> = {}) =>
  one([x, w, [w[0]!]], op('Conv', attributes), more);
const transposed = (
  x: readonly number[],
  w: readonly number[],
  attributes: Attributes = {},
  more: Partial<Case> = {},
) => one([x, w, [w[1]! * Number(attributes.group ?? 1)]], op('ConvTranspose', attributes), more);

/** Weights whose shape is known while that of x is not, as it is in trained models. */
const fixedWeights = (opType: string, x: readonly number[], w: readonly number[], attributes: Attributes): Case =>
  one([x], (g, [value]) => g.op(opType, [value!, g.constant('w', ramp(w))], attributes), { unranked: true });
const ramp = (dims: readonly number[]): Tensor =>
  float32(
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(1.7 * i + 0.3)),
    dims,
  );

const pool = (opType: string, x: readonly number[], attributes: Attributes, more: Partial<Case> = {}): Case =>
  one([x], op(opType, attributes), more);
const pools = (opType: string, more: Partial<Case> = {}): readonly Case[] => [
  pool(opType, [2, 1, 4, 4], { kernel_shape: [2, 2], strides: [2, 2] }, { unranked: true, ...more }),
  pool(opType, [1, 2, 5], { kernel_shape: [3], pads: [1, 1], strides: [2] }, more),
  pool(opType, [1, 1, 5, 4], { kernel_shape: [3, 2] }, more),
  pool(opType, [1, 1, 5, 4], { kernel_shape: [3, 3], strides: [2, 2], auto_pad: 'SAME_UPPER' }, more),
  pool(opType, [1, 1, 5], { kernel_shape: [2], strides: [2], auto_pad: 'SAME_LOWER' }, more),
  pool(opType, [1, 1, 6], { kernel_shape: [3], strides: [2], auto_pad: 'VALID' }, more),
  pool(opType, [1, 1, 2, 2, 3], { kernel_shape: [2, 1, 2] }, more),
];
/** Kept apart, so that no small shift changes which element is the largest. */
const apart = (x: number, _: number, element: number) => ((element * 7) % 31) * 0.3 + 0.05 * Math.tanh(x);

const resize = (x: readonly number[], attributes: Attributes, scales: readonly number[], opset = 17): Case =>
  one([x], (g, [value]) => g.op('Resize', [value!, '', g.constant('s', float32(scales))], attributes), { opset });
const resizeTo = (x: readonly number[], attributes: Attributes, sizes: readonly number[], opset = 17): Case =>
  one([x], (g, [value]) => g.op('Resize', [value!, '', '', g.constant('z', int64(sizes))], attributes), { opset });

/** Convolutions, pools and what samples between elements. */
export const spatialCases: Cases = {
  Conv: [
    conv([2, 2, 5], [3, 2, 3], { kernel_shape: [3] }, { unranked: true }),
    conv([2, 2, 6], [2, 2, 3], { strides: [2], pads: [1, 0] }),
    conv([1, 2, 4, 5], [2, 2, 3, 2], { pads: [1, 0, 1, 1], strides: [2, 1] }),
    conv([1, 4, 4, 4], [4, 2, 2, 2], { group: 2, dilations: [2, 1] }),
    conv([2, 3, 4, 4], [3, 1, 3, 3], { group: 3, pads: [1, 1, 1, 1] }),
    conv([1, 2, 3, 3], [2, 2, 1, 1], { kernel_shape: [1, 1] }),
    conv([1, 1, 3, 4, 3], [2, 1, 2, 2, 2], { strides: [1, 2, 1] }),
    conv([1, 1, 5, 4], [2, 1, 3, 3], { auto_pad: 'SAME_UPPER', strides: [2, 2], kernel_shape: [3, 3] }),
    conv([1, 1, 5, 4], [1, 1, 2, 3], { auto_pad: 'SAME_LOWER', kernel_shape: [2, 3] }),
    conv([1, 1, 5], [1, 1, 2], { auto_pad: 'VALID', strides: [2] }),
    // More places than one product each: one convolution with batch and channels swapped.
    conv([2, 1, 7, 6], [1, 1, 6, 5], { strides: [2, 1], pads: [1, 1, 0, 1] }),
    conv([2, 4, 6, 5], [2, 2, 6, 5], { group: 2, pads: [0, 1, 1, 1], dilations: [1, 1] }),
    one(
      [
        [1, 2, 5],
        [2, 2, 3],
      ],
      op('Conv'),
      { wanted: [1] },
    ),
    fixedWeights('Conv', [2, 2, 6, 5], [2, 1, 3, 2], { group: 2, strides: [2, 2], pads: [1, 1, 0, 1] }),
    fixedWeights('Conv', [2, 2, 6, 5], [2, 2, 3, 3], { strides: [2, 3], auto_pad: 'SAME_UPPER' }),
  ],
  ConvTranspose: [
    transposed([2, 2, 3], [2, 3, 3], { kernel_shape: [3] }, { unranked: true }),
    transposed([1, 2, 3, 2], [2, 2, 3, 2], { strides: [2, 1], pads: [1, 0, 0, 1], output_padding: [1, 0] }),
    transposed([1, 4, 3, 3], [4, 1, 2, 2], { group: 2, dilations: [2, 1] }),
    transposed([1, 1, 2, 2, 2], [1, 2, 2, 1, 2], { strides: [1, 2, 1] }),
    transposed([1, 1, 3], [1, 1, 3], { auto_pad: 'SAME_UPPER', strides: [2], kernel_shape: [3] }),
    transposed([1, 1, 3], [1, 1, 4], { auto_pad: 'SAME_LOWER', strides: [1], kernel_shape: [4] }),
    transposed([1, 1, 3, 3], [1, 1, 3, 3], { output_shape: [6, 6], strides: [2, 2] }, { dynamic: false }),
    transposed(
      [1, 1, 3],
      [1, 1, 3],
      { dilations: [3], output_padding: [2] },
      { notOnOrt: 'wants output_padding below the stride' },
    ),
    fixedWeights('ConvTranspose', [2, 2, 3, 2], [2, 1, 3, 2], { group: 2, strides: [2, 2], pads: [1, 0, 0, 1] }),
  ],
  AveragePool: [
    ...pools('AveragePool'),
    pool('AveragePool', [1, 1, 4, 4], { kernel_shape: [3, 3], pads: [1, 1, 1, 1], count_include_pad: 1 }),
    pool('AveragePool', [1, 1, 4, 5], { kernel_shape: [2, 3], strides: [2, 2], ceil_mode: 1 }),
    pool('AveragePool', [1, 1, 6], {
      kernel_shape: [3],
      strides: [2],
      pads: [1, 1],
      ceil_mode: 1,
      count_include_pad: 1,
    }),
    pool('AveragePool', [1, 1, 6], { kernel_shape: [2], dilations: [2], pads: [1, 0] }, { opset: 19 }),
  ],
  LpPool: [
    ...pools('LpPool'),
    pool('LpPool', [1, 1, 5], { kernel_shape: [2], p: 3 }),
    pool('LpPool', [1, 1, 6], { kernel_shape: [3], strides: [2], ceil_mode: 1 }, { opset: 18 }),
  ],
  MaxPool: [
    ...pools('MaxPool', { draw: apart }),
    pool('MaxPool', [1, 1, 4, 5], { kernel_shape: [2, 3], strides: [2, 2], ceil_mode: 1 }, { draw: apart }),
    pool('MaxPool', [1, 1, 5, 4], { kernel_shape: [2, 2], dilations: [2, 1], storage_order: 1 }, { draw: apart }),
    pool('MaxPool', [1, 1, 4, 4], { kernel_shape: [2, 2], strides: [2, 2] }, { draw: apart, opset: 13 }),
  ],
  GlobalAveragePool: [pool('GlobalAveragePool', [2, 2, 3, 2], {}, { unranked: true })],
  GlobalMaxPool: [pool('GlobalMaxPool', [2, 2, 3, 2], {}, { unranked: true, draw: apart })],
  GlobalLpPool: [pool('GlobalLpPool', [2, 2, 3], {}, { unranked: true }), pool('GlobalLpPool', [1, 2, 3, 2], { p: 3 })],
  MaxUnpool: [
    one(
      [[1, 1, 2, 2]],
      (g, [x]) =>
        g.op('MaxUnpool', [x!, g.constant('i', int64([5, 2, 8, 15], [1, 1, 2, 2]))], {
          kernel_shape: [2, 2],
          strides: [2, 2],
        }),
      { unranked: true },
    ),
  ],
  Col2Im: [
    one([[1, 8, 9]], op('Col2Im', {}, [int64([4, 4]), int64([2, 2])]), { opset: 18, unranked: true }),
    one(
      [[2, 6, 4]],
      op('Col2Im', { strides: [2, 2], pads: [1, 0, 1, 1], dilations: [1, 2] }, [int64([3, 5]), int64([3, 2])]),
      { opset: 18 },
    ),
  ],
  Resize: [
    resize([1, 1, 2, 3], { mode: 'nearest' }, [1, 1, 2, 2]),
    resize(
      [1, 2, 4],
      { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' },
      [1, 1, 0.6],
    ),
    resize([1, 1, 3, 2], { mode: 'linear' }, [1, 1, 1.7, 2]),
    resize([1, 1, 4, 5], { mode: 'linear' }, [1, 1, 0.5, 0.7]),
    resize([1, 1, 3, 3], { mode: 'linear', coordinate_transformation_mode: 'align_corners' }, [1, 1, 2, 1]),
    resizeTo([1, 1, 3, 2], { mode: 'linear', coordinate_transformation_mode: 'pytorch_half_pixel' }, [1, 1, 5, 3]),
    resize([1, 1, 4, 4], { mode: 'cubic' }, [1, 1, 1.5, 0.8]),
    resize([2, 3], { mode: 'linear' }, [2, 1.4], 13),
    resizeTo([1, 1, 2, 3, 2], { mode: 'linear' }, [1, 1, 3, 4, 3]),
    resizeTo([1, 1, 6, 4], { mode: 'linear', antialias: 1, axes: [2, 3] }, [3, 3], 18),
  ],
  AffineGrid: [
    one([[2, 2, 3]], op('AffineGrid', {}, [int64([2, 1, 2, 3])]), { opset: 20 }),
    one([[1, 3, 4]], op('AffineGrid', { align_corners: 1 }, [int64([1, 1, 2, 2, 3])]), { opset: 20 }),
  ],
  GridSample: [
    ...['zeros', 'border'].flatMap((padding_mode) =>
      [0, 1].map((align_corners) =>
        one(
          [
            [2, 2, 3, 4],
            [2, 2, 2, 2],
          ],
          op('GridSample', { mode: 'bilinear', padding_mode, align_corners }),
          { draw: (x, index) => (index === 1 ? 0.8 * x : x) },
        ),
      ),
    ),
    one(
      [
        [1, 1, 2, 3, 2],
        [1, 2, 1, 1, 3],
      ],
      op('GridSample', { mode: 'linear' }),
      { opset: 20, draw: (x, index) => (index === 1 ? 0.5 * x : x) },
    ),
    one(
      [
        [1, 2, 3, 3],
        [1, 2, 2, 2],
      ],
      op('GridSample', { mode: 'nearest' }),
      { draw: (x, index) => (index === 1 ? 0.7 * Math.tanh(x) : x) },
    ),
  ],
};
