import { dataTypeOf, dataTypes } from '../../data-type.ts';
import type { DataType } from '../../model.ts';
import { floatFormats, integerFormats, isInteger, roundToFormat } from '../../number-formats.ts';
import type { Kernel, KernelContext } from '../kernel.ts';
import type { TensorValue } from '../value.ts';
import { toTensor, toValue } from '../value.ts';
import { mapped } from './unary.ts';

type Element = number | bigint | string;

/** The element type in an attribute that holds a TensorProto.DataType number. */
export function typeAttribute(c: KernelContext, name: string, otherwise: DataType): DataType {
  const number = c.int(name, 0);
  return number === 0 ? otherwise : (dataTypeOf(number) ?? c.refuse(`element type ${number}`));
}

function cast(c: KernelContext, to: DataType): readonly TensorValue[] {
  const x = c.any(0);
  if (to.startsWith('complex')) c.refuse(`a cast to ${to}`);
  if (x.type === to) return [x];
  const { dims } = x;
  if (x.data instanceof Float64Array && dataTypes[to].bits < 64 && to !== 'string') {
    return [mapped({ ...x, data: x.data }, converter(c, to), to)];
  }
  const elements = Array.from(x.data as ArrayLike<Element>, (element) =>
    typeof element === 'string' && to !== 'string' ? parse(c, element, to) : element,
  );
  if (to === 'string') return [{ type: to, dims, data: elements.map((element) => print(element, x.type)) }];
  if (to === 'int64') return [{ type: to, dims, data: BigInt64Array.from(elements, whole) }];
  if (to === 'uint64') return [{ type: to, dims, data: BigUint64Array.from(elements, whole) }];
  const convert = converter(c, to);
  return [{ type: to, dims, data: Float64Array.from(elements as Exclude<Element, string>[], convert) }];
}

/** The whole part, 0 for NaN and infinities; 64-bit storage cuts the higher bits. */
const whole = (element: Element) =>
  typeof element === 'number' && !Number.isFinite(element)
    ? 0n
    : BigInt(typeof element === 'number' ? Math.trunc(element) : element);

function converter(c: KernelContext, to: DataType): (element: number | bigint) => number {
  if (to === 'bool') return (element) => (element ? 1 : 0);
  if (integerFormats[to]) {
    const { bits } = dataTypes[to];
    return (element) => (typeof element === 'bigint' ? Number(BigInt.asIntN(bits, element)) : element);
  }
  const format = floatFormats[to];
  if (!format) return to === 'float64' ? Number : toFloat;
  const saturate = dataTypes[to].bits <= 8 && c.int('saturate', 1) === 1;
  const mode = format.mantissa === 0 ? c.text('round_mode', 'up') : 'nearest';
  const round = mode === 'up' || mode === 'down' ? mode : 'nearest';
  const options = { saturate, round } as const;
  return (element) => roundToFormat(format, toFloat(element), options);
}

/** A double that rounds to float32 as the integer does: beyond 2⁵³ the low bits live on in the last one (round to odd). */
function toFloat(element: number | bigint): number {
  if (typeof element === 'number') return element;
  const a = element < 0n ? -element : element;
  if (a < 2n ** 53n) return Number(element);
  const odd = (a >> 11n) | ((a & 0x7ffn) === 0n ? 0n : 1n);
  return Number(element < 0n ? -odd : odd) * 2048;
}

function parse(c: KernelContext, text: string, to: DataType): number | bigint {
  const plain = text.trim();
  const special = /^([+-]?)inf(inity)?$/i.exec(plain);
  if (special) return special[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (/^[+-]?nan$/i.test(plain)) return Number.NaN;
  if (isInteger(to) && /^[+-]?\d+$/.test(plain)) return BigInt(plain.replace(/^\+/, ''));
  const value = plain === '' ? Number.NaN : Number(plain);
  return Number.isNaN(value) ? c.misfit('texts that are numbers', JSON.stringify(text)) : value;
}

/** The shortest digits that give the element back when read as its type. */
function print(element: Element, type: DataType): string {
  if (typeof element !== 'number') return String(element);
  if (type === 'bool') return element === 0 ? 'False' : 'True';
  if (Number.isNaN(element)) return 'NaN';
  if (!Number.isFinite(element)) return element < 0 ? '-INF' : 'INF';
  if (isInteger(type) || type === 'float64') return String(element);
  const format = floatFormats[type];
  const back = format ? (x: number) => roundToFormat(format, x) : Math.fround;
  for (let digits = 1; digits < 17; digits++) {
    const shorter = Number(element.toPrecision(digits));
    if (back(shorter) === element) return String(shorter);
  }
  return String(element);
}

/** Conversions between element types. */
export const castKernels: Readonly<Record<string, Kernel>> = {
  Cast: (c) => {
    // The first operator sets name the type.
    const named = c.text('to', '').toLowerCase();
    const aliases: Readonly<Record<string, DataType>> = { float: 'float32', double: 'float64' };
    const byName =
      named === '' ? undefined : (aliases[named] ?? (Object.keys(dataTypes) as DataType[]).find((t) => t === named));
    return cast(c, byName ?? typeAttribute(c, 'to', 'float32'));
  },
  CastLike: (c) => cast(c, c.any(1).type),
  BitCast: (c) => {
    const x = toTensor(c.any(0), 'float32');
    const to = typeAttribute(c, 'to', x.type);
    const [from, row] = [dataTypes[x.type], dataTypes[to]];
    if (!ArrayBuffer.isView(x.data) || row.storage === undefined || row.bits !== from.bits) {
      return c.misfit(`a type of ${from.bits} bits`, to);
    }
    const { buffer, byteOffset, byteLength } = x.data;
    const bytes = buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
    return [toValue({ type: to, dims: x.dims, data: new row.storage(bytes) }, c.where)];
  },
};
