import protobuf from 'protobufjs/light.js';

/**
 * The ONNX protobuf schema, IR version 14: message → `name: [number, type]`. A type ends in `[]` when the field is
 * repeated and in `[packed]` when it is also written packed. Enums are int32 here, so that values of a newer schema pass
 * through; oneofs are plain fields, which is the same on the wire. All fields are optional with explicit presence.
 * The last three are of onnx-data.proto: values that are no tensors, as test data are stored.
 * Compared with the official descriptor by `bench/peers/onnx-schema.py`.
 */
export const onnxSchema = {
  ModelProto: {
    ir_version: [1, 'int64'],
    producer_name: [2, 'string'],
    producer_version: [3, 'string'],
    domain: [4, 'string'],
    model_version: [5, 'int64'],
    doc_string: [6, 'string'],
    graph: [7, 'GraphProto'],
    opset_import: [8, 'OperatorSetIdProto[]'],
    metadata_props: [14, 'StringStringEntryProto[]'],
    training_info: [20, 'TrainingInfoProto[]'],
    functions: [25, 'FunctionProto[]'],
    configuration: [26, 'DeviceConfigurationProto[]'],
  },
  GraphProto: {
    node: [1, 'NodeProto[]'],
    name: [2, 'string'],
    initializer: [5, 'TensorProto[]'],
    doc_string: [10, 'string'],
    input: [11, 'ValueInfoProto[]'],
    output: [12, 'ValueInfoProto[]'],
    value_info: [13, 'ValueInfoProto[]'],
    quantization_annotation: [14, 'TensorAnnotation[]'],
    sparse_initializer: [15, 'SparseTensorProto[]'],
    metadata_props: [16, 'StringStringEntryProto[]'],
  },
  NodeProto: {
    input: [1, 'string[]'],
    output: [2, 'string[]'],
    name: [3, 'string'],
    op_type: [4, 'string'],
    attribute: [5, 'AttributeProto[]'],
    doc_string: [6, 'string'],
    domain: [7, 'string'],
    overload: [8, 'string'],
    metadata_props: [9, 'StringStringEntryProto[]'],
    device_configurations: [10, 'NodeDeviceConfigurationProto[]'],
  },
  AttributeProto: {
    name: [1, 'string'],
    f: [2, 'float'],
    i: [3, 'int64'],
    s: [4, 'bytes'],
    t: [5, 'TensorProto'],
    g: [6, 'GraphProto'],
    floats: [7, 'float[]'],
    ints: [8, 'int64[]'],
    strings: [9, 'bytes[]'],
    tensors: [10, 'TensorProto[]'],
    graphs: [11, 'GraphProto[]'],
    doc_string: [13, 'string'],
    tp: [14, 'TypeProto'],
    type_protos: [15, 'TypeProto[]'],
    type: [20, 'int32'],
    ref_attr_name: [21, 'string'],
    sparse_tensor: [22, 'SparseTensorProto'],
    sparse_tensors: [23, 'SparseTensorProto[]'],
  },
  ValueInfoProto: {
    name: [1, 'string'],
    type: [2, 'TypeProto'],
    doc_string: [3, 'string'],
    metadata_props: [4, 'StringStringEntryProto[]'],
  },
  TypeProto: {
    tensor_type: [1, 'TypeProto.Tensor'],
    sequence_type: [4, 'TypeProto.Sequence'],
    map_type: [5, 'TypeProto.Map'],
    denotation: [6, 'string'],
    opaque_type: [7, 'TypeProto.Opaque'],
    sparse_tensor_type: [8, 'TypeProto.SparseTensor'],
    optional_type: [9, 'TypeProto.Optional'],
  },
  'TypeProto.Tensor': { elem_type: [1, 'int32'], shape: [2, 'TensorShapeProto'] },
  'TypeProto.Sequence': { elem_type: [1, 'TypeProto'] },
  'TypeProto.Map': { key_type: [1, 'int32'], value_type: [2, 'TypeProto'] },
  'TypeProto.Optional': { elem_type: [1, 'TypeProto'] },
  'TypeProto.SparseTensor': { elem_type: [1, 'int32'], shape: [2, 'TensorShapeProto'] },
  'TypeProto.Opaque': { domain: [1, 'string'], name: [2, 'string'] },
  TensorShapeProto: { dim: [1, 'TensorShapeProto.Dimension[]'] },
  'TensorShapeProto.Dimension': { dim_value: [1, 'int64'], dim_param: [2, 'string'], denotation: [3, 'string'] },
  TensorProto: {
    dims: [1, 'int64[]'],
    data_type: [2, 'int32'],
    segment: [3, 'TensorProto.Segment'],
    float_data: [4, 'float[packed]'],
    int32_data: [5, 'int32[packed]'],
    string_data: [6, 'bytes[]'],
    int64_data: [7, 'int64[packed]'],
    name: [8, 'string'],
    raw_data: [9, 'bytes'],
    double_data: [10, 'double[packed]'],
    uint64_data: [11, 'uint64[packed]'],
    doc_string: [12, 'string'],
    external_data: [13, 'StringStringEntryProto[]'],
    data_location: [14, 'int32'],
    metadata_props: [16, 'StringStringEntryProto[]'],
  },
  'TensorProto.Segment': { begin: [1, 'int64'], end: [2, 'int64'] },
  SparseTensorProto: { values: [1, 'TensorProto'], indices: [2, 'TensorProto'], dims: [3, 'int64[]'] },
  TensorAnnotation: { tensor_name: [1, 'string'], quant_parameter_tensor_names: [2, 'StringStringEntryProto[]'] },
  StringStringEntryProto: { key: [1, 'string'], value: [2, 'string'] },
  OperatorSetIdProto: { domain: [1, 'string'], version: [2, 'int64'] },
  FunctionProto: {
    name: [1, 'string'],
    input: [4, 'string[]'],
    output: [5, 'string[]'],
    attribute: [6, 'string[]'],
    node: [7, 'NodeProto[]'],
    doc_string: [8, 'string'],
    opset_import: [9, 'OperatorSetIdProto[]'],
    domain: [10, 'string'],
    attribute_proto: [11, 'AttributeProto[]'],
    value_info: [12, 'ValueInfoProto[]'],
    overload: [13, 'string'],
    metadata_props: [14, 'StringStringEntryProto[]'],
  },
  TrainingInfoProto: {
    initialization: [1, 'GraphProto'],
    algorithm: [2, 'GraphProto'],
    initialization_binding: [3, 'StringStringEntryProto[]'],
    update_binding: [4, 'StringStringEntryProto[]'],
  },
  DeviceConfigurationProto: { name: [1, 'string'], num_devices: [2, 'int32'], device: [3, 'string[]'] },
  NodeDeviceConfigurationProto: {
    configuration_id: [1, 'string'],
    sharding_spec: [2, 'ShardingSpecProto[]'],
    pipeline_stage: [3, 'int32'],
  },
  ShardingSpecProto: {
    tensor_name: [1, 'string'],
    device: [2, 'int64[]'],
    index_to_device_group_map: [3, 'IntIntListEntryProto[]'],
    sharded_dim: [4, 'ShardedDimProto[]'],
  },
  ShardedDimProto: { axis: [1, 'int64'], simple_sharding: [2, 'SimpleShardedDimProto[]'] },
  SimpleShardedDimProto: { dim_value: [1, 'int64'], dim_param: [2, 'string'], num_shards: [3, 'int64'] },
  IntIntListEntryProto: { key: [1, 'int64'], value: [2, 'int64[]'] },
  SequenceProto: {
    name: [1, 'string'],
    elem_type: [2, 'int32'],
    tensor_values: [3, 'TensorProto[]'],
    sparse_tensor_values: [4, 'SparseTensorProto[]'],
    sequence_values: [5, 'SequenceProto[]'],
    map_values: [6, 'MapProto[]'],
    optional_values: [7, 'OptionalProto[]'],
  },
  MapProto: {
    name: [1, 'string'],
    key_type: [2, 'int32'],
    keys: [3, 'int64[]'],
    string_keys: [4, 'bytes[]'],
    values: [5, 'SequenceProto'],
  },
  OptionalProto: {
    name: [1, 'string'],
    elem_type: [2, 'int32'],
    tensor_value: [3, 'TensorProto'],
    sparse_tensor_value: [4, 'SparseTensorProto'],
    sequence_value: [5, 'SequenceProto'],
    map_value: [6, 'MapProto'],
    optional_value: [7, 'OptionalProto'],
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, readonly [number, string]>>>>;

/** The name of a message of {@link onnxSchema}. */
export type MessageName = keyof typeof onnxSchema;

const root = protobuf.Root.fromJSON({ nested: { onnx: { nested: descriptor() } } });

/** The protobufjs reflection type of a message. */
export function messageType(name: MessageName): protobuf.Type {
  return types.get(name)!;
}

const types = new Map(
  (Object.keys(onnxSchema) as MessageName[]).map((name) => [name, root.lookupType(`onnx.${flat(name)}`)]),
);

function descriptor(): Record<string, protobuf.IType> {
  return Object.fromEntries(
    Object.entries(onnxSchema).map(([name, fields]) => [
      flat(name),
      {
        edition: 'proto2',
        fields: Object.fromEntries(
          Object.entries(fields as Record<string, readonly [number, string]>).map(([field, [id, type]]) => {
            const [base, repeated] = type.split('[') as [string, string | undefined];
            const options: Record<string, unknown> = {};
            if (repeated === 'packed]') options.packed = true;
            if (base === 'string') options.features = { utf8_validation: 'VERIFY' };
            return [field, { id, type: flat(base), options, ...(repeated === undefined ? {} : { rule: 'repeated' }) }];
          }),
        ),
      },
    ]),
  );
}

function flat(name: string): string {
  return name.replace('.', '_');
}
