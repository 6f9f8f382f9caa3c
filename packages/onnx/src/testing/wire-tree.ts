import { type MessageName, onnxSchema } from '../io/schema.ts';

/** A field as it is on the wire. */
export interface WireField {
  number: number;
  wireType: number;
  /** The value of a varint or fixed field. */
  value: bigint;
  /** The bytes of a length-delimited field that is no message. */
  bytes: Uint8Array;
  /** The fields of a message. */
  children: WireField[] | undefined;
  /** Type of the field in the schema: a scalar's or a message's name; `''` for an unknown field. */
  type: string;
  /** Added to the length that is written. */
  lie: number;
}

/** A field of a message's schema by number, `''` when there is none. */
function typeOf(message: string, number: number): string {
  const rows = Object.hasOwn(onnxSchema, message) ? Object.values(onnxSchema[message as MessageName]) : [];
  return (rows.find((row) => row[0] === number)?.[1] ?? '').split('[')[0]!;
}

/** Reads well-formed bytes as a tree of fields; a field that cannot be read ends its message. */
export function readTree(bytes: Uint8Array, message: string): WireField[] {
  const fields: WireField[] = [];
  let at = 0;
  const varint = (): bigint | undefined => {
    let value = 0n;
    for (let shift = 0n; at < bytes.length && shift < 70n; shift += 7n) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 128) return value;
    }
    return undefined;
  };
  while (at < bytes.length) {
    const tag = varint();
    if (tag === undefined) break;
    const number = Number(tag >> 3n);
    const type = typeOf(message, number);
    const field: WireField = {
      number,
      wireType: Number(tag & 7n),
      value: 0n,
      bytes: new Uint8Array(),
      children: undefined,
      type,
      lie: 0,
    };
    if (field.wireType === 0) {
      const value = varint();
      if (value === undefined) break;
      field.value = value;
    } else if (field.wireType === 1 || field.wireType === 5) {
      const size = field.wireType === 1 ? 8 : 4;
      field.value = littleEndian(bytes.subarray(at, at + size));
      at += size;
    } else if (field.wireType === 2) {
      const length = Number(varint() ?? 0n);
      field.bytes = bytes.subarray(at, at + length);
      at += length;
      if (Object.hasOwn(onnxSchema, type)) field.children = readTree(field.bytes, type);
    } else {
      break;
    }
    fields.push(field);
  }
  return fields;
}

/** The bytes of a tree, lies included. */
export function writeTree(fields: readonly WireField[]): Uint8Array {
  const chunks: Uint8Array[] = [];
  // From the end, so that lengths are known.
  writeFields(fields, chunks);
  return Buffer.concat(chunks.reverse());
}

/** Adds the chunks of some fields, last first, and returns their length. */
function writeFields(fields: readonly WireField[], chunks: Uint8Array[]): number {
  let length = 0;
  for (let i = fields.length - 1; i >= 0; i--) length += writeField(fields[i]!, chunks);
  return length;
}

function writeField(field: WireField, chunks: Uint8Array[]): number {
  const add = (bytes: Uint8Array) => {
    chunks.push(bytes);
    return bytes.length;
  };
  let length = 0;
  if (field.wireType === 0) {
    length += add(writeVarint(field.value));
  } else if (field.wireType === 1 || field.wireType === 5) {
    const fixed = Buffer.alloc(8);
    fixed.writeBigUInt64LE(BigInt.asUintN(64, field.value));
    length += add(fixed.subarray(0, field.wireType === 1 ? 8 : 4));
  } else {
    length += field.children === undefined ? add(field.bytes) : writeFields(field.children, chunks);
    length += add(writeVarint(Math.max(0, length + field.lie)));
  }
  return length + add(writeVarint(field.number * 8 + (field.wireType & 7)));
}

function writeVarint(value: number | bigint): Uint8Array {
  if (value >= 0 && value < 128) return Uint8Array.of(Number(value));
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Uint8Array.of(...bytes, Number(rest));
}

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => value * 256n + BigInt(byte), 0n);
}
