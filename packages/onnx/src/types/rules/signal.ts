import type { Dim } from '../../model.ts';
import { add, floorDivide, subtract } from '../dims.ts';
import { axisOf, elementOf, intOf, like, type TypeRule } from '../rule.ts';

/** Fourier transforms; complex numbers are pairs in a last axis. */
export const signalRules: Readonly<Record<string, TypeRule>> = {
  DFT: (context) => {
    const { node, version, inputs } = context;
    const [x] = inputs;
    if (x?.dims === undefined) return [like(x, undefined)];
    const dims = [...x.dims];
    const inverse = intOf(node, 'inverse', 0) !== 0;
    const onesided = intOf(node, 'onesided', 0) !== 0;
    const given: Dim = version >= 20 ? (context.has(2) ? elementOf(context, 2) : -2) : intOf(node, 'axis', 1);
    dims[dims.length - 1] = onesided && inverse ? 1 : 2;
    // Without a length and a half, no axis changes its size, whichever it is.
    if (typeof given !== 'number' && !onesided && !context.has(1)) return [like(x, dims)];
    if (typeof given !== 'number') return [like(x, [...dims.slice(0, -1).map(() => undefined), dims.at(-1)])];
    const axis = axisOf(given, dims.length, node);
    const length = context.has(1) ? elementOf(context, 1) : dims[axis];
    dims[axis] = onesided && !inverse ? add(floorDivide(length, 2), 1) : length;
    if (onesided && inverse && !context.has(1)) dims[axis] = subtract(add(length, length), 2);
    return [like(x, dims)];
  },
  STFT: (context) => {
    const [x, , window] = context.inputs;
    const step = elementOf(context, 1);
    const frame = context.has(3) ? elementOf(context, 3) : window?.dims?.[0];
    const bins = intOf(context.node, 'onesided', 1) !== 0 ? add(floorDivide(frame, 2), 1) : frame;
    const places = typeof step === 'number' ? add(floorDivide(subtract(x?.dims?.[1], frame), step), 1) : undefined;
    return [like(x, [x?.dims?.[0], places, bins, 2])];
  },
};
