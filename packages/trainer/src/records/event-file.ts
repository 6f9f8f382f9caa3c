/** A scalar of a step, as TensorBoard shows it. */
export interface Scalar {
  readonly tag: string;
  readonly value: number;
}

/**
 * A record of a TensorBoard event file with the scalars of a step, or without any the record that opens a file.
 * `seconds` is the wall time since 1970. An event file is a sequence of such records.
 *
 * Records: https://www.tensorflow.org/tutorials/load_data/tfrecord (length, masked CRC-32C of it, bytes, masked CRC-32C of
 * them); fields: `Event` and `Summary` of TensorFlow's event.proto and summary.proto.
 */
export function eventRecord(seconds: number, step: number, scalars: readonly Scalar[]): Buffer {
  const event = [double(1, seconds)];
  if (scalars.length === 0) event.push(bytes(3, Buffer.from('brain.Event:2')));
  else {
    const values = scalars.map(({ tag, value }) =>
      bytes(1, Buffer.concat([bytes(1, Buffer.from(tag)), float(2, value)])),
    );
    event.push(Buffer.concat([Buffer.of(2 << 3), varint(step)]), bytes(5, Buffer.concat(values)));
  }
  return framed(Buffer.concat(event));
}

function framed(data: Buffer): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(data.length));
  return Buffer.concat([length, maskedCrc(length), data, maskedCrc(data)]);
}

function maskedCrc(data: Buffer): Buffer {
  let crc = 0xffffffff;
  for (const byte of data) crc = (crc >>> 8) ^ crcTable[(crc ^ byte) & 0xff]!;
  crc = ~crc >>> 0;
  const made = Buffer.alloc(4);
  made.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
  return made;
}

/** CRC-32C, Castagnoli's polynomial reversed. */
const crcTable = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value >>> 0;
});

function varint(value: number): Buffer {
  const made: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) made.push((rest % 128) | 0x80);
  return Buffer.from([...made, rest]);
}

function bytes(field: number, data: Buffer): Buffer {
  return Buffer.concat([Buffer.of((field << 3) | 2), varint(data.length), data]);
}

function double(field: number, value: number): Buffer {
  const made = Buffer.alloc(9, (field << 3) | 1);
  made.writeDoubleLE(value, 1);
  return made;
}

function float(field: number, value: number): Buffer {
  const made = Buffer.alloc(5, (field << 3) | 5);
  made.writeFloatLE(value, 1);
  return made;
}
