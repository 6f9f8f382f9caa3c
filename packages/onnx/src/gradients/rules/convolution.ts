import { joined, lengthOf } from '../reduction.ts';
import type { GradientContext, GradientRule } from '../rule.ts';
import type { Window } from '../window.ts';
import { handBack, padSpatial, perKernelPlace, spatialShape, windowOf } from '../window.ts';

/**
 * Convolutions of one, two or three spatial axes, with groups, strides, dilations and every kind of padding.
 *
 * Measured on one core of ONNX Runtime 1.30 (ms; forward, then alternatives), batch 8, 64 channels of 32 × 32, kernel 3:
 * dx as ConvTranspose 29.4 of 29.3 forward, as Conv with the turned kernel 25.7 (with stride 2: 2.8 against 20.4);
 * dw as one MatMul for each place of the kernel 23.2, as MatMul over patches 34.4, as Conv with batch and channels
 * swapped 56.3. With 3 channels and kernel 7 the last takes 1.5 and the first 5.5, hence the limit on places.
 */
export const convolution: Readonly<Record<string, GradientRule>> = {
  Conv: {
    backward: (c) => {
      const { emitter: e } = c;
      const window = windowOf(c, kernelOf(c));
      const group = c.int('group', 1);
      return [
        c.wants(0) ? handBack(e, c.dy(), c.x(1), window, c.x(), { group }) : undefined,
        c.wants(1) ? weightGradient(c, c.x(), c.dy(), window) : undefined,
        c.wants(2) ? biasGradient(c, window) : undefined,
      ];
    },
  },
  ConvTranspose: {
    backward: (c) => {
      const { emitter: e } = c;
      const window = transposedWindow(c);
      const { strides, dilations, axes } = window;
      const group = c.int('group', 1);
      const input = () => {
        const made = e.op('Conv', [padSpatial(e, c.dy(), window.before, window.after), c.x(1)], {
          strides,
          dilations,
          ...(group === 1 ? {} : { group }),
        });
        const over = c.ints('output_padding')?.some((count, axis) => count >= strides[axis]!) === true;
        if (!over) return made;
        const spatial = Array.from({ length: axes }, (_, axis) => axis + 2);
        return e.op('Slice', [made, e.ints(spatial.map(() => 0)), spatialShape(e, c.x()), e.ints(spatial)]);
      };
      return [
        c.wants(0) ? input() : undefined,
        c.wants(1) ? weightGradient(c, c.dy(), c.x(), window) : undefined,
        c.wants(2) ? biasGradient(c, window) : undefined,
      ];
    },
  },
};

function kernelOf(c: GradientContext): readonly number[] | undefined {
  const sizes = c.emitter.dims(c.x(1))?.slice(2);
  return sizes?.every((size) => typeof size === 'number') ? sizes : undefined;
}

/** The window of the convolution that ConvTranspose is the transpose of: over its output, with its padding. */
function transposedWindow(c: GradientContext): Window {
  const { emitter: e } = c;
  const kernel = c.ints('kernel_shape') ?? kernelOf(c);
  const mode = c.text('auto_pad', 'NOTSET');
  const shape = c.ints('output_shape');
  if (!mode.startsWith('SAME') && shape === undefined) return windowOf(c, kernel);
  if (!kernel) return c.refuse('the size of the kernel must be known');
  const axes = kernel.length;
  const ones = kernel.map(() => 1);
  const [strides, dilations] = [c.ints('strides') ?? ones, c.ints('dilations') ?? ones];
  const totals = kernel.map((length, axis) => {
    const extra = c.ints('output_padding')?.[axis] ?? 0;
    const whole = extra + (length - 1) * dilations[axis]! + 1;
    const stride = strides[axis]!;
    if (shape === undefined) return whole - stride;
    const size = e.dims(c.x())?.[axis + 2];
    if (typeof size !== 'number') return c.refuse('output_shape with input sizes that are not known');
    return stride * (size - 1) + whole - shape[shape.length - axes + axis]!;
  });
  if (totals.some((total) => total < 0)) c.refuse('an output larger than the kernel reaches');
  const smaller = totals.map((total) => Math.floor(total / 2));
  const larger = totals.map((total, axis) => total - smaller[axis]!);
  const [before, after] = mode === 'SAME_UPPER' ? [smaller, larger] : [larger, smaller];
  return {
    axes,
    kernel,
    strides,
    dilations,
    pads: [...before, ...after],
    before: e.ints(before),
    after: e.ints(after),
  };
}

function biasGradient(c: GradientContext, { axes }: Window): string {
  return c.emitter.sum(c.dy(), [0, ...Array.from({ length: axes }, (_, axis) => axis + 2)], false);
}

/** Kernels of more places than this take one convolution instead of one product for each place. */
const MOST_PLACES = 27;

/**
 * dw`[small channels, large channels / groups, kernel…]` of a convolution from `large` to `small`, both
 * `[batch, channels, …]`: for each place of the kernel the products of what it met with the results, summed over batch
 * and positions.
 */
function weightGradient(c: GradientContext, large: string, small: string, window: Window): string {
  const { emitter: e } = c;
  const { axes, kernel } = window;
  const group = c.int('group', 1);
  const places = kernel?.reduce((product, length) => product * length, 1);
  if (kernel === undefined || places! > MOST_PLACES) return swappedConvolution(c, large, small, window);
  const channelsFirst = (value: string) => e.op('Transpose', [value], { perm: swapped(axes) });
  const ofGroups = (value: string, channels: string) => {
    const known = e.intsOf(channels)?.[0];
    const share =
      group === 1 ? channels : known === undefined ? e.op('Div', [channels, e.ints([group])]) : e.ints([known / group]);
    return e.op('Reshape', [value, joined(e, [e.ints([group]), share, e.ints([-1])])]);
  };
  const padded = padSpatial(e, channelsFirst(large), window.before, window.after);
  const results = e.op('Transpose', [ofGroups(channelsFirst(small), lengthOf(e, small, 1))], { perm: [0, 2, 1] });
  const channels = lengthOf(e, large, 1);
  const products = perKernelPlace(e, padded, kernel, window, spatialShape(e, small)).map((met) =>
    e.op('MatMul', [ofGroups(met, channels), results]),
  );
  if (products.length === 1) return e.reshapeLike(e.op('Transpose', [products[0]!], { perm: [0, 2, 1] }), c.x(1));
  const stacked = e.op(
    'Concat',
    products.map((product) => e.op('Unsqueeze', [product, e.ints([3])])),
    { axis: 3 },
  );
  return e.reshapeLike(e.op('Transpose', [stacked], { perm: [0, 2, 1, 3] }), c.x(1));
}

const swapped = (axes: number) => [1, 0, ...Array.from({ length: axes }, (_, axis) => axis + 2)];

/** The same as one convolution in which batch and channels change places, and so do strides and dilations. */
function swappedConvolution(c: GradientContext, large: string, small: string, window: Window): string {
  const { emitter: e } = c;
  const { axes, strides, dilations } = window;
  const group = c.int('group', 1);
  const spatial = Array.from({ length: axes }, (_, axis) => axis);
  let input = padSpatial(e, large, window.before, window.after);
  if (group === 1) input = e.op('Transpose', [input], { perm: swapped(axes) });
  else {
    const sizes = e.op('Slice', [e.op('Shape', [input]), e.ints([2]), e.ints([2 + axes])]);
    const share = e.op('Div', [lengthOf(e, large, 1), e.ints([group])]);
    const split = e.op('Reshape', [input, joined(e, [e.ints([0, group]), share, sizes])]);
    const turned = e.op('Transpose', [split], { perm: [2, 1, 0, ...spatial.map((axis) => axis + 3)] });
    input = e.op('Reshape', [turned, joined(e, [e.ints([0, -1]), sizes])]);
  }
  const kernel = e.op('Transpose', [small], { perm: swapped(axes) });
  const made = e.op('Conv', [input, kernel], {
    strides: dilations,
    dilations: strides,
    ...(group === 1 ? {} : { group }),
  });
  // Elements that the last window did not reach make the kernel too long.
  const cut = strides.every((stride) => stride === 1)
    ? made
    : e.op('Slice', [
        made,
        e.ints(spatial.map(() => 0)),
        spatialShape(e, c.x(1)),
        e.ints(spatial.map((axis) => axis + 2)),
      ]);
  return e.op('Transpose', [cut], { perm: swapped(axes) });
}
