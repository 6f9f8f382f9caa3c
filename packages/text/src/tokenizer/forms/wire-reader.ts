/** One field of a protobuf message: a number for wire types 0, 1 and 5, bytes for 2. */
export interface WireField {
  readonly number: number;
  readonly wireType: number;
  /** The low 32 bits of a varint or of a fixed value; 0 for bytes. */
  readonly value: number;
  /** Of a length-delimited field; shares the message's memory. */
  readonly bytes: Buffer;
}

const nothing = Buffer.alloc(0);

/**
 * The fields of a protobuf message in order (https://protobuf.dev/programming-guides/encoding), groups left out. Reads
 * what is there and allocates nothing by what a length claims. Throws an Error where the bytes are no message.
 */
export function* readFields(message: Buffer): Iterable<WireField> {
  for (let at = 0; at < message.length; ) {
    const tag = varint(message, at);
    at = tag.end;
    const number = tag.value >>> 3;
    const wireType = tag.value & 7;
    if (number === 0) throw new Error(`byte ${at - 1}: expected a field number from 1, got 0`);
    switch (wireType) {
      case 0: {
        const { value, end } = varint(message, at);
        at = end;
        yield { number, wireType, value, bytes: nothing };
        break;
      }
      case 1:
      case 5: {
        const size = wireType === 1 ? 8 : 4;
        if (size > message.length - at) throw cutShort(at, size, message.length - at);
        yield { number, wireType, value: message.readUInt32LE(at), bytes: nothing };
        at += size;
        break;
      }
      case 2: {
        const { value: size, end } = varint(message, at);
        if (size > message.length - end) throw cutShort(end, size, message.length - end);
        at = end + size;
        yield { number, wireType, value: 0, bytes: message.subarray(end, at) };
        break;
      }
      default:
        throw new Error(`byte ${at - 1}: expected a field of wire type 0, 1, 2 or 5, got ${wireType}`);
    }
  }
}

/** A `float` field's value from its bits. */
export function floatOf(bits: number): number {
  scratch.setUint32(0, bits);
  return scratch.getFloat32(0);
}

const scratch = new DataView(new ArrayBuffer(4));

function varint(message: Buffer, from: number): { readonly value: number; readonly end: number } {
  let value = 0;
  for (let i = 0; i < 10; i++) {
    const byte = message[from + i];
    if (byte === undefined) throw cutShort(from, i + 1, i);
    if (i < 5) value |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) return { value: value >>> 0, end: from + i + 1 };
  }
  throw new Error(`byte ${from}: expected a varint of at most 10 bytes, got a longer one`);
}

function cutShort(at: number, wanted: number, got: number): Error {
  return new Error(`byte ${at}: expected ${wanted} more bytes, got ${got}`);
}
