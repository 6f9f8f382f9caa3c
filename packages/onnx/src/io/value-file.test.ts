import { describe, expect, it } from 'vitest';
import { float32, int64 } from '../model.ts';
import { encodeMessage, type Message } from './message.ts';
import { decodeTensorFile, decodeValueFile, encodeTensorFile, type ValueFileKind } from './value-file.ts';

const one: Message = { dims: [2], data_type: 1, float_data: [1, 2], name: 'x' };
const two: Message = { data_type: 7, int64_data: [-3] };
const tensors = [{ ...float32([1, 2]), name: 'x' }, int64([-3], [])];

describe('a value file', () => {
  it.each<[string, ValueFileKind, Message, unknown]>([
    ['a tensor', 'tensor', one, tensors[0]],
    ['an empty sequence', 'sequence', { elem_type: 1, name: 's' }, { kind: 'sequence', elements: [] }],
    ['tensors', 'sequence', { elem_type: 1, tensor_values: [one, two] }, { kind: 'sequence', elements: tensors }],
    [
      'sequences and optionals',
      'sequence',
      { elem_type: 3, sequence_values: [{}, { optional_values: [{ tensor_value: two }, { elem_type: 1 }] }] },
      {
        kind: 'sequence',
        elements: [
          { kind: 'sequence', elements: [] },
          { kind: 'sequence', elements: [{ kind: 'optional', value: tensors[1] }, { kind: 'optional' }] },
        ],
      },
    ],
    ['nothing', 'optional', { elem_type: 1 }, { kind: 'optional' }],
    ['an optional tensor', 'optional', { elem_type: 1, tensor_value: two }, { kind: 'optional', value: tensors[1] }],
    [
      'an optional sequence',
      'optional',
      { elem_type: 3, sequence_value: { elem_type: 1, tensor_values: [one] } },
      { kind: 'optional', value: { kind: 'sequence', elements: [tensors[0]] } },
    ],
  ])('of %s is read', (_, kind, proto, value) => {
    const name = ({ tensor: 'TensorProto', sequence: 'SequenceProto', optional: 'OptionalProto' } as const)[kind];
    expect(decodeValueFile(encodeMessage(name, proto), kind)).toEqual(value);
  });

  it.each<[string, Message, RegExp]>([
    ['a map', { map_values: [{}] }, /^x: expected tensors, sequences or optionals, got map_values$/],
    ['sparse tensors', { sparse_tensor_values: [{}] }, /got sparse_tensor_values$/],
    ['a mixture', { tensor_values: [one], optional_values: [{}] }, /got tensor_values and optional_values$/],
    ['a short tensor', { tensor_values: [one, { ...one, dims: [3] }] }, /^x\[1\]: expected 3 stored values/],
    ['external data', { tensor_values: [{ ...one, data_location: 1 }] }, /^x\[0\]: expected data inside the file/],
  ])('with %s is refused', (_, proto, text) => {
    const bytes = encodeMessage('SequenceProto', proto);
    expect(() => decodeValueFile(bytes, 'sequence', 'x')).toThrow(
      expect.objectContaining({ code: 'ONNX_CORRUPT', message: expect.stringMatching(text) }),
    );
  });

  it('of other bytes is refused', () => {
    expect(() => decodeValueFile(Uint8Array.of(0x1a, 0xff), 'optional', 'out.pb')).toThrow(
      /^out.pb: expected a serialized OptionalProto, got bytes that are none/,
    );
    expect(() => decodeTensorFile(Uint8Array.of(0x0a))).toThrow(/^tensor: expected a serialized TensorProto/);
  });

  it('of a tensor is written and read back equal', () => {
    for (const tensor of tensors) expect(decodeTensorFile(encodeTensorFile(tensor))).toEqual(tensor);
    expect(() => encodeTensorFile({ ...tensors[0]!, dims: [3] })).toThrow(/tensor: expected 3 stored values/);
  });
});
