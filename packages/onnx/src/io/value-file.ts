import type { Tensor } from '../model.ts';
import type { RuntimeValue } from '../runtime-value.ts';
import { RecentData } from './lazy-tensor.ts';
import type { Message } from './message.ts';
import * as message from './message.ts';
import type { MessageName } from './schema.ts';
import { decodeTensor, encodeTensor } from './tensor.ts';

/** What a value file holds: `ValueInfo.container?.kind ?? 'tensor'` of the graph's input or output. */
export type ValueFileKind = 'tensor' | 'sequence' | 'optional';

const protos = {
  tensor: 'TensorProto',
  sequence: 'SequenceProto',
  optional: 'OptionalProto',
} as const satisfies Record<ValueFileKind, MessageName>;

/** Fields of SequenceProto and OptionalProto that hold values, with the kind of the values where it can be read. */
const valueFields = [
  { kind: 'tensor', many: 'tensor_values', one: 'tensor_value' },
  { kind: 'sequence', many: 'sequence_values', one: 'sequence_value' },
  { kind: 'optional', many: 'optional_values', one: 'optional_value' },
  { kind: undefined, many: 'sparse_tensor_values', one: 'sparse_tensor_value' },
  { kind: undefined, many: 'map_values', one: 'map_value' },
] as const;

/**
 * Reads a serialized TensorProto, SequenceProto or OptionalProto: the `.pb` files that test data of ONNX models come
 * in. Names are dropped, except that of a tensor. Throws `ONNX_CORRUPT` for other bytes, and for sparse tensors and maps.
 */
export function decodeValueFile(bytes: Uint8Array, kind: ValueFileKind, where = 'value'): RuntimeValue {
  const proto = message.decodeMessage(protos[kind], bytes, `${where}: expected a serialized ${protos[kind]}`);
  return toValue(kind, proto, where);
}

/** Reads a serialized TensorProto. Throws `ONNX_CORRUPT` for other bytes. */
export function decodeTensorFile(bytes: Uint8Array, where = 'tensor'): Tensor {
  return decodeValueFile(bytes, 'tensor', where) as Tensor;
}

/** A tensor as a serialized TensorProto. Throws `ONNX_INVALID` for data that does not fit the shape. */
export function encodeTensorFile(tensor: Tensor): Uint8Array {
  return message.encodeMessage('TensorProto', encodeTensor(tensor, undefined, 'tensor'));
}

function toValue(kind: ValueFileKind, proto: Message, where: string): RuntimeValue {
  if (kind === 'tensor') {
    const external = () => {
      throw message.corrupt(where, 'data inside the file', 'external data');
    };
    return decodeTensor(proto, where, { external, owned: false, recent: new RecentData() });
  }
  const field = kind === 'optional' ? 'one' : 'many';
  const present = valueFields.filter((row) => message.isPresent(proto, row[field]));
  const [row] = present;
  if (row === undefined) return kind === 'optional' ? { kind } : { kind, elements: [] };
  const { kind: element } = row;
  if (present.length > 1 || element === undefined) {
    const got = present.map((one) => one[field]).join(' and ');
    throw message.corrupt(where, 'tensors, sequences or optionals', got);
  }
  const found = proto[row[field]];
  if (kind === 'optional') return { kind, value: toValue(element, found as Message, `${where}, value`) };
  const entries = found as readonly Message[];
  return { kind, elements: entries.map((entry, index) => toValue(element, entry, `${where}[${index}]`)) };
}
