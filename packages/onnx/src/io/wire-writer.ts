import { SlmError } from '../errors.ts';
import type { Message } from './message.ts';
import { type MessageName, onnxSchema } from './schema.ts';

/** Bytes that are read only when they are written: those of a tensor in a data file. */
export interface ByteSource {
  /** In bytes. */
  readonly length: number;
  /** Fills `target` with the bytes from `offset` on. Throws `FILE_UNREADABLE` when the file no longer has them. */
  read(target: Uint8Array, offset: number): void;
}

/** A stretch of a serialized message: bytes in memory, which may be a tensor's own, or bytes still to be read. */
export type Piece = Uint8Array | ByteSource;

/** A serialized message, in order. */
export interface Pieces {
  readonly pieces: readonly Piece[];
  /** In bytes, all pieces together. */
  readonly length: number;
}

/** Byte fields longer than this are pieces of their own, not copied. */
const OWN_PIECE = 4096;
const FIRST_CHUNK = 512;
const LARGEST_CHUNK = 1 << 18;
const MAX_DEPTH = 100;

interface Field {
  readonly name: string;
  readonly number: number;
  /** A scalar type, or the name of a message. */
  readonly type: string;
  readonly fields: MessageName | undefined;
  readonly repeated: boolean;
  readonly packed: boolean;
}

const WIRE_TYPES: Readonly<Record<string, number>> = { int32: 0, int64: 0, uint64: 0, double: 1, float: 5 };
const DELIMITED = 2;

/** Fields by falling number: messages are written from their end, so that every length is known when it is due. */
const fieldsOf = new Map(
  (Object.keys(onnxSchema) as MessageName[]).map((message) => {
    const rows = Object.entries(onnxSchema[message] as Readonly<Record<string, readonly [number, string]>>);
    const fields = rows.map(([name, [number, written]]): Field => {
      const [type = ''] = written.split('[');
      const nested = Object.hasOwn(onnxSchema, type) ? (type as MessageName) : undefined;
      const form = { repeated: written.endsWith(']'), packed: written.endsWith('[packed]') };
      return { name, number, type, fields: nested, ...form };
    });
    return [message, fields.sort((a, b) => b.number - a.number)] as const;
  }),
);

/**
 * Serializes a message: fields by number, unknown ones last; 64-bit values are numbers, BigInts or `{low, high}`, byte
 * fields a Uint8Array or a {@link ByteSource}. Large byte fields are shared, not copied.
 * Throws `ONNX_INVALID` beyond 100 nested messages.
 */
export function writeMessage(name: MessageName, message: Message): Pieces {
  const writer = new WireWriter();
  writer.message(name, message, 0);
  return writer.finish();
}

/** The pieces in one array. */
export function joinPieces({ pieces, length }: Pieces): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    if (piece instanceof Uint8Array) bytes.set(piece, at);
    else piece.read(bytes.subarray(at, at + piece.length), 0);
    at += piece.length;
  }
  return bytes;
}

/** Writes from the last byte to the first. */
class WireWriter {
  private chunk = Buffer.allocUnsafe(FIRST_CHUNK);
  private view = viewOf(this.chunk);
  /** Written bytes of the chunk are those from `at` to `end`. */
  private at = FIRST_CHUNK;
  private end = FIRST_CHUNK;
  private length = 0;
  private readonly reversed: Piece[] = [];

  finish(): Pieces {
    this.flush();
    return { pieces: this.reversed.reverse(), length: this.length };
  }

  message(name: MessageName, message: Message, depth: number): void {
    if (depth > MAX_DEPTH) {
      throw new SlmError('ONNX_INVALID', `model: expected at most ${MAX_DEPTH} nested messages, got more`);
    }
    for (const raw of [...(message.$unknowns ?? [])].reverse()) this.bytes(raw);
    for (const field of fieldsOf.get(name)!) {
      const value = Object.hasOwn(message, field.name) ? message[field.name] : undefined;
      if (value === undefined) continue;
      if (!field.repeated) this.field(field, value, depth);
      else if (field.packed) this.packed(field, value as readonly unknown[]);
      else
        for (let i = (value as readonly unknown[]).length - 1; i >= 0; i--) this.field(field, (value as [])[i], depth);
    }
  }

  private field(field: Field, value: unknown, depth: number): void {
    const wireType = WIRE_TYPES[field.type] ?? DELIMITED;
    const before = this.length;
    if (field.fields !== undefined) this.message(field.fields, value as Message, depth + 1);
    else this.scalar(field.type, value);
    if (wireType === DELIMITED) this.varint(this.length - before);
    this.varint(field.number * 8 + wireType);
  }

  private packed(field: Field, values: readonly unknown[]): void {
    if (values.length === 0) return;
    const before = this.length;
    for (let i = values.length - 1; i >= 0; i--) this.scalar(field.type, values[i]);
    this.varint(this.length - before);
    this.varint(field.number * 8 + DELIMITED);
  }

  private scalar(type: string, value: unknown): void {
    switch (type) {
      case 'string':
        this.text(value as string);
        break;
      case 'bytes':
        this.bytes(value as Piece);
        break;
      case 'float':
        this.reserve(4);
        this.view.setFloat32(this.at, value as number, true);
        break;
      case 'double':
        this.reserve(8);
        this.view.setFloat64(this.at, value as number, true);
        break;
      default:
        this.integer(value as number | bigint | { readonly low: number; readonly high: number });
    }
  }

  private text(text: string): void {
    if (text === '') return;
    const size = Buffer.byteLength(text);
    this.reserve(size);
    this.chunk.write(text, this.at, size);
  }

  private bytes(bytes: Piece): void {
    if (bytes.length === 0) return;
    if (bytes instanceof Uint8Array && bytes.length <= OWN_PIECE) {
      this.reserve(bytes.length);
      this.chunk.set(bytes, this.at);
      return;
    }
    this.flush();
    this.reversed.push(bytes);
    this.length += bytes.length;
  }

  /** An integer of at most 64 bits, in two's complement. */
  private integer(value: number | bigint | { readonly low: number; readonly high: number }): void {
    if (typeof value === 'number' && value >= 0) {
      this.varint(value);
      return;
    }
    const [low, high] =
      typeof value === 'object'
        ? [value.low >>> 0, value.high >>> 0]
        : [Number(BigInt.asUintN(32, BigInt(value))), Number(BigInt.asUintN(32, BigInt(value) >> 32n))];
    if (high < 2 ** 21) {
      this.varint(high * 2 ** 32 + low);
      return;
    }
    // Eight to ten groups of seven bits; the fifth has four bits of `low` and three of `high`.
    const size = high < 2 ** 24 ? 8 : high < 2 ** 31 ? 9 : 10;
    this.reserve(size);
    let { at } = this;
    for (let shift = 0; shift < 28; shift += 7) this.chunk[at++] = ((low >>> shift) & 0x7f) | 0x80;
    this.chunk[at++] = (low >>> 28) | ((high & 7) << 4) | 0x80;
    for (let group = 5, rest = high >>> 3; group < size; group++, rest >>>= 7) {
      this.chunk[at++] = (rest & 0x7f) | (group === size - 1 ? 0 : 0x80);
    }
  }

  /** A non-negative safe integer. */
  private varint(value: number): void {
    let size = 1;
    for (let limit = 128; value >= limit; limit *= 128) size++;
    this.reserve(size);
    let { at } = this;
    let rest = value;
    for (; rest >= 2 ** 31; rest = Math.floor(rest / 128)) this.chunk[at++] = (rest % 128) | 0x80;
    for (; rest > 127; rest >>>= 7) this.chunk[at++] = (rest & 0x7f) | 0x80;
    this.chunk[at] = rest;
  }

  /** Makes room for `size` bytes, from `at` on; the chunk may be another one then. */
  private reserve(size: number): void {
    if (this.at < size) {
      this.flush();
      const wanted = Math.max(size, Math.min(this.chunk.length * 2, LARGEST_CHUNK));
      this.chunk = Buffer.allocUnsafeSlow(wanted);
      this.view = viewOf(this.chunk);
      this.at = wanted;
      this.end = wanted;
    }
    this.at -= size;
    this.length += size;
  }

  private flush(): void {
    if (this.at < this.end) this.reversed.push(this.chunk.subarray(this.at, this.end));
    this.end = this.at;
  }
}

function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
