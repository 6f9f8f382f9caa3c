import { SlmError } from '../errors.ts';
import type { Attribute, Graph, LocalFunction, Model, Node, ValueInfo } from '../model.ts';
import { attributeKinds } from './attribute-kind.ts';
import type { Message } from './message.ts';
import * as message from './message.ts';
import { encodeSparse, encodeTensor, type PlaceExternal } from './tensor.ts';
import { encodeValueInfo } from './value-type.ts';
import { joinPieces, type Pieces, writeMessage } from './wire-writer.ts';

/** Largest protobuf message: 2 GiB − 1. */
export const MAX_MESSAGE_BYTES = 2 ** 31 - 1;

/**
 * Serializes a model, its external data included. Deterministic: records are written by key, initializers as `raw_data`
 * in the map's order. Throws `ONNX_INVALID` for values the format cannot hold and `ONNX_TOO_LARGE` beyond 2 GiB.
 */
export function encodeModel(model: Model): Uint8Array {
  return joinPieces(
    checkSize(modelPieces(model), 'quantize it, or use writeModel, which puts weights into a data file'),
  );
}

/** The serialized model without a copy of its weights; initializers that `place` takes are left out. */
export function modelPieces(model: Model, place?: PlaceExternal): Pieces {
  return writeMessage('ModelProto', modelProto(model, place));
}

/** The same pieces. Throws `ONNX_TOO_LARGE` when they make more than a message may have. */
export function checkSize(pieces: Pieces, hint: string): Pieces {
  if (pieces.length <= MAX_MESSAGE_BYTES) return pieces;
  const text = `model: expected at most ${MAX_MESSAGE_BYTES} bytes, got ${pieces.length} (${hint})`;
  throw new SlmError('ONNX_TOO_LARGE', text);
}

function modelProto(model: Model, place?: PlaceExternal): Message {
  return message.compose(
    {
      ir_version: message.toLong(model.irVersion, 'model irVersion'),
      producer_name: model.producerName,
      producer_version: model.producerVersion,
      domain: model.domain,
      model_version: model.modelVersion === undefined ? undefined : message.toLong(model.modelVersion, 'model version'),
      doc_string: model.doc,
      graph: graphProto(model.graph, 'graph', place),
      opset_import: opsetProtos(model.opsets),
      metadata_props: message.toEntries(model.metadata),
      functions: model.functions?.map((local) => functionProto(local, place)),
    },
    model.unknown,
  );
}

function opsetProtos(opsets: Readonly<Record<string, number>>): readonly Message[] {
  return message
    .sortedEntries(opsets)
    .map(([domain, version]) => ({ domain, version: message.toLong(version, `opset of domain "${domain}"`) }));
}

function graphProto(graph: Graph, where: string, place: PlaceExternal | undefined): Message {
  const details = new Map<string, ValueInfo>(graph.valueDetails);
  const values: ValueInfo[] = [];
  for (const [name, type] of graph.types) values.push({ ...details.get(name), name, type });
  for (const [name, info] of details) if (!graph.types.has(name)) values.push(info);
  const named = (name: string) => `${where}, initializer ${JSON.stringify(name)}`;
  return message.compose(
    {
      node: graph.nodes.map((node) => nodeProto(node, where, place)),
      name: graph.name,
      initializer: Array.from(graph.initializers, ([name, tensor]) => encodeTensor(tensor, name, named(name), place)),
      doc_string: graph.doc,
      input: graph.inputs.map(encodeValueInfo),
      output: graph.outputs.map(encodeValueInfo),
      value_info: values.map(encodeValueInfo),
      quantization_annotation: graph.quantization?.map(({ tensor, parameters, unknown }) =>
        message.compose({ tensor_name: tensor, quant_parameter_tensor_names: message.toEntries(parameters) }, unknown),
      ),
      sparse_initializer: Array.from(graph.sparseInitializers ?? [], ([name, sparse]) =>
        encodeSparse(sparse, name, named(name)),
      ),
      metadata_props: message.toEntries(graph.metadata),
    },
    graph.unknown,
  );
}

function nodeProto(node: Node, where: string, place: PlaceExternal | undefined): Message {
  const within = `${where}, node ${JSON.stringify(node.name || node.opType)}`;
  return message.compose(
    {
      input: node.inputs,
      output: node.outputs,
      name: node.name === '' ? undefined : node.name,
      op_type: node.opType,
      attribute: attributeProtos(node.attributes, within, place),
      doc_string: node.doc,
      domain: node.domain === '' ? undefined : node.domain,
      overload: node.overload,
      metadata_props: message.toEntries(node.metadata),
    },
    node.unknown,
  );
}

function functionProto(local: LocalFunction, place: PlaceExternal | undefined): Message {
  const where = `function ${JSON.stringify(local.name)}`;
  return message.compose(
    {
      name: local.name,
      input: local.inputs,
      output: local.outputs,
      attribute: local.attributeNames,
      node: local.nodes.map((node) => nodeProto(node, where, place)),
      doc_string: local.doc,
      opset_import: opsetProtos(local.opsets),
      domain: local.domain,
      attribute_proto: attributeProtos(local.attributes, where, place),
      overload: local.overload,
      metadata_props: message.toEntries(local.metadata),
    },
    local.unknown,
  );
}

function attributeProtos(
  attributes: Readonly<Record<string, Attribute>>,
  where: string,
  place: PlaceExternal | undefined,
): readonly Message[] {
  return message
    .sortedEntries(attributes)
    .map(([name, attribute]) => attributeProto(name, attribute, `${where}, attribute ${JSON.stringify(name)}`, place));
}

function attributeProto(name: string, attribute: Attribute, where: string, place: PlaceExternal | undefined): Message {
  if (attribute.kind === 'raw') return message.compose({ name }, [attribute.value, ...(attribute.unknown ?? [])]);
  const common = { name, doc_string: attribute.doc };
  if (attribute.kind === 'ref') {
    const { value, type, unknown } = attribute;
    return message.compose({ ...common, ref_attr_name: value, type: type === 0 ? undefined : type }, unknown);
  }
  const { number, field } = attributeKinds[attribute.kind === 'bytes' ? 'string' : attribute.kind];
  return message.compose(
    { ...common, type: number, [field]: attributeField(attribute, where, place) },
    attribute.unknown,
  );
}

function attributeField(
  attribute: Exclude<Attribute, { kind: 'ref' | 'raw' }>,
  where: string,
  place: PlaceExternal | undefined,
): unknown {
  switch (attribute.kind) {
    case 'int':
      return message.toLong(attribute.value, where);
    case 'string':
      return message.bytesOf(attribute.value);
    case 'tensor':
      return encodeTensor(attribute.value, undefined, where);
    case 'graph':
      return graphProto(attribute.value, where, place);
    case 'ints':
      return attribute.value.map((value) => message.toLong(value, where));
    case 'strings':
      return attribute.value.map(message.bytesOf);
    case 'tensors':
      return attribute.value.map((tensor) => encodeTensor(tensor, undefined, where));
    case 'graphs':
      return attribute.value.map((graph) => graphProto(graph, where, place));
    case 'float':
    case 'floats':
    case 'bytes':
      return attribute.value;
  }
}
