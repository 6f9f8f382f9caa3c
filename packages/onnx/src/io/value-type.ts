import { dataTypeOf, dataTypes } from '../data-type.ts';
import type { Dim, TensorType, ValueInfo } from '../model.ts';
import type { Long, Message } from './message.ts';
import * as message from './message.ts';
import { messageType } from './schema.ts';

/**
 * A TypeProto as a tensor type, `undefined` for other kinds and unknown element types. When it says more than element
 * type and shape, its bytes are kept in `proto`.
 */
export function decodeType(proto: Message): TensorType | undefined {
  const bytes = message.encodeMessage('TypeProto', proto);
  const tensor = message.take<Message>(proto, 'tensor_type');
  const type = tensor === undefined ? undefined : dataTypeOf(message.take<number>(tensor, 'elem_type') ?? 0);
  if (tensor === undefined || type === undefined) return undefined;
  const shape = message.take<Message>(tensor, 'shape');
  const dimProtos = shape === undefined ? [] : message.takeAll<Message>(shape, 'dim');
  const dims = dimProtos.map(decodeDim);
  const plain = ![proto, tensor, ...(shape === undefined ? [] : [shape]), ...dimProtos].some(message.hasRest);
  return { type, ...(shape === undefined ? {} : { dims }), ...(plain ? {} : { proto: bytes }) };
}

function decodeDim(proto: Message): Dim {
  const param = message.take<string>(proto, 'dim_param');
  if (param !== undefined && param !== '') return param;
  const value = message.take<Long>(proto, 'dim_value');
  if (value === undefined) return undefined;
  const size = message.fromLong(value);
  return typeof size === 'number' && size >= 0 ? size : undefined;
}

/** A tensor type as a TypeProto. */
export function encodeType(type: TensorType, where: string): Message {
  if (type.proto !== undefined) {
    const kept = messageType('TypeProto').decode(type.proto) as unknown as Message;
    if (sameType(decodeType(kept), type)) return { $unknowns: [type.proto] };
  }
  const dim = type.dims?.map((size): Message => {
    if (typeof size === 'string') return { dim_param: size };
    return size === undefined ? {} : { dim_value: message.toLong(size, `${where} dims`) };
  });
  const shape = dim === undefined ? {} : { shape: { dim } };
  return { tensor_type: { elem_type: dataTypes[type.type].number, ...shape } };
}

function sameType(a: TensorType | undefined, b: TensorType): boolean {
  if (a?.type !== b.type || a.dims?.length !== b.dims?.length) return false;
  return a.dims === undefined || a.dims.every((dim, axis) => dim === b.dims?.[axis]);
}

/** A ValueInfoProto; a type that is no tensor type stays in `unknown`. */
export function decodeValueInfo(proto: Message): ValueInfo {
  const typeProto = message.take<Message>(proto, 'type');
  let type: TensorType | undefined;
  if (typeProto !== undefined) {
    const bytes = message.encodeMessage('TypeProto', typeProto);
    type = decodeType(typeProto);
    if (type === undefined) proto.type = { $unknowns: [bytes] };
  }
  const name = message.take<string>(proto, 'name') ?? '';
  const doc = message.take<string>(proto, 'doc_string');
  const metadata = message.takeEntries(proto, 'metadata_props');
  return {
    name,
    ...(type === undefined ? {} : { type }),
    ...(doc === undefined ? {} : { doc }),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
    ...message.rest('ValueInfoProto', proto),
  };
}

/** The reverse of {@link decodeValueInfo}. */
export function encodeValueInfo(info: ValueInfo): Message {
  return message.compose(
    {
      name: info.name,
      type: info.type === undefined ? undefined : encodeType(info.type, `value ${JSON.stringify(info.name)}`),
      doc_string: info.doc,
      metadata_props: message.toEntries(info.metadata),
    },
    info.unknown,
  );
}
