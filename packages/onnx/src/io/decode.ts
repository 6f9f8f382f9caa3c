import { SlmError } from '../errors.ts';
import type {
  Attribute,
  AttributeValue,
  Graph,
  LocalFunction,
  Model,
  Node,
  QuantizationAnnotation,
  SparseTensor,
  Tensor,
  TensorType,
  ValueInfo,
} from '../model.ts';
import { attributeKinds, kindOfNumber, type TypedKind } from './attribute-kind.ts';
import { RecentData } from './lazy-tensor.ts';
import type { Long, Message } from './message.ts';
import * as message from './message.ts';
import { decodeSparse, decodeTensor, type OpenExternal, type TensorSource } from './tensor.ts';
import { decodeValueInfo } from './value-type.ts';

/** How a model is decoded. */
export interface DecodeOptions {
  /** What error messages call the model; `model` by default. */
  readonly where?: string;
  /** Finds external tensor data; without it a model that has some is refused. */
  readonly external?: OpenExternal;
  /** True to give the bytes away: weights are moved within them to where they can be viewed, rather than copied. */
  readonly owned?: boolean;
}

/**
 * Reads a serialized ModelProto. What these types do not model, fields of a newer schema included, is kept and written
 * back by `encodeModel`. Weights are views of `bytes` where alignment allows.
 *
 * Throws `ONNX_CORRUPT` for anything that is not a whole model. Time and memory are bounded by a multiple of the input's length,
 * nesting by 100 messages.
 */
export function decodeModel(bytes: Uint8Array, options: DecodeOptions = {}): Model {
  const where = options.where ?? 'model';
  const { external = refuseExternal, owned = false } = options;
  const proto = message.decodeMessage('ModelProto', bytes, `${where}: expected a serialized ONNX model`);
  try {
    return modelOf(proto, where, { external, owned, recent: new RecentData() });
  } catch (error) {
    if (!(error instanceof SlmError) || error.message.startsWith(where)) throw error;
    throw new SlmError(error.code, `${where}, ${error.message}`, { cause: error });
  }
}

function refuseExternal(location: string, _offset: number, _length: number, where: string): never {
  throw message.corrupt(where, 'data inside the model', `external data in ${JSON.stringify(location)} (use readModel)`);
}

function modelOf(proto: Message, where: string, source: TensorSource): Model {
  const graph = message.take<Message>(proto, 'graph');
  if (graph === undefined) throw message.corrupt(where, 'a graph', 'a message without one');
  const version = message.take<Long>(proto, 'ir_version');
  const modelVersion = message.take<Long>(proto, 'model_version');
  const functions = message.takeAll<Message>(proto, 'functions').map((entry) => functionOf(entry, source));
  return {
    irVersion: version === undefined ? 0 : message.toSize(version, `${where} ir_version`),
    opsets: takeOpsets(proto),
    graph: graphOf(graph, 'graph', source),
    ...texts(proto, { producer_name: 'producerName', producer_version: 'producerVersion', domain: 'domain' }),
    ...(modelVersion === undefined ? {} : { modelVersion: message.fromLong(modelVersion) }),
    ...texts(proto, { doc_string: 'doc' }),
    metadata: message.takeEntries(proto, 'metadata_props'),
    ...(functions.length === 0 ? {} : { functions }),
    ...message.rest('ModelProto', proto),
  };
}

/** Takes `opset_import`; a domain's first entry counts, others stay. `ai.onnx` is the domain `''`. */
function takeOpsets(proto: Message): Record<string, number> {
  const opsets = new Map<string, number>();
  const kept: Message[] = [];
  for (const entry of message.takeAll<Message>(proto, 'opset_import')) {
    const { domain = '', version } = entry as { domain?: string; version?: Long };
    const key = normalDomain(domain);
    if (opsets.has(key) || (entry.$unknowns?.length ?? 0) > 0) kept.push(entry);
    else opsets.set(key, version === undefined ? 0 : message.toSize(version, `opset of domain "${key}"`));
  }
  if (kept.length > 0) proto.opset_import = kept;
  return Object.fromEntries(opsets);
}

function normalDomain(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain;
}

function graphOf(proto: Message, where: string, source: TensorSource): Graph {
  const initializers = new Map<string, Tensor>();
  for (const entry of message.takeAll<Message>(proto, 'initializer')) {
    const name = message.take<string>(entry, 'name') ?? '';
    const place = `${where}, initializer ${JSON.stringify(name)}`;
    if (initializers.has(name)) throw message.corrupt(place, 'one initializer of this name', 'two');
    initializers.set(name, decodeTensor(entry, place, source));
  }
  const sparseInitializers = new Map<string, SparseTensor>();
  for (const entry of message.takeAll<Message>(proto, 'sparse_initializer')) {
    const values = message.isPresent(entry, 'values') ? (entry.values as Message) : {};
    const name = message.take<string>(values, 'name') ?? '';
    const place = `${where}, sparse initializer ${JSON.stringify(name)}`;
    if (sparseInitializers.has(name)) throw message.corrupt(place, 'one initializer of this name', 'two');
    sparseInitializers.set(name, decodeSparse(entry, place, source));
  }
  const types = new Map<string, TensorType>();
  const valueDetails = new Map<string, ValueInfo>();
  const repeated: Message[] = [];
  for (const entry of message.takeAll<Message>(proto, 'value_info')) {
    const key = message.isPresent(entry, 'name') ? (entry.name as string) : '';
    if (types.has(key) || valueDetails.has(key)) {
      repeated.push(entry);
      continue;
    }
    const { type, ...details } = decodeValueInfo(entry);
    if (type !== undefined) types.set(key, type);
    if (type === undefined || Object.keys(details).length > 1) valueDetails.set(key, details);
  }
  if (repeated.length > 0) proto.value_info = repeated;
  const quantization = message.takeAll<Message>(proto, 'quantization_annotation').map(
    (entry): QuantizationAnnotation => ({
      tensor: message.take<string>(entry, 'tensor_name') ?? '',
      parameters: message.takeEntries(entry, 'quant_parameter_tensor_names'),
      ...message.rest('TensorAnnotation', entry),
    }),
  );
  return {
    name: message.take<string>(proto, 'name') ?? '',
    inputs: message.takeAll<Message>(proto, 'input').map(decodeValueInfo),
    outputs: message.takeAll<Message>(proto, 'output').map(decodeValueInfo),
    nodes: message.takeAll<Message>(proto, 'node').map((entry) => nodeOf(entry, where, source)),
    initializers,
    types,
    ...(valueDetails.size === 0 ? {} : { valueDetails }),
    ...(sparseInitializers.size === 0 ? {} : { sparseInitializers }),
    ...(quantization.length === 0 ? {} : { quantization }),
    ...texts(proto, { doc_string: 'doc' }),
    ...takeMetadata(proto),
    ...message.rest('GraphProto', proto),
  };
}

function nodeOf(proto: Message, where: string, source: TensorSource): Node {
  const name = message.take<string>(proto, 'name') ?? '';
  const opType = message.take<string>(proto, 'op_type') ?? '';
  const place = `${where}, node ${JSON.stringify(name || opType)}`;
  return {
    name,
    opType,
    domain: normalDomain(message.take<string>(proto, 'domain') ?? ''),
    inputs: message.takeAll<string>(proto, 'input'),
    outputs: message.takeAll<string>(proto, 'output'),
    attributes: takeAttributes(proto, 'attribute', place, source),
    ...texts(proto, { overload: 'overload', doc_string: 'doc' }),
    ...takeMetadata(proto),
    ...message.rest('NodeProto', proto),
  };
}

function takeAttributes(proto: Message, field: string, where: string, source: TensorSource) {
  const attributes = new Map<string, Attribute>();
  for (const entry of message.takeAll<Message>(proto, field)) {
    const name = message.take<string>(entry, 'name') ?? '';
    const place = `${where}, attribute ${JSON.stringify(name)}`;
    if (attributes.has(name)) throw message.corrupt(place, 'one attribute of this name', 'two');
    attributes.set(name, attributeOf(entry, place, source));
  }
  return Object.fromEntries(attributes);
}

/** An attribute whose name has been taken. */
function attributeOf(proto: Message, where: string, source: TensorSource): Attribute {
  const reference = proto.ref_attr_name as string | undefined;
  if (Object.hasOwn(proto, 'ref_attr_name') && reference !== '') {
    const value = message.take<string>(proto, 'ref_attr_name')!;
    return { kind: 'ref', value, type: message.take<number>(proto, 'type') ?? 0, ...attributeExtras(proto) };
  }
  const kind = kindOf(proto);
  const texts = kind === 'strings' ? (proto.strings as readonly Uint8Array[]).map(message.textOf) : [];
  if (kind === undefined || texts.includes(undefined)) {
    return { kind: 'raw', value: message.encodeMessage('AttributeProto', proto) };
  }
  message.take(proto, 'type');
  const value = attributeValue(kind, proto, where, source);
  return { ...value, ...attributeExtras(proto) };
}

function attributeExtras(proto: Message) {
  return { ...texts(proto, { doc_string: 'doc' }), ...message.rest('AttributeProto', proto) };
}

/** The declared kind; for files from before IR version 2, which declare none, the kind of the only value present. */
function kindOf(proto: Message): TypedKind | undefined {
  const number = Object.hasOwn(proto, 'type') ? (proto.type as number) : 0;
  if (number !== 0) return kindOfNumber(number);
  const present = (Object.keys(attributeKinds) as TypedKind[]).filter((kind) =>
    message.isPresent(proto, attributeKinds[kind].field),
  );
  return present.length === 1 ? present[0] : undefined;
}

function attributeValue(kind: TypedKind, proto: Message, where: string, source: TensorSource): AttributeValue {
  const { field } = attributeKinds[kind];
  const one = <T>(): T => {
    const value = message.take<T>(proto, field);
    if (value === undefined) throw message.corrupt(where, `a ${kind}`, 'no value');
    return value;
  };
  const all = <T>(): readonly T[] => message.takeAll<T>(proto, field);
  switch (kind) {
    case 'float':
      return { kind, value: message.take<number>(proto, field) ?? 0 };
    case 'int': {
      const value = message.take<Long>(proto, field);
      return { kind, value: value === undefined ? 0 : message.fromLong(value) };
    }
    case 'string': {
      const value = message.take<Uint8Array>(proto, field) ?? new Uint8Array();
      const text = message.textOf(value);
      return text === undefined ? { kind: 'bytes', value } : { kind, value: text };
    }
    case 'tensor':
      return { kind, value: decodeTensor(one(), where, source) };
    case 'graph':
      return { kind, value: graphOf(one(), where, source) };
    case 'floats':
      return { kind, value: all<number>() };
    case 'ints':
      return { kind, value: all<Long>().map(message.fromLong) };
    case 'strings':
      return { kind, value: all<Uint8Array>().map((bytes) => message.textOf(bytes)!) };
    case 'tensors':
      return { kind, value: all<Message>().map((entry) => decodeTensor(entry, where, source)) };
    case 'graphs':
      return { kind, value: all<Message>().map((entry) => graphOf(entry, where, source)) };
  }
}

function functionOf(proto: Message, source: TensorSource): LocalFunction {
  const name = message.take<string>(proto, 'name') ?? '';
  const where = `function ${JSON.stringify(name)}`;
  return {
    domain: normalDomain(message.take<string>(proto, 'domain') ?? ''),
    name,
    inputs: message.takeAll<string>(proto, 'input'),
    outputs: message.takeAll<string>(proto, 'output'),
    attributeNames: message.takeAll<string>(proto, 'attribute'),
    attributes: takeAttributes(proto, 'attribute_proto', where, source),
    nodes: message.takeAll<Message>(proto, 'node').map((entry) => nodeOf(entry, where, source)),
    opsets: takeOpsets(proto),
    ...texts(proto, { overload: 'overload', doc_string: 'doc' }),
    ...takeMetadata(proto),
    ...message.rest('FunctionProto', proto),
  };
}

/** Takes string fields under the names they have in the model; absent ones stay absent. */
function texts<Name extends string>(proto: Message, names: Readonly<Record<string, Name>>): { [K in Name]?: string } {
  const found: { [K in Name]?: string } = {};
  for (const [field, name] of Object.entries(names)) {
    const value = message.take<string>(proto, field);
    if (value !== undefined) found[name] = value;
  }
  return found;
}

function takeMetadata(proto: Message): { metadata?: Readonly<Record<string, string>> } {
  const metadata = message.takeEntries(proto, 'metadata_props');
  return Object.keys(metadata).length === 0 ? {} : { metadata };
}

/** True when a model carries training information (`training_info`), which is kept in `unknown`. */
export function hasTrainingInfo(model: Model): boolean {
  if (model.unknown === undefined) return false;
  const fields = message.decodeMessage('ModelProto', Buffer.concat(model.unknown), 'model unknown: expected fields');
  return message.takeAll(fields, 'training_info').length > 0;
}
