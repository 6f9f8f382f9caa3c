import { dataTypes } from '../data-type.ts';
import type { Tensor, TensorData } from '../model.ts';
import type { ByteSource } from './wire-writer.ts';

/** Bytes of tensors that a model keeps in memory after they have been read. */
const KEPT_BYTES = 64 * 2 ** 20;
/** Tensors that are kept whatever their size, so that a product of two large ones does not read them over and over. */
const KEPT_TENSORS = 2;

const sources = new WeakMap<Tensor, ByteSource>();

/** Where the data of a tensor would be read from; `undefined` for one whose data is in memory. */
export function sourceOf(tensor: Tensor): ByteSource | undefined {
  return sources.get(tensor);
}

/**
 * The tensors of one model that were read last: 64 MiB of them, or the last two. Weak references would not do: what was
 * reached through one stays until the end of the current job, and a pass over a model is one job.
 */
export class RecentData {
  private readonly kept = new Map<ByteSource, TensorData & ArrayBufferView>();
  private bytes = 0;
  private last: ByteSource | undefined;

  get(source: ByteSource, read: () => TensorData & ArrayBufferView): TensorData {
    const known = this.kept.get(source);
    if (known !== undefined && source === this.last) return known;
    this.last = source;
    this.kept.delete(source);
    if (known === undefined) this.drop(source.length);
    const data = known ?? read();
    this.kept.set(source, data);
    if (known === undefined) this.bytes += data.byteLength;
    return data;
  }

  /** Makes room for `wanted` bytes. */
  private drop(wanted: number): void {
    for (const [source, data] of this.kept) {
      if (this.bytes + wanted <= KEPT_BYTES || this.kept.size < KEPT_TENSORS) return;
      this.kept.delete(source);
      this.bytes -= data.byteLength;
    }
  }
}

/**
 * A tensor whose data is read when it is first looked at, and again when it has been dropped meanwhile. `data` is an own
 * enumerable property: copies and structured clones hold the data itself. The source must have the length of the shape.
 */
export function lazyTensor(tensor: Omit<Tensor, 'data'>, source: ByteSource, recent: RecentData): Tensor {
  const { type, dims, ...others } = tensor;
  const storage = dataTypes[type].storage as Float32ArrayConstructor;
  const read = () => {
    const bytes = Buffer.allocUnsafeSlow(source.length);
    source.read(bytes, 0);
    return new storage(bytes.buffer as ArrayBuffer);
  };
  const lazy: Tensor = {
    type,
    dims,
    get data() {
      return recent.get(source, read);
    },
    ...others,
  };
  sources.set(lazy, source);
  return lazy;
}
