import { dataTypes } from '../data-type.ts';
import { type Attribute, type Dim, elementCount, type Tensor, type TensorType } from '../model.ts';

/** A type as it is printed: `float32[batch,128,?]`, `float32[…]` for an unknown rank, `?` when nothing is known. */
export function describeType(type: TensorType | undefined): string {
  if (type === undefined) return '?';
  return type.dims === undefined ? `${type.type}[…]` : `${type.type}[${type.dims.map(describeDim).join(',')}]`;
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
  const numbers = numbersOf(tensor);
  if (numbers === undefined) return '';
  if (elementCount(tensor.dims) === 0) return '';
  if (numbers.length <= 4) return Array.from(numbers as Iterable<number | bigint | string>, describeValue).join(' ');
  if (tensor.type === 'string') return '';
  const { mean, deviation } = moments(numbers as ArrayLike<number | bigint>);
  const centred = Math.abs(mean) < deviation / 100 ? 0 : mean;
  return `μ ${describeStatistic(centred)} σ ${describeStatistic(deviation)}`;
}

/** The elements, where storage and elements are one to one and mean numbers (or texts). */
function numbersOf({ type, data }: Tensor): Tensor['data'] | undefined {
  if (type === 'float16') return Float32Array.from(data as Uint16Array, fromFloat16);
  if (type === 'bfloat16') {
    const bits = Uint32Array.from(data as Uint16Array, (value) => value << 16);
    return new Float32Array(bits.buffer);
  }
  const direct = type === 'string' || type === 'bool' || /^(float(32|64)|u?int(8|16|32|64))$/.test(type);
  return direct && dataTypes[type].bits !== 128 ? data : undefined;
}

function fromFloat16(bits: number): number {
  const [sign, exponent, fraction] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? (sign * fraction) / 2 ** 24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function moments(values: ArrayLike<number | bigint>): { mean: number; deviation: number } {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += Number(values[i]);
  const mean = sum / values.length;
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += (Number(values[i]) - mean) ** 2;
  return { mean, deviation: Math.sqrt(squares / values.length) };
}

function describeStatistic(value: number): string {
  const size = Math.abs(value);
  return size === 0 || (size >= 0.01 && size < 1e5) ? value.toFixed(2) : value.toExponential(1);
}

function describeValue(value: number | bigint | string): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'bigint' || Number.isInteger(value)) return String(value);
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
      return JSON.stringify(attribute.value);
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
