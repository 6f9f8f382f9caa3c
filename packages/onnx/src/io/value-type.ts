import { dataTypeOf, dataTypes } from '../data-type.ts';
import type { ContainerType, Dim, TensorType, ValueInfo, ValueType } from '../model.ts';
import type { Long, Message } from './message.ts';
import * as message from './message.ts';

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
    const kept = message.decodeMessage('TypeProto', type.proto, `${where}: expected a TypeProto`);
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

/** A TypeProto of another kind than a tensor; `undefined` for one that says less or more than {@link ContainerType}. */
function decodeContainer(proto: Message): ContainerType | undefined {
  const [field = '', ...others] = Object.keys(proto);
  const decode = containers[field];
  if (decode === undefined || others.length > 0 || message.hasUnknown(proto)) return undefined;
  const content = message.take<Message>(proto, field)!;
  const type = decode(content);
  return message.hasRest(content) ? undefined : type;
}

const containers: Readonly<Record<string, (proto: Message) => ContainerType | undefined>> = {
  sequence_type(proto) {
    const element = takeType(proto, 'elem_type');
    return element && { kind: 'sequence', element };
  },
  optional_type(proto) {
    const element = takeType(proto, 'elem_type');
    return element && { kind: 'optional', element };
  },
  map_type(proto) {
    const key = dataTypeOf(message.take<number>(proto, 'key_type') ?? 0);
    const value = takeType(proto, 'value_type');
    return key && value && { kind: 'map', key, value };
  },
  sparse_tensor_type(proto) {
    const tensor = decodeType({ tensor_type: { ...proto } });
    if (tensor === undefined || tensor.proto !== undefined) return undefined;
    message.take(proto, 'elem_type');
    message.take(proto, 'shape');
    return { kind: 'sparse', ...tensor };
  },
  opaque_type(proto) {
    const domain = message.take<string>(proto, 'domain') ?? '';
    return { kind: 'opaque', domain, name: message.take<string>(proto, 'name') ?? '' };
  },
};

function takeType(proto: Message, field: string): ValueType | undefined {
  const type = message.take<Message>(proto, field);
  return type && (Object.hasOwn(type, 'tensor_type') ? decodeType(type) : decodeContainer(type));
}

function encodeContainer(type: ValueType, where: string): Message {
  if (!('kind' in type)) return encodeType(type, where);
  switch (type.kind) {
    case 'sequence':
      return { sequence_type: { elem_type: encodeContainer(type.element, where) } };
    case 'optional':
      return { optional_type: { elem_type: encodeContainer(type.element, where) } };
    case 'map': {
      const key_type = dataTypes[type.key].number;
      return { map_type: { key_type, value_type: encodeContainer(type.value, where) } };
    }
    case 'sparse':
      return { sparse_tensor_type: encodeType({ ...type }, where).tensor_type };
    case 'opaque':
      return { opaque_type: message.compose({ domain: type.domain || undefined, name: type.name || undefined }) };
  }
}

/** A ValueInfoProto; a type that {@link ValueType} cannot express stays in `unknown`. */
export function decodeValueInfo(proto: Message): ValueInfo {
  const typeProto = message.take<Message>(proto, 'type');
  const types: { type?: TensorType; container?: ContainerType } = {};
  if (typeProto !== undefined) {
    const bytes = message.encodeMessage('TypeProto', typeProto);
    const dense = Object.hasOwn(typeProto, 'tensor_type');
    const type = dense ? decodeType(typeProto) : undefined;
    const container = dense ? undefined : decodeContainer(typeProto);
    if (type !== undefined) types.type = type;
    else if (container !== undefined) types.container = container;
    else proto.type = { $unknowns: [bytes] };
  }
  const name = message.take<string>(proto, 'name') ?? '';
  const doc = message.take<string>(proto, 'doc_string');
  const metadata = message.takeEntries(proto, 'metadata_props');
  return {
    name,
    ...types,
    ...(doc === undefined ? {} : { doc }),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
    ...message.rest('ValueInfoProto', proto),
  };
}

/** The reverse of {@link decodeValueInfo}. Of `type` and `container`, `type` is written where both are given. */
export function encodeValueInfo(info: ValueInfo): Message {
  const type = info.type ?? info.container;
  return message.compose(
    {
      name: info.name,
      type: type === undefined ? undefined : encodeContainer(type, `value ${JSON.stringify(info.name)}`),
      doc_string: info.doc,
      metadata_props: message.toEntries(info.metadata),
    },
    info.unknown,
  );
}
