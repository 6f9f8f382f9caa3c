import type { DecomposeContext, Decomposition, Size } from '../rule.ts';

/** How a value is turned; cos and sin are [batch or 1, sequence, half]. */
export interface Rotation {
  readonly cos: string;
  readonly sin: string;
  /** The axis of the heads in x: 1 for [batch, heads, sequence, size], 2 for [batch, sequence, heads, size]. */
  readonly headAxis: 1 | 2;
  readonly interleaved: boolean;
}

/** Rotary position embedding (Su et al. 2021, https://arxiv.org/abs/2104.09864) of the first 2·half entries of the last axis. */
export function rotate(c: DecomposeContext, x: string, { cos, sin, headAxis, interleaved }: Rotation): string {
  const size = c.dims(x)?.at(-1);
  const half = c.dims(cos)?.at(-1) ?? (typeof size === 'number' ? size / 2 : undefined);
  if (typeof half !== 'number') return c.refuse('the width of the rotation must be known');
  const whole = size === 2 * half;
  if (typeof size === 'number' && size < 2 * half) return c.refuse('a rotation wider than the heads');
  if (!whole && typeof size !== 'number') return c.refuse('the head size must be known');
  const parts = whole ? [x] : c.split(x, [2 * half, Number(size) - 2 * half], 3);
  const [first, second] = interleaved
    ? c.split(c.reshape(parts[0]!, [0, 0, 0, half, 2]), [1, 1], 4).map((part) => c.squeeze(part, [4]))
    : c.split(parts[0]!, [half, half], 3);
  const [cosine, sine] = [cos, sin].map((value) => c.unsqueeze(value, [headAxis]));
  const product = (a: string, b: string) => c.op('Mul', [a, b]);
  const real = c.op('Sub', [product(first!, cosine!), product(second!, sine!)]);
  const imaginary = c.op('Add', [product(first!, sine!), product(second!, cosine!)]);
  const turned = interleaved
    ? c.reshape(c.op('Concat', [c.unsqueeze(real, [4]), c.unsqueeze(imaginary, [4])], { axis: 4 }), [0, 0, 0, 2 * half])
    : c.op('Concat', [real, imaginary], { axis: 3 });
  return whole ? turned : c.op('Concat', [turned, parts[1]!], { axis: 3 });
}

/** The rotation of a 3-D value with `heads` heads, or of a 4-D one. */
export function rotateAny(c: DecomposeContext, x: string, heads: number, rotation: Omit<Rotation, 'headAxis'>): string {
  if (c.rank(x) === 4) return rotate(c, x, { ...rotation, headAxis: 1 });
  const [width, half] = [c.dims(x)?.at(-1), c.dims(rotation.cos)?.at(-1)];
  const count = heads > 0 ? heads : typeof width === 'number' && typeof half === 'number' ? width / (2 * half) : 0;
  if (!Number.isInteger(count) || count < 1) return c.refuse('num_heads must be given');
  const size: Size = typeof width === 'number' ? width / count : typeof half === 'number' ? 2 * half : -1;
  const turned = rotate(c, c.reshape(x, [0, 0, count, size]), { ...rotation, headAxis: 2 });
  return c.reshape(turned, [0, 0, typeof size === 'number' && size > 0 ? count * size : -1]);
}

/** Rows [batch or 1, sequence, half] of a table by position ids: [batch, sequence], or one offset [1] of a sequence. */
export function rowsAt(c: DecomposeContext, table: string, positions: string, sequence: () => Size): string {
  if (c.rank(positions) === 2) return c.op('Gather', [table, positions]);
  const ids = c.op('Add', [c.count(sequence()), positions]);
  return c.unsqueeze(c.op('Gather', [table, ids]), [0]);
}

/** Rotary position embeddings of ai.onnx and com.microsoft. */
export const rotary: Readonly<Record<string, Decomposition>> = {
  RotaryEmbedding: (c) => {
    const [cos, sin] = [1, 2].map((index) => (c.has(3) ? c.op('Gather', [c.x(index), c.x(3)]) : c.x(index)));
    const interleaved = c.int('interleaved', 0) === 1;
    return [rotateAny(c, c.x(), c.int('num_heads', 0), { cos: cos!, sin: sin!, interleaved })];
  },
  'com.microsoft.RotaryEmbedding': (c) => {
    if (c.int('is_packed_batching', 0) !== 0) c.refuse('packed batching');
    if (c.float('scale', 1) !== 1) c.refuse('a scale');
    const sequence = () => c.size(c.x(), c.rank(c.x()) - 2);
    const [cos, sin] = [2, 3].map((index) => rowsAt(c, c.x(index), c.x(1), sequence));
    const interleaved = c.int('interleaved', 0) === 1;
    return [rotateAny(c, c.x(), c.int('num_heads', 0), { cos: cos!, sin: sin!, interleaved })];
  },
};
