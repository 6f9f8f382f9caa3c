import { dataTypes } from './data-type.ts';
import { SlmError } from './errors.ts';
import type { DataType, Tensor, TensorData } from './model.ts';
import { elementCount } from './model.ts';

/** A floating-point format narrower than float32: sign, exponent and mantissa bits from high to low. */
export interface FloatFormat {
  readonly signed: boolean;
  readonly exponent: number;
  readonly mantissa: number;
  readonly bias: number;
  /** The greatest finite value. */
  readonly max: number;
  /** The bits of +∞, where the format has one. */
  readonly infinity?: number;
  /** The bits of NaN, where the format has one. */
  readonly nan?: number;
  /** False where −0 does not exist (its bits are NaN, or there is no sign). */
  readonly negativeZero: boolean;
}

/**
 * The formats of https://onnx.ai/onnx/technical/float8.html, float4.html and float6.html, IEEE 754 binary16 and bfloat16. `fn`: finite, without
 * infinities; `uz`: one unsigned zero; `e8m0`: powers of two alone.
 */
export const floatFormats: Readonly<Partial<Record<DataType, FloatFormat>>> = {
  float16: ieee(5, 10),
  bfloat16: ieee(8, 7),
  float8e4m3fn: { ...finite(4, 3, 7), max: 448, nan: 0x7f },
  float8e4m3fnuz: { ...finite(4, 3, 8), nan: 0x80, negativeZero: false },
  float8e5m2: ieee(5, 2),
  float8e5m2fnuz: { ...finite(5, 2, 16), nan: 0x80, negativeZero: false },
  float8e8m0: { signed: false, exponent: 8, mantissa: 0, bias: 127, max: 2 ** 127, nan: 0xff, negativeZero: false },
  float4e2m1: finite(2, 1, 1),
  float6e2m3: finite(2, 3, 1),
  float6e3m2: finite(3, 2, 3),
};

/** A format with infinities and NaN in the highest exponent. */
function ieee(exponent: number, mantissa: number): FloatFormat {
  const bias = 2 ** (exponent - 1) - 1;
  const infinity = (2 ** exponent - 1) * 2 ** mantissa;
  const max = (2 - 2 ** -mantissa) * 2 ** bias;
  const nan = infinity + 2 ** (mantissa - 1);
  return { signed: true, exponent, mantissa, bias, max, infinity, nan, negativeZero: true };
}

/** A format whose highest exponent holds ordinary numbers. */
function finite(exponent: number, mantissa: number, bias: number): FloatFormat {
  const max = (2 - 2 ** -mantissa) * 2 ** (2 ** exponent - 1 - bias);
  return { signed: true, exponent, mantissa, bias, max, negativeZero: true };
}

/** How a number is brought to a format. */
export interface RoundOptions {
  /**
   * Numbers beyond the greatest become the greatest, infinities too; otherwise ∞, or NaN where the format has no ∞. Default: true for
   * formats of at most 8 bits, false for float16 and bfloat16. Formats without NaN
   * always saturate, and NaN becomes −0 there.
   */
  readonly saturate?: boolean;
  /** Direction: to nearest with ties to even (default), away from zero, or towards zero. */
  readonly round?: 'nearest' | 'up' | 'down';
}

const words = new DataView(new ArrayBuffer(8));

/** 2ⁿ for n from −1100 to 1099; a table is much faster than the operator. */
const powers = Float64Array.from({ length: 2200 }, (_, n) => 2 ** (n - 1100));
const power = (n: number): number => powers[n + 1100]!;

/** Adding and taking away 1.5·2⁵² rounds a small number to an integer, half to even: float64 has no fraction there. */
const INTEGERS = 1.5 * 2 ** 52;

/** ⌊log₂ x⌋ of a positive number, exactly. */
function exponentOf(x: number): number {
  words.setFloat64(0, x);
  const bits = (words.getUint32(0) >>> 20) & 0x7ff;
  return bits === 0 ? Math.floor(Math.log2(x)) : bits - 1023;
}

/** Rounds half to even. */
export function roundEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return rest < 0.5 ? (floor === 0 && x < 0 ? -0 : floor) : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** The number of a format nearest to `x`. */
export function roundToFormat(format: FloatFormat, x: number, options: RoundOptions = {}): number {
  const { saturate = format.mantissa < 7, round = 'nearest' } = options;
  const greatest = x < 0 ? -format.max : format.max;
  if (Number.isNaN(x)) return format.nan === undefined ? -0 : Number.NaN;
  if (!format.signed && x < power(-format.bias)) return saturate ? power(-format.bias) : Number.NaN;
  const a = Math.abs(x);
  const beyond = () => {
    if (saturate || format.nan === undefined) return greatest;
    return format.infinity === undefined ? Number.NaN : greatest * Number.POSITIVE_INFINITY;
  };
  if (a === Number.POSITIVE_INFINITY) return beyond();
  const least = format.mantissa === 0 ? -format.bias : 1 - format.bias;
  const exponent = a === 0 ? least : Math.max(exponentOf(a), least);
  if (format.mantissa === 0) return roundPower(format, a, exponent, round, beyond);
  const step = power(exponent - format.mantissa);
  const scaled = a / step;
  const rounded =
    (round === 'nearest' ? scaled + INTEGERS - INTEGERS : round === 'up' ? Math.ceil(scaled) : Math.floor(scaled)) *
    step;
  if (rounded > format.max) return round === 'down' ? greatest : beyond();
  if (rounded === 0) return x < 0 && format.negativeZero ? -0 : Object.is(x, -0) && format.negativeZero ? -0 : 0;
  return x < 0 ? -rounded : rounded;
}

/** Powers of two: nearest is by the value, a tie goes up. */
function roundPower(format: FloatFormat, a: number, exponent: number, round: string, beyond: () => number): number {
  const below = power(exponent);
  const up = a > below && (round === 'up' || (round === 'nearest' && a / below >= 1.5));
  const result = up ? below * 2 : below;
  return result > format.max ? beyond() : result;
}

/** The bits of a number that the format holds (see {@link roundToFormat}). */
export function encodeFloat(format: FloatFormat, x: number): number {
  const { exponent, mantissa, bias, signed } = format;
  const sign = signed && (x < 0 || Object.is(x, -0)) ? power(exponent + mantissa) : 0;
  if (Number.isNaN(x)) return format.nan ?? 0;
  const a = Math.abs(x);
  if (a === Number.POSITIVE_INFINITY) return sign + (format.infinity ?? format.nan ?? 0);
  if (mantissa === 0) return exponentOf(a) + bias;
  if (a === 0) return format.negativeZero ? sign : 0;
  const high = exponentOf(a);
  const subnormal = high < 1 - bias;
  const step = power((subnormal ? 1 - bias : high) - mantissa);
  return sign + (subnormal ? a / step : (high + bias - 1) * power(mantissa) + a / step);
}

/** The number that bits stand for. */
export function decodeFloat(format: FloatFormat, bits: number): number {
  const { exponent, mantissa, bias, signed } = format;
  const span = 2 ** (exponent + mantissa);
  const negative = signed && bits >= span;
  const low = negative ? bits - span : bits;
  if (bits === format.nan || low === format.nan) return Number.NaN;
  if (mantissa === 0) return 2 ** (low - bias);
  const high = Math.floor(low / 2 ** mantissa);
  const fraction = low % 2 ** mantissa;
  let value: number;
  if (format.infinity !== undefined && low >= format.infinity)
    value = fraction === 0 ? Number.POSITIVE_INFINITY : Number.NaN;
  else if (high === 0) value = fraction * 2 ** (1 - bias - mantissa);
  else value = (1 + fraction / 2 ** mantissa) * 2 ** (high - bias);
  return negative ? -value : value;
}

const tables = new Map<DataType, Float64Array>();

/** The number of every bit pattern of a narrow float type. */
function decodeTable(type: DataType, format: FloatFormat): Float64Array {
  const known = tables.get(type);
  if (known) return known;
  const made = Float64Array.from({ length: 2 ** dataTypes[type].bits }, (_, bits) => decodeFloat(format, bits));
  tables.set(type, made);
  return made;
}

/** Integer types of at most 32 bits: their width and whether they have a sign. */
export const integerFormats: Readonly<Partial<Record<DataType, { readonly bits: number; readonly signed: boolean }>>> =
  {
    int2: { bits: 2, signed: true },
    uint2: { bits: 2, signed: false },
    int4: { bits: 4, signed: true },
    uint4: { bits: 4, signed: false },
    int8: { bits: 8, signed: true },
    uint8: { bits: 8, signed: false },
    int16: { bits: 16, signed: true },
    uint16: { bits: 16, signed: false },
    int32: { bits: 32, signed: true },
    uint32: { bits: 32, signed: false },
  };

/** True for every integer type, 64 bits included; `bool` is none. */
export function isInteger(type: DataType): boolean {
  return type === 'int64' || type === 'uint64' || integerFormats[type] !== undefined;
}

/** The range of an integer type of at most 32 bits. */
export function integerRange(type: DataType): readonly [low: number, high: number] | undefined {
  const format = integerFormats[type];
  if (!format) return undefined;
  const span = 2 ** format.bits;
  return format.signed ? [-span / 2, span / 2 - 1] : [0, span - 1];
}

/** Cuts a number to the low bits of an integer type of at most 32 bits, as conversions between integers do; NaN and ∞ become 0. */
export function wrapInteger(type: DataType, x: number): number {
  const { bits, signed } = integerFormats[type]!;
  if (signed && bits === 32 && (x | 0) === x) return x | 0;
  if (!Number.isFinite(x)) return 0;
  const span = 2 ** bits;
  const wrapped = ((Math.trunc(x) % span) + span) % span;
  return signed && wrapped >= span / 2 ? wrapped - span : wrapped;
}

/** A number as a 64-bit integer: the fraction is cut, more bits wrap around; NaN and ∞ become 0. */
export function toBigInt(type: 'int64' | 'uint64', x: number): bigint {
  const whole = Number.isFinite(x) ? BigInt(Math.trunc(x)) : 0n;
  return type === 'int64' ? BigInt.asIntN(64, whole) : BigInt.asUintN(64, whole);
}

/**
 * The elements of a tensor as doubles: narrow floats decoded, packed integers unpacked, 64-bit integers rounded beyond 2⁵³, booleans 0 and 1.
 * Throws `NUMBERS_TYPE` for strings and complex numbers.
 */
export function toNumbers({ type, dims, data }: Tensor): Float64Array {
  if (!ArrayBuffer.isView(data) || type.startsWith('complex')) {
    throw new SlmError('NUMBERS_TYPE', `toNumbers: expected a tensor of real numbers, got ${type}`);
  }
  const { bits } = dataTypes[type];
  const format = floatFormats[type];
  const codes = bits < 8 ? unpack(data as Uint8Array, bits, elementCount(dims)) : data;
  if (format) {
    const table = decodeTable(type, format);
    return mapInto(new Float64Array(codes.length), codes as Uint8Array, (code) => table[code]!);
  }
  if (bits < 8) return mapInto(new Float64Array(codes.length), codes as Uint8Array, (code) => wrapInteger(type, code));
  if (type === 'bool')
    return mapInto(new Float64Array(codes.length), codes as Uint8Array, (byte) => (byte === 0 ? 0 : 1));
  if (type === 'int64' || type === 'uint64')
    return mapInto(new Float64Array(codes.length), codes as BigInt64Array, Number);
  return new Float64Array(codes as Float32Array);
}

/** Fills storage with what `apply` gives for each element; much faster than the `from` of typed arrays. */
function mapInto<T, S extends Float64Array | BigInt64Array | BigUint64Array | Uint8Array>(
  storage: S,
  elements: { readonly [index: number]: T },
  apply: (element: T) => S[number],
): S {
  for (let i = 0; i < storage.length; i++) storage[i] = apply(elements[i]!);
  return storage;
}

/**
 * A tensor of doubles brought to `type`: narrow floats rounded (see {@link RoundOptions}), integers cut and wrapped around, `bool` true where
 * not 0. Throws `NUMBERS_TYPE` for strings and complex numbers.
 */
export function fromNumbers(
  type: DataType,
  dims: readonly number[],
  numbers: ArrayLike<number>,
  options: RoundOptions = {},
): Tensor {
  return { type, dims, data: storageOf(type, numbers, options) };
}

function storageOf(type: DataType, numbers: ArrayLike<number>, options: RoundOptions): TensorData {
  const { bits, storage } = dataTypes[type];
  if (storage === undefined || type.startsWith('complex')) {
    throw new SlmError('NUMBERS_TYPE', `fromNumbers: expected a type of real numbers, got ${type}`);
  }
  const count = numbers.length;
  if (type === 'float32') return new Float32Array(numbers);
  if (type === 'float64') return new Float64Array(numbers);
  if (type === 'bool') return mapInto(new Uint8Array(count), numbers, (x) => (x === 0 ? 0 : 1));
  if (type === 'int64') return mapInto(new BigInt64Array(count), numbers, (x) => toBigInt(type, x));
  if (type === 'uint64') return mapInto(new BigUint64Array(count), numbers, (x) => toBigInt(type, x));
  const format = floatFormats[type];
  const code = format
    ? (x: number) => encodeFloat(format, roundToFormat(format, x, options))
    : (x: number) => wrapInteger(type, x);
  if (bits < 8) return pack(mapInto(new Uint8Array(count), numbers, code), bits);
  return mapInto(new (storage as Uint8ArrayConstructor)(count), numbers, code);
}

/** Elements of fewer than 8 bits, one a byte, from their packed form: the first element is in the lowest bits. */
function unpack(bytes: Uint8Array, bits: number, count: number): Uint8Array {
  const codes = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const bit = i * bits;
    const pair = bytes[bit >> 3]! + ((bytes[(bit >> 3) + 1] ?? 0) << 8);
    codes[i] = (pair >> (bit & 7)) & ((1 << bits) - 1);
  }
  return codes;
}

/** The reverse of {@link unpack}. */
function pack(codes: Uint8Array, bits: number): Uint8Array {
  const bytes = new Uint8Array(Math.ceil((codes.length * bits) / 8));
  codes.forEach((code, i) => {
    const bit = i * bits;
    const shifted = (code & ((1 << bits) - 1)) << (bit & 7);
    bytes[bit >> 3]! |= shifted & 0xff;
    if (shifted > 0xff) bytes[(bit >> 3) + 1]! |= shifted >> 8;
  });
  return bytes;
}
