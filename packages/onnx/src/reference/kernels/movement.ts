import type { Kernel, KernelContext } from '../kernel.ts';
import { axisOf, checkedAxis } from '../kernel.ts';
import type { TensorValue } from '../value.ts';
import { allocate, gathered, reshaped, size, strided, strides } from '../value.ts';

/** Joins values along an axis that they have. */
export function concatenated<V extends TensorValue>(c: KernelContext, parts: readonly V[], givenAxis: number): V {
  const [first] = parts;
  if (!first) return c.misfit('at least one part', 'none');
  const axis = checkedAxis(c, givenAxis, first.dims.length);
  const odd = parts.find(
    ({ dims, type }) =>
      type !== first.type ||
      dims.length !== first.dims.length ||
      dims.some((dim, at) => at !== axis && dim !== first.dims[at]),
  );
  if (odd)
    c.misfit(`parts that agree with ${first.type}[${first.dims}] but for axis ${axis}`, `${odd.type}[${odd.dims}]`);
  const length = parts.reduce((sum, part) => sum + part.dims[axis]!, 0);
  const dims = first.dims.map((dim, at) => (at === axis ? length : dim));
  const data = allocate(first, size(dims));
  const outer = size(dims.slice(0, axis));
  const row = size(dims.slice(axis));
  let begin = 0;
  for (const part of parts) {
    const width = size(part.dims.slice(axis));
    const source = part.data as readonly (number | bigint | string)[];
    for (let block = 0; block < outer; block++) {
      for (let i = 0; i < width; i++) data[block * row + begin + i] = source[block * width + i]!;
    }
    begin += width;
  }
  return { type: first.type, dims, data } as unknown as V;
}

/** Positions `begin … begin + length − 1` of one axis. */
export function piece<V extends TensorValue>(x: V, axis: number, begin: number, length: number): V {
  const steps = strides(x.dims);
  const dims = x.dims.map((dim, at) => (at === axis ? length : dim));
  return strided(x, dims, steps, begin * steps[axis]!);
}

/** One position of an axis, without that axis. */
export function item<V extends TensorValue>(x: V, axis: number, position: number): V {
  const part = piece(x, axis, position, 1);
  return { ...part, dims: part.dims.filter((_, at) => at !== axis) };
}

/** Values of one shape side by side along a new axis. */
export function stacked<V extends TensorValue>(c: KernelContext, parts: readonly V[], axis: number): V {
  const at = axisOf(axis, parts[0]!.dims.length + 1);
  const raised = parts.map((part) => ({ ...part, dims: [...part.dims.slice(0, at), 1, ...part.dims.slice(at)] }));
  return concatenated(c, raised, at);
}

function split(c: KernelContext): readonly TensorValue[] {
  const x = c.any(0);
  const axis = checkedAxis(c, c.int('axis', 0), x.dims.length);
  const total = x.dims[axis]!;
  const count = c.int('num_outputs', c.node.outputs.length);
  const even = Math.ceil(total / count);
  const equal = Array.from({ length: count }, (_, i) => Math.max(Math.min(even, total - i * even), 0));
  const sizes = c.integers(1) ?? c.ints('split') ?? equal;
  if (sizes.some((length) => length < 0) || sizes.reduce((a, b) => a + b, 0) !== total) {
    c.misfit(`parts that make ${total}`, `${sizes}`);
  }
  let begin = 0;
  return sizes.map((length) => {
    const part = piece(x, axis, begin, length);
    begin += length;
    return part;
  });
}

function slice(c: KernelContext): readonly TensorValue[] {
  const x = c.any(0);
  const from = c.integers(1) ?? c.ints('starts') ?? c.misfit('starts', 'none');
  const to = c.integers(2) ?? c.ints('ends') ?? c.misfit('ends', 'none');
  const axes = (c.integers(3) ?? c.ints('axes') ?? from.map((_, axis) => axis)).map((axis) =>
    checkedAxis(c, axis, x.dims.length),
  );
  const by = c.integers(4);
  const steps = strides(x.dims);
  const dims = [...x.dims];
  let offset = 0;
  for (const [i, axis] of axes.entries()) {
    const dim = x.dims[axis]!;
    const step = by?.[i] ?? 1;
    const [first, last] = [from[i], to[i]];
    if (step === 0 || first === undefined || last === undefined)
      c.misfit('a start, an end and a step other than 0', `${first}, ${last}, ${step}`);
    const wrap = (at: number) => (at < 0 ? at + dim : at);
    const clamp = (at: number, low: number, high: number) => Math.min(Math.max(at, low), high);
    const start = step > 0 ? clamp(wrap(first), 0, dim) : clamp(wrap(first), 0, dim - 1);
    const end = step > 0 ? clamp(wrap(last), 0, dim) : clamp(wrap(last), -1, dim - 1);
    dims[axis] = Math.max(Math.ceil((end - start) / step), 0);
    offset += start * steps[axis]!;
    steps[axis] = dims[axis]! > 1 ? steps[axis]! * step : 0;
  }
  return [strided(x, dims, steps, offset)];
}

/** The position that a padded position shows, −1 for the filler. */
const padModes: Readonly<Record<string, (at: number, length: number) => number>> = {
  constant: (at, length) => (at >= 0 && at < length ? at : -1),
  edge: (at, length) => Math.min(Math.max(at, 0), length - 1),
  wrap: (at, length) => ((at % length) + length) % length,
  reflect: (at, length) => {
    const period = Math.max(2 * (length - 1), 1);
    const phase = ((at % period) + period) % period;
    return phase < length ? phase : period - phase;
  },
};

function pad(c: KernelContext): readonly TensorValue[] {
  const x = c.any(0);
  const rank = x.dims.length;
  const name = c.text('mode', 'constant');
  const mode = Object.hasOwn(padModes, name) ? padModes[name]! : c.refuse(`mode ${name}`);
  const pads = (c.opset < 11 ? (c.ints('pads') ?? c.ints('paddings')) : c.integers(1)) ?? c.misfit('pads', 'none');
  const axes = c.integers(3)?.map((axis) => checkedAxis(c, axis, rank)) ?? x.dims.map((_, axis) => axis);
  if (pads.length !== 2 * axes.length) c.misfit(`${2 * axes.length} pads`, `${pads.length}`);
  const number = { type: x.type, dims: [], data: Float64Array.of(c.float('value', 0)) };
  const filler = c.opset < 11 ? number : c.optionalAny(2);
  const before = x.dims.map(() => 0);
  const dims = [...x.dims];
  for (const [i, axis] of axes.entries()) {
    before[axis] = pads[i]!;
    dims[axis] = dims[axis]! + pads[i]! + pads[i + axes.length]!;
  }
  if (dims.some((dim) => dim < 0)) c.misfit('sizes of at least 0', `[${dims}]`);
  if (name !== 'constant' && x.data.length === 0 && size(dims) > 0) c.misfit('elements to repeat', `[${x.dims}]`);
  const steps = strides(x.dims);
  // What each position of each axis adds to the offset; NaN for the filler.
  const shown = dims.map((dim, axis) =>
    Array.from({ length: dim }, (_, at) => {
      const position = mode(at - before[axis]!, x.dims[axis]!);
      return position < 0 ? Number.NaN : position * steps[axis]!;
    }),
  );
  const offset = (at: readonly number[]) => {
    let sum = 0;
    for (let axis = 0; axis < rank; axis++) sum += shown[axis]![at[axis]!]!;
    return Number.isNaN(sum) ? -1 : sum;
  };
  return [gathered(x, dims, offset, filler)];
}

function reverseSequence(c: KernelContext): readonly TensorValue[] {
  const [x, lengths] = [c.any(0), c.integers(1)!];
  const [time, batch] = [
    checkedAxis(c, c.int('time_axis', 0), x.dims.length),
    checkedAxis(c, c.int('batch_axis', 1), x.dims.length),
  ];
  const steps = strides(x.dims);
  if (lengths.length !== x.dims[batch] || lengths.some((length) => length < 0 || length > x.dims[time]!)) {
    c.misfit(`${x.dims[batch]} lengths of at most ${x.dims[time]}`, `${lengths}`);
  }
  return [
    gathered(x, x.dims, (at, i) => {
      const [position, length] = [at[time]!, lengths[at[batch]!]!];
      return position < length ? i + (length - 1 - 2 * position) * steps[time]! : i;
    }),
  ];
}

/** Transposes the axes after a reshape, and reshapes again. */
function regrouped(
  c: KernelContext,
  x: TensorValue,
  inner: readonly number[],
  perm: readonly number[],
  dims: readonly number[],
): TensorValue {
  return reshaped(transposed(reshaped(x, inner, c.where), perm), dims, c.where);
}

/** Axis `i` of the result is axis `perm[i]` of `x`. */
export function transposed<V extends TensorValue>(x: V, perm: readonly number[]): V {
  const steps = strides(x.dims);
  return strided(
    x,
    perm.map((axis) => x.dims[axis]!),
    perm.map((axis) => steps[axis]!),
  );
}

/** Operators that move elements of any type. */
export const movement: Readonly<Record<string, Kernel>> = {
  Transpose: (c) => {
    const x = c.any(0);
    const perm = c.ints('perm') ?? x.dims.map((_, axis) => x.dims.length - 1 - axis);
    if (
      perm.length !== x.dims.length ||
      new Set(perm).size !== perm.length ||
      perm.some((axis) => x.dims[axis] === undefined)
    ) {
      c.misfit(`a permutation of ${x.dims.length} axes`, `[${perm}]`);
    }
    return [transposed(x, perm)];
  },
  Concat: (c) => {
    const parts = c.node.inputs.map((_, index) => c.any(index));
    return [concatenated(c, parts, c.int('axis', c.opset < 4 ? 1 : 0))];
  },
  Split: split,
  Slice: slice,
  Pad: pad,
  Tile: (c) => {
    const x = c.any(0);
    const counts = c.integers(1) ?? [];
    // The first operator set repeats one axis.
    const single = c.opset < 6 ? c.integers(2)?.[0] : undefined;
    const repeats = single === undefined ? counts : x.dims.map((_, axis) => (axis === single ? counts[0]! : 1));
    if (repeats.length !== x.dims.length) c.misfit(`${x.dims.length} repeats`, `${repeats.length}`);
    const steps = strides(x.dims);
    const copies = x.dims.flatMap((dim, axis) => [repeats[axis]!, dim]);
    const tiled = strided(
      x,
      copies,
      steps.flatMap((step) => [0, step]),
    );
    return [
      reshaped(
        tiled,
        x.dims.map((dim, axis) => dim * repeats[axis]!),
        c.where,
      ),
    ];
  },
  ReverseSequence: reverseSequence,
  SpaceToDepth: (c) => {
    const x = c.any(0);
    const b = c.int('blocksize', 1);
    const [n, channels, h, w] = x.dims as [number, number, number, number];
    const inner = [n, channels, h / b, b, w / b, b];
    return [regrouped(c, x, inner, [0, 3, 5, 1, 2, 4], [n, channels * b * b, h / b, w / b])];
  },
  DepthToSpace: (c) => {
    const x = c.any(0);
    const b = c.int('blocksize', 1);
    const [n, channels, h, w] = x.dims as [number, number, number, number];
    const out = [n, channels / (b * b), h * b, w * b];
    if (c.text('mode', 'DCR') === 'CRD') {
      return [regrouped(c, x, [n, channels / (b * b), b, b, h, w], [0, 1, 4, 2, 5, 3], out)];
    }
    return [regrouped(c, x, [n, b, b, channels / (b * b), h, w], [0, 3, 4, 1, 5, 2], out)];
  },
  Trilu: (c) => {
    const x = c.any(0);
    const rank = x.dims.length;
    if (rank < 2) c.misfit('a matrix or a stack of them', `[${x.dims}]`);
    const k = Number(c.optionalAny(1)?.data[0] ?? 0);
    const upper = c.int('upper', 1) === 1;
    return [
      gathered(x, x.dims, (at, i) => {
        const distance = at[rank - 1]! - at[rank - 2]!;
        return (upper ? distance >= k : distance <= k) ? i : -1;
      }),
    ];
  },
};
