import {
  type Attribute,
  type Dim,
  elementCount,
  type Tensor,
  type TensorType,
  type ValueInfo,
  type ValueType,
} from '../model.ts';
import { toNumbers } from '../number-formats.ts';

/** A type as it is printed: `float32[batch,128,?]`, `float32[…]` for an unknown rank, `?` when nothing is known. */
export function describeType(type: TensorType | undefined): string {
  if (type === undefined) return '?';
  return type.dims === undefined ? `${type.type}[…]` : `${type.type}[${type.dims.map(describeDim).join(',')}]`;
}

/** The type of a graph's input or output; `known` is what inference tells where the model does not. */
export function describeValueInfo({ type, container }: ValueInfo, known?: TensorType): string {
  return container === undefined ? describeType(type ?? known) : describeValueType(container);
}

/** As {@link describeType}, for any value: `sequence(float32[n])`, `map(int64, float32[…])`. */
export function describeValueType(type: ValueType): string {
  if (!('kind' in type)) return describeType(type);
  switch (type.kind) {
    case 'sequence':
    case 'optional':
      return `${type.kind}(${describeValueType(type.element)})`;
    case 'map':
      return `map(${type.key}, ${describeValueType(type.value)})`;
    case 'sparse':
      return `sparse ${describeType(type.dims === undefined ? { type: type.type } : { type: type.type, dims: type.dims })}`;
    case 'opaque':
      return `opaque(${type.domain}.${type.name})`;
  }
}

/** Longest text that is printed whole. */
const MAX_TEXT = 160;

/** A text in quotes; the beginning of a long one. */
export function describeText(text: string): string {
  if (text.length <= MAX_TEXT) return JSON.stringify(text);
  return `${JSON.stringify(text.slice(0, MAX_TEXT - 20))}… ${text.length} characters`;
}

function describeDim(dim: Dim): string {
  return dim === undefined ? '?' : String(dim);
}

/** A tensor in one line: its type, and its values when they are at most four, else mean and standard deviation. */
export function describeTensor(tensor: Tensor): string {
  const values = describeValues(tensor);
  return values === '' ? describeType(tensor) : `${describeType(tensor)} ${values}`;
}

/** The values of a short tensor, `μ 0.00 σ 0.02` of a long one, nothing for long tensors that hold no numbers. */
export function describeValues(tensor: Tensor): string {
  const { type, data } = tensor;
  const count = elementCount(tensor.dims);
  if (count === 0 || (type === 'string' && count > 4)) return '';
  if (count <= 4 && (type === 'string' || type === 'int64' || type === 'uint64')) {
    return Array.from(data as Iterable<bigint | string>, describeValue).join(' ');
  }
  if (type.startsWith('complex')) return '';
  const numbers = elementNumbers(tensor);
  if (numbers.length <= 4) return Array.from(numbers, describeValue).join(' ');
  const { mean, deviation } = moments(numbers);
  const centred = Math.abs(mean) < deviation / 100 ? 0 : mean;
  return `μ ${describeStatistic(centred)} σ ${describeStatistic(deviation)}`;
}

/** The elements as numbers; those of the plain types without a copy. */
export function elementNumbers(tensor: Tensor): ArrayLike<number> {
  return /^(float(32|64)|u?int(8|16|32))$/.test(tensor.type) ? (tensor.data as Float32Array) : toNumbers(tensor);
}

function moments(values: ArrayLike<number>): { mean: number; deviation: number } {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  const mean = sum / values.length;
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += (values[i]! - mean) ** 2;
  return { mean, deviation: Math.sqrt(squares / values.length) };
}

function describeStatistic(value: number): string {
  const size = Math.abs(value);
  return size === 0 || (size >= 0.01 && size < 1e5) ? value.toFixed(2) : value.toExponential(1);
}

function describeValue(value: number | bigint | string): string {
  if (typeof value === 'string') return describeText(value);
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) return String(value);
  return String(Number(value.toPrecision(6)));
}

/** An attribute's value in one line; graphs are named only. */
export function describeAttribute(attribute: Attribute): string {
  switch (attribute.kind) {
    case 'float':
      return Number.isInteger(attribute.value) ? attribute.value.toFixed(1) : describeValue(attribute.value);
    case 'int':
      return String(attribute.value);
    case 'string':
      return describeText(attribute.value);
    case 'bytes':
    case 'raw':
      return `<${attribute.value.byteLength} bytes>`;
    case 'tensor':
      return describeTensor(attribute.value);
    case 'graph':
      return `graph ${JSON.stringify(attribute.value.name)}`;
    case 'ref':
      return `@${attribute.value}`;
    case 'tensors':
      return shortList(attribute.value.map(describeTensor));
    case 'graphs':
      return shortList(attribute.value.map((graph) => JSON.stringify(graph.name)));
    case 'floats':
    case 'ints':
    case 'strings':
      return shortList(attribute.value.map(describeValue));
  }
}

function shortList(items: readonly string[]): string {
  return items.length <= 8 ? `[${items.join(',')}]` : `[${items.slice(0, 6).join(',')},… ${items.length}]`;
}

/** Bytes with a unit: `812 B`, `1.5 MB` (powers of 1000). */
export function describeBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = bytes < 1000 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), units.length - 1);
  return `${power === 0 ? bytes : (bytes / 1000 ** power).toFixed(1)} ${units[power]}`;
}
