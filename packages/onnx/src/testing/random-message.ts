import { dataTypes, storageLength } from '../data-type.ts';
import { attributeKinds } from '../io/attribute-kind.ts';
import type { Message } from '../io/message.ts';
import { type MessageName, onnxSchema } from '../io/schema.ts';
import type { DataType } from '../model.ts';
import type { Rng } from '../rng.ts';

const texts = ['', 'x', 'y', 'Add', 'If', 'ai.onnx', 'é', 'com.microsoft'];

/**
 * A message with about half of its schema's fields, filled by chance: seeds that hold every field there is. Tensors have
 * data of their shape's length, attributes a value of their kind, and both names of their own.
 */
export function randomMessage(name: MessageName, rng: Rng, depth = 0): Message {
  const message: Message = {};
  for (const [field, [, written]] of Object.entries(onnxSchema[name] as Record<string, readonly [number, string]>)) {
    const [type = ''] = written.split('[');
    const nested = Object.hasOwn(onnxSchema, type);
    if (rng.integer(nested && depth > 2 ? 2 + depth : 2) > 0) continue;
    const value = () => (nested ? randomMessage(type as MessageName, rng, depth + 1) : scalar(type, rng));
    message[field] = written.endsWith(']') ? Array.from({ length: rng.integer(3) }, value) : value();
  }
  if (rng.integer(8) === 0) message.$unknowns = [Uint8Array.of(0xc0, 0x3e, rng.integer(128))];
  if (name === 'TensorProto') return { ...message, ...randomTensor(rng) };
  if (name === 'AttributeProto') return { ...message, ...randomAttribute(rng, depth) };
  if (name === 'ModelProto') return { ...message, ir_version: 8, graph: randomMessage('GraphProto', rng, depth + 1) };
  if (name === 'SparseTensorProto') {
    const [values, indices] = [randomMessage('TensorProto', rng), randomMessage('TensorProto', rng)];
    return { ...message, values, indices, dims: [rng.integer(9)] };
  }
  if (name === 'OperatorSetIdProto') return { ...message, version: 1 + rng.integer(25) };
  return message;
}

function randomTensor(rng: Rng): Message {
  const types = Object.keys(dataTypes) as DataType[];
  const type = types[rng.integer(types.length)]!;
  const dims = Array.from({ length: rng.integer(3) }, () => rng.integer(4));
  const { number, storage } = dataTypes[type];
  const length = storageLength(type, dims);
  const name = `t${rng.integer(2 ** 30)}`;
  const fields = Object.fromEntries(TYPED.map((field) => [field, []]));
  const bytes = (size: number) => Uint8Array.from({ length: size }, () => rng.integer(256));
  if (storage === undefined) {
    const string_data = Array.from({ length }, () => scalar('bytes text', rng));
    return { ...fields, name, dims, data_type: number, string_data, raw_data: undefined, data_location: 0 };
  }
  const raw_data = bytes(length * storage.BYTES_PER_ELEMENT);
  return { ...fields, name, dims, data_type: number, raw_data, data_location: 0 };
}

const TYPED = ['float_data', 'int32_data', 'string_data', 'int64_data', 'double_data', 'uint64_data'];

function randomAttribute(rng: Rng, depth: number): Message {
  const rows = Object.values(attributeKinds);
  const { number, field } = rows[rng.integer(rows.length)]!;
  const type = onnxSchema.AttributeProto[field][1];
  const message = type.split('[')[0] as MessageName;
  const value = () =>
    Object.hasOwn(onnxSchema, message) ? randomMessage(message, rng, depth + 1) : scalar(message, rng);
  return { name: `a${rng.integer(2 ** 30)}`, type: number, [field]: type.endsWith(']') ? [value(), value()] : value() };
}

function scalar(type: string, rng: Rng): unknown {
  if (type === 'string') return texts[rng.integer(texts.length)];
  if (type === 'bytes text') return new TextEncoder().encode(texts[rng.integer(texts.length)]);
  if (type === 'bytes') return Uint8Array.from({ length: 4 * rng.integer(4) }, () => rng.integer(256));
  if (type === 'float' || type === 'double') return rng.normal();
  return rng.integer(8) === 0 ? -1 - rng.integer(2 ** 20) : rng.integer(20);
}
