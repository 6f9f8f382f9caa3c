import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Message } from './message.ts';
import { messageType } from './schema.ts';
import { joinPieces, writeMessage } from './wire-writer.ts';

const long = fc
  .oneof(
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.integer({ min: 0, max: 63 }).chain((bits) => fc.constantFrom(2n ** BigInt(bits) - 1n, -(2n ** BigInt(bits)))),
  )
  .map((value) => ({ low: Number(BigInt.asIntN(32, value)), high: Number(value >> 32n), unsigned: false }));
const text = fc.string({ unit: 'grapheme', maxLength: 300 });
const bytes = fc.uint8Array({ maxLength: 9000 });
const tensor = fc.record(
  {
    dims: fc.array(long, { maxLength: 4 }),
    data_type: fc.integer(),
    float_data: fc.array(fc.float(), { maxLength: 3 }),
    int32_data: fc.array(fc.integer(), { maxLength: 300 }),
    string_data: fc.array(bytes, { maxLength: 3 }),
    int64_data: fc.array(long, { maxLength: 3 }),
    name: text,
    raw_data: bytes,
    double_data: fc.array(fc.double(), { maxLength: 3 }),
    uint64_data: fc.array(long, { maxLength: 3 }),
    external_data: fc.array(fc.record({ key: text, value: text }), { maxLength: 3 }),
    $unknowns: fc.array(bytes, { maxLength: 2 }),
  },
  { requiredKeys: [] },
);

it('writes what protobufjs, another implementation, writes', () => {
  const message = fc.record({ ir_version: long, graph: fc.record({ name: text, initializer: fc.array(tensor) }) });
  fc.assert(
    fc.property(message, (value) => {
      const expected = messageType('ModelProto').encode(value).finish();
      expect(Buffer.compare(joinPieces(writeMessage('ModelProto', value)), expected)).toBe(0);
    }),
    { numRuns: 300, seed: 5 },
  );
});

it('takes 64-bit values as numbers and BigInts too', () => {
  for (const value of [0, 1, 127, 128, 2 ** 31, 2 ** 32, 2 ** 35 - 1, 2 ** 53 - 1, -1, -(2 ** 31), -(2 ** 53) + 1]) {
    const written = joinPieces(writeMessage('AttributeProto', { i: value }));
    expect(messageType('AttributeProto').decode(written)).toMatchObject({ i: { low: value | 0 } });
    expect(joinPieces(writeMessage('AttributeProto', { i: BigInt(value) }))).toEqual(written);
  }
});

it('shares large byte fields and reads sources in place', () => {
  const raw_data = new Uint8Array(100_000);
  const source = { length: 3, read: (target: Uint8Array) => void target.set([7, 8, 9]) };
  const initializer = [{ name: 'a', raw_data }, { raw_data: source }];
  const made = writeMessage('GraphProto', { initializer });
  expect(made.pieces).toContain(raw_data);
  expect(made.pieces).toContain(source);
  expect(made.pieces).toHaveLength(4);
  const plain = [initializer[0], { raw_data: Uint8Array.of(7, 8, 9) }];
  expect(joinPieces(made)).toEqual(joinPieces(writeMessage('GraphProto', { initializer: plain })));
});

it('refuses messages nested beyond 100', () => {
  let graph: Message = {};
  for (let depth = 0; depth < 40; depth++) graph = { node: [{ attribute: [{ g: graph }] }] };
  expect(() => writeMessage('GraphProto', graph)).toThrow(
    expect.objectContaining({ code: 'ONNX_INVALID', message: 'model: expected at most 100 nested messages, got more' }),
  );
});
