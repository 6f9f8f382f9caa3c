import { float32, SlmError, type Tensor } from '@slm-compress/onnx';
import type { DecoderConfig } from './decoder-config.ts';
import { decoderParameterShapes } from './decoder-parameters.ts';

/** Where a parameter lies in a file: tensors side by side along its outputs. */
export interface StoredParameter {
  readonly parts: readonly string[];
  /** Outputs of each part; the whole parameter when there is one part. */
  readonly widths?: readonly number[];
  /** Stored as `[out, in]`. */
  readonly transposed: boolean;
}

/** Names of a family's files, by parameter. */
export type StoredNames = (config: DecoderConfig) => ReadonlyMap<string, StoredParameter>;

/**
 * The parameters of stored tensors, which may lack `prefix` (as a model without its head is stored). Tensors that no
 * parameter is made of, buffers and a tied head, are left aside. Throws `WEIGHTS_MISMATCH` for tensors missing or of other shapes.
 */
export function fromStoredDecoder(
  config: DecoderConfig,
  stored: ReadonlyMap<string, Tensor>,
  names: StoredNames,
  prefix: string,
): ReadonlyMap<string, Tensor> {
  const shapes = decoderParameterShapes(config);
  const take = (name: string, dims: readonly number[]): Tensor => {
    const bare = name.startsWith(prefix) ? name.slice(prefix.length) : name;
    const tensor = stored.get(name) ?? stored.get(bare);
    if (tensor?.type === 'float32' && tensor.dims.join() === dims.join()) return tensor;
    const got = tensor ? `${tensor.type} [${tensor.dims.join(', ')}]` : 'no such tensor';
    throw new SlmError('WEIGHTS_MISMATCH', `weights: expected ${name} as float32 [${dims.join(', ')}], got ${got}`);
  };
  return new Map(
    Array.from(names(config), ([name, { parts, widths, transposed }]) => {
      const dims = shapes.get(name)!;
      const outputs = widths ?? [dims.at(-1)!];
      const pieces = parts.map((part, at) => {
        const own = [...dims.slice(0, -1), outputs[at]!];
        return transposed ? turn(take(part, own.toReversed())) : take(part, own);
      });
      return [name, pieces.length === 1 ? pieces[0]! : sideBySide(pieces)] as const;
    }),
  );
}

/** The inverse of {@link fromStoredDecoder}: tensors as the family's files hold them. */
export function toStoredDecoder(
  config: DecoderConfig,
  weights: ReadonlyMap<string, Tensor>,
  names: StoredNames,
): ReadonlyMap<string, Tensor> {
  const stored = new Map<string, Tensor>();
  for (const [name, { parts, widths, transposed }] of names(config)) {
    const tensor = weights.get(name);
    if (tensor === undefined) throw new SlmError('WEIGHTS_MISMATCH', `weights: expected ${name}, got no such tensor`);
    let from = 0;
    for (const [at, part] of parts.entries()) {
      const piece = widths ? columns(tensor, from, widths[at]!) : tensor;
      from += widths?.[at] ?? 0;
      stored.set(part, transposed ? turn(piece) : piece);
    }
  }
  return stored;
}

function turn(tensor: Tensor): Tensor {
  if (tensor.dims.length < 2) return tensor;
  const [rows, width] = tensor.dims as [number, number];
  const source = tensor.data as Float32Array;
  const data = new Float32Array(source.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < width; column++) data[column * rows + row] = source[row * width + column]!;
  }
  return float32(data, [width, rows]);
}

function sideBySide(pieces: readonly Tensor[]): Tensor {
  const rest = pieces[0]!.dims.slice(0, -1);
  const width = pieces.reduce((sum, { dims }) => sum + dims.at(-1)!, 0);
  const rows = rest[0] ?? 1;
  const data = new Float32Array(rows * width);
  let from = 0;
  for (const piece of pieces) {
    const own = piece.dims.at(-1)!;
    const source = piece.data as Float32Array;
    for (let row = 0; row < rows; row++) data.set(source.subarray(row * own, (row + 1) * own), row * width + from);
    from += own;
  }
  return float32(data, [...rest, width]);
}

function columns(tensor: Tensor, from: number, count: number): Tensor {
  const rest = tensor.dims.slice(0, -1);
  const width = tensor.dims.at(-1)!;
  const rows = rest[0] ?? 1;
  const source = tensor.data as Float32Array;
  const data = new Float32Array(rows * count);
  for (let row = 0; row < rows; row++) {
    data.set(source.subarray(row * width + from, row * width + from + count), row * count);
  }
  return float32(data, [...rest, count]);
}
