import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import onnxProto from 'onnx-proto';
import protobuf from 'protobufjs/light.js';
import { describe, expect, it } from 'vitest';
import { arbitraryModel, arbitraryTensor } from '../../test/arbitrary-model.ts';
import { createGraphBuilder, float } from '../builder.ts';
import { dataTypes } from '../data-type.ts';
import { float32, int64, type Model, type Tensor } from '../model.ts';
import { decodeModel } from './decode.ts';
import { encodeModel } from './encode.ts';
import { encodeMessage, type Message } from './message.ts';
import { messageType } from './schema.ts';

const { onnx } = onnxProto;

/** A model around one initializer. */
function holding(tensor: Tensor): Model {
  const graph = {
    name: '',
    inputs: [],
    outputs: [],
    nodes: [],
    initializers: new Map([['w', tensor]]),
    types: new Map(),
  };
  return { irVersion: 8, opsets: { '': 17 }, graph, metadata: {} };
}

/** Serializes a ModelProto given as protobuf fields. */
function bytesOf(proto: Message): Uint8Array {
  return encodeMessage('ModelProto', { ir_version: 8, graph: {}, ...proto });
}

function tensorOf(proto: Message): Tensor {
  return decodeModel(bytesOf({ graph: { initializer: [{ name: 'w', ...proto }] } })).graph.initializers.get('w')!;
}

describe('write then read', () => {
  it('gives an equal model, for any model', () => {
    fc.assert(
      fc.property(arbitraryModel, (model) => {
        // Not toEqual, which takes an own `constructor` key for the class.
        expect(isDeepStrictEqual(decodeModel(encodeModel(model)), model)).toBe(true);
      }),
      { numRuns: 300, seed: 1 },
    );
  });

  it('gives the same bytes again, whatever the order of record keys', () => {
    fc.assert(
      fc.property(arbitraryModel, (model) => {
        const bytes = encodeModel(model);
        expect(encodeModel(decodeModel(bytes))).toEqual(bytes);
        const reversed = (record: object) => Object.fromEntries(Object.entries(record).reverse());
        const shuffled = { ...model, metadata: reversed(model.metadata), opsets: reversed(model.opsets) };
        expect(encodeModel(shuffled)).toEqual(bytes);
      }),
      { numRuns: 100, seed: 2 },
    );
  });

  it('makes structured clones possible', () => {
    fc.assert(
      fc.property(arbitraryModel, (model) => {
        expect(isDeepStrictEqual(structuredClone(decodeModel(encodeModel(model))), model)).toBe(true);
      }),
      { numRuns: 50, seed: 3 },
    );
  });
});

describe('onnx-proto, another implementation, reads what was written', () => {
  it('tensors of the element types it knows', () => {
    fc.assert(
      fc.property(
        arbitraryTensor.filter(({ type }) => dataTypes[type].number <= 16),
        (tensor) => {
          const [found] = onnx.ModelProto.decode(encodeModel(holding(tensor))).graph!.initializer!;
          expect(found!.dims!.map(Number)).toEqual(tensor.dims);
          expect(found!.dataType).toBe(dataTypes[tensor.type].number);
          const { data } = tensor;
          if (ArrayBuffer.isView(data)) {
            expect([...found!.rawData!]).toEqual([...new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]);
          } else {
            expect(found!.stringData!.map((text) => Buffer.from(text).toString())).toEqual(data);
          }
        },
      ),
      { numRuns: 200, seed: 4 },
    );
  });

  it('nodes, attributes and types', () => {
    const g = createGraphBuilder('witness');
    const x = g.input('x', 'float32', ['batch', 4]);
    const w = g.constant('w', float32([1, 2, 3, 4, 5, 6, 7, 8], [4, 2]));
    const y = g.op('Gemm', [x, w], { alpha: float(0.5), transB: 0 }, { name: 'linear' });
    g.output(g.op('Custom', [y], { axes: [-1, 2], mode: 'é', values: int64([2]) }, { domain: 'x' }), 'float32', [
      'batch',
      2,
    ]);
    const found = onnx.ModelProto.decode(encodeModel(g.model({ opset: 17, opsets: { x: 1 }, metadata: { a: 'b' } })));
    expect(Number(found.irVersion)).toBe(8);
    expect(found.opsetImport!.map(({ domain, version }) => [domain, Number(version)])).toEqual([
      ['', 17],
      ['x', 1],
    ]);
    expect(found.metadataProps!.map(({ key, value }) => [key, value])).toEqual([['a', 'b']]);
    const [gemm, custom] = found.graph!.node!;
    expect([gemm!.name, gemm!.opType, gemm!.input, gemm!.output]).toEqual([
      'linear',
      'Gemm',
      ['x', 'w'],
      ['linear.out'],
    ]);
    expect(gemm!.attribute!.map(({ name, f, i }) => [name, f, Number(i)])).toEqual([
      ['alpha', 0.5, 0],
      ['transB', 0, 0],
    ]);
    const attributes = Object.fromEntries(custom!.attribute!.map((attribute) => [attribute.name, attribute]));
    expect(attributes.axes!.ints!.map(Number)).toEqual([-1, 2]);
    expect(Buffer.from(attributes.mode!.s!).toString()).toBe('é');
    expect(Number(attributes.values!.t!.dataType)).toBe(7);
    const [input] = found.graph!.input!;
    expect(input!.type!.tensorType!.shape!.dim!.map(({ dimParam, dimValue }) => dimParam || Number(dimValue))).toEqual([
      'batch',
      4,
    ]);
  });

  it('and what it writes is read with equal values', () => {
    const proto = onnx.ModelProto.create({
      irVersion: 8,
      opsetImport: [{ domain: 'ai.onnx', version: 15 }],
      graph: {
        name: 'g',
        initializer: [{ name: 'w', dims: [2], dataType: 1, floatData: [1.5, -2] }],
        node: [{ opType: 'Add', input: ['w', 'w'], output: ['y'], domain: 'ai.onnx' }],
      },
    });
    const model = decodeModel(onnx.ModelProto.encode(proto).finish());
    expect(model.opsets).toEqual({ '': 15 });
    expect(model.graph.initializers.get('w')).toEqual(float32([1.5, -2]));
    expect(model.graph.nodes[0]).toMatchObject({ opType: 'Add', domain: '', inputs: ['w', 'w'], outputs: ['y'] });
  });
});

describe('fields that the types do not model', () => {
  const newer = Uint8Array.of(0xc0, 0x3e, 7);
  const extra = (fields: Message): Message => ({ ...fields, $unknowns: [newer] });
  const entry = extra({ key: 'k', value: 'v' });
  const tensor = extra({ dims: [1], data_type: 1, raw_data: new Uint8Array(4), metadata_props: [entry] });
  const shape = extra({ dim: [extra({ dim_value: 3, denotation: 'DATA_BATCH' }), extra({ dim_param: 'n' })] });
  const types: Message[] = [
    extra({ tensor_type: extra({ elem_type: 1, shape }), denotation: 'IMAGE' }),
    extra({ sequence_type: extra({ elem_type: { tensor_type: { elem_type: 1 } } }) }),
    extra({ map_type: extra({ key_type: 7, value_type: { tensor_type: { elem_type: 1 } } }) }),
    extra({ optional_type: extra({ elem_type: { tensor_type: { elem_type: 1 } } }) }),
    extra({ sparse_tensor_type: extra({ elem_type: 1, shape }) }),
    extra({ opaque_type: extra({ domain: 'd', name: 'n' }) }),
  ];
  const sharding = extra({
    tensor_name: 't',
    device: [0, 1],
    index_to_device_group_map: [extra({ key: 1, value: [2, 3] })],
    sharded_dim: [extra({ axis: 0, simple_sharding: [extra({ dim_param: 'n', num_shards: 2 })] })],
  });
  const attributes = [
    extra({ name: 'a', type: 2, i: 0, doc_string: 'd' }),
    extra({ name: 'b', type: 4, t: tensor }),
    extra({ name: 'c', type: 11, sparse_tensor: extra({ values: tensor, indices: tensor, dims: [4] }) }),
    extra({ name: 'd', type: 12, sparse_tensors: [extra({ values: tensor, indices: tensor, dims: [4] })] }),
    extra({ name: 'e', type: 13, tp: types[0] }),
    extra({ name: 'f', type: 14, type_protos: types }),
    extra({ name: 'g', type: 5, g: extra({ name: 'inner' }) }),
    extra({ name: 'h', type: 99 }),
    extra({ name: 'i', type: 8, strings: [Uint8Array.of(0xff)] }),
    extra({ name: 'j', type: 1, ref_attr_name: 'outer' }),
  ];
  const node = extra({
    input: ['x'],
    output: ['y'],
    name: 'n',
    op_type: 'Op',
    attribute: attributes,
    doc_string: 'd',
    domain: 'x',
    overload: 'o',
    metadata_props: [entry, { key: 'z', value: '' }],
    device_configurations: [extra({ configuration_id: 'c', sharding_spec: [sharding], pipeline_stage: 1 })],
  });
  const graph = extra({
    node: [node],
    name: 'g',
    initializer: [{ ...tensor, name: 'w', doc_string: 'd' }],
    doc_string: 'd',
    input: types.map((type, index) => extra({ name: `in${index}`, type, doc_string: 'd', metadata_props: [entry] })),
    output: [{ name: 'y' }],
    value_info: [
      ...types.map((type, index) => extra({ name: `v${index}`, type })),
      { name: 'v0', doc_string: 'a second time' },
    ],
    quantization_annotation: [
      extra({ tensor_name: 'w', quant_parameter_tensor_names: [entry, { key: 'SCALE_TENSOR', value: 's' }] }),
    ],
    sparse_initializer: [extra({ values: { ...tensor, name: 's' }, indices: tensor, dims: [9] })],
    metadata_props: [entry],
  });
  const proto: Message = extra({
    ir_version: 14,
    producer_name: 'p',
    producer_version: '1',
    domain: 'd',
    model_version: 5,
    doc_string: '',
    graph,
    opset_import: [extra({ domain: '', version: 20 }), { domain: 'x', version: 1 }],
    metadata_props: [
      entry,
      { key: 'twice', value: '1' },
      { key: 'twice', value: '2' },
      { key: '__proto__', value: '3' },
    ],
    training_info: [
      extra({ initialization: graph, algorithm: graph, initialization_binding: [entry], update_binding: [entry] }),
    ],
    functions: [
      extra({
        name: 'f',
        input: ['x'],
        output: ['y'],
        attribute: ['alpha'],
        node: [node],
        doc_string: 'd',
        opset_import: [{ domain: '', version: 20 }],
        domain: 'x',
        attribute_proto: attributes,
        value_info: [extra({ name: 'v', type: types[0] })],
        overload: 'o',
        metadata_props: [entry],
      }),
    ],
    configuration: [extra({ name: 'c', num_devices: 2, device: ['a', 'b'] })],
  });
  const bytes = encodeMessage('ModelProto', proto);

  /** A message as plain data: known fields, and unknown ones under `$unknowns`, lists of messages as sets where order is free. */
  function plain(value: unknown): unknown {
    if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
    if (Array.isArray(value)) return value.map(plain);
    if (typeof value !== 'object' || value === null) return value;
    const { low, high } = value as { low?: number; high?: number };
    if (low !== undefined && high !== undefined) return `${high}:${low}`;
    const message = value as Message;
    const fields = Object.keys(message).filter(
      (field) => !(Array.isArray(message[field]) && message[field].length === 0),
    );
    const unknowns = message.$unknowns === undefined ? [] : [Buffer.concat(message.$unknowns).toString('hex')];
    const listed = fields.sort().map((field) => {
      const content = plain(message[field]);
      const free = field.endsWith('_props') || field === 'opset_import' || field === 'quant_parameter_tensor_names';
      const key = (item: unknown) => JSON.stringify(item);
      return [field, free ? (content as unknown[]).sort((a, b) => (key(a) < key(b) ? -1 : 1)) : content];
    });
    return Object.fromEntries([...listed, ...(unknowns.length === 0 ? [] : [['$unknowns', unknowns]])]);
  }

  function raw(serialized: Uint8Array): unknown {
    const reader = protobuf.Reader.create(serialized);
    reader.discardUnknown = false;
    return plain(messageType('ModelProto').decode(reader));
  }

  it('survive reading and writing, at every level of the schema', () => {
    expect(raw(encodeModel(decodeModel(bytes)))).toEqual(raw(bytes));
  });

  it('survive a structured clone', () => {
    expect(encodeModel(structuredClone(decodeModel(bytes)))).toEqual(encodeModel(decodeModel(bytes)));
  });

  it('give way in a type that was changed', () => {
    const model = decodeModel(bytes);
    const [first, ...others] = model.graph.inputs;
    expect(first!.type).toMatchObject({ type: 'float32', dims: [3, 'n'] });
    const changed = { ...first!, type: { ...first!.type!, dims: [5, 'n'] } };
    const again = decodeModel(encodeModel({ ...model, graph: { ...model.graph, inputs: [changed, ...others] } }));
    expect(again.graph.inputs[0]!.type).toEqual({ type: 'float32', dims: [5, 'n'] });
  });

  it('of container types stay, while plain ones are typed', () => {
    const tensor = { tensor_type: { elem_type: 1, shape: { dim: [{ dim_param: 'n' }] } } };
    const named: Record<string, Message> = {
      sequence: { sequence_type: { elem_type: tensor } },
      optional: { optional_type: { elem_type: { sequence_type: { elem_type: tensor } } } },
      map: { map_type: { key_type: 8, value_type: tensor } },
      sparse: { sparse_tensor_type: { elem_type: 7, shape: { dim: [{ dim_value: 3 }] } } },
      opaque: { opaque_type: { domain: 'd', name: 'n' } },
      denoted: { sequence_type: { elem_type: tensor }, denotation: 'AUDIO' },
      elementless: { sequence_type: {} },
      newer: { opaque_type: { domain: 'd', $unknowns: [newer] } },
    };
    const input = Object.entries(named).map(([name, type]) => ({ name, type }));
    const written = bytesOf({ graph: { name: 'g', input, value_info: input } });
    const model = decodeModel(written);
    const element = { type: 'float32', dims: ['n'] };
    expect(model.graph.inputs.map(({ name, container }) => [name, container])).toEqual([
      ['sequence', { kind: 'sequence', element }],
      ['optional', { kind: 'optional', element: { kind: 'sequence', element } }],
      ['map', { kind: 'map', key: 'string', value: element }],
      ['sparse', { kind: 'sparse', type: 'int64', dims: [3] }],
      ['opaque', { kind: 'opaque', domain: 'd', name: 'n' }],
      ...['denoted', 'elementless', 'newer'].map((name) => [name, undefined]),
    ]);
    expect(model.graph.valueDetails!.get('map')).toEqual(model.graph.inputs[2]);
    expect(encodeModel(model)).toEqual(written);
  });

  it('leave what is modelled typed', () => {
    const { graph: read, functions } = decodeModel(bytes);
    expect([...read.sparseInitializers!.keys()]).toEqual(['s']);
    expect(read.quantization![0]).toMatchObject({ tensor: 'w', parameters: { SCALE_TENSOR: 's' } });
    expect(functions![0]).toMatchObject({ domain: 'x', name: 'f', attributeNames: ['alpha'], overload: 'o' });
    expect(read.nodes[0]!.attributes.j).toMatchObject({ kind: 'ref', value: 'outer', type: 1 });
  });
});

describe('tensor data', () => {
  it('in raw_data is a view where alignment allows', () => {
    const bytes = encodeModel(holding(float32([1, 2, 3])));
    const offset = Buffer.from(bytes).indexOf(Buffer.from(Float32Array.of(1, 2, 3).buffer));
    const place = (shift: number) => {
      const space = new Uint8Array(bytes.length + 8);
      space.set(bytes, shift);
      return space.subarray(shift, shift + bytes.length);
    };
    const aligned = place((4 - (offset % 4)) % 4);
    const found = decodeModel(aligned).graph.initializers.get('w')!.data as Float32Array;
    expect(found.buffer).toBe(aligned.buffer);
    const shifted = place((5 - (offset % 4)) % 4);
    const copied = decodeModel(shifted).graph.initializers.get('w')!.data as Float32Array;
    expect(copied.buffer).not.toBe(shifted.buffer);
    expect(copied).toEqual(found);
  });

  it.each<[string, Message, Tensor['data']]>([
    ['float32', { data_type: 1, float_data: [1.5, -2] }, Float32Array.of(1.5, -2)],
    ['complex64', { data_type: 14, float_data: [1, 2, 3, 4] }, Float32Array.of(1, 2, 3, 4)],
    ['float64', { data_type: 11, double_data: [0.1, -2] }, Float64Array.of(0.1, -2)],
    ['complex128', { data_type: 15, double_data: [1, 2, 3, 4] }, Float64Array.of(1, 2, 3, 4)],
    ['int32', { data_type: 6, int32_data: [-1, 7] }, Int32Array.of(-1, 7)],
    ['int16', { data_type: 5, int32_data: [-1, 7] }, Int16Array.of(-1, 7)],
    ['int8', { data_type: 3, int32_data: [-1, 7] }, Int8Array.of(-1, 7)],
    ['uint16', { data_type: 4, int32_data: [65535, 7] }, Uint16Array.of(65535, 7)],
    ['uint8', { data_type: 2, int32_data: [255, 7] }, Uint8Array.of(255, 7)],
    ['bool', { data_type: 9, int32_data: [1, 0] }, Uint8Array.of(1, 0)],
    ['float16', { data_type: 10, int32_data: [0x3c00, 0xc000] }, Uint16Array.of(0x3c00, 0xc000)],
    ['bfloat16', { data_type: 16, int32_data: [0x3f80, 0xc000] }, Uint16Array.of(0x3f80, 0xc000)],
    ['float8e4m3fn', { data_type: 17, int32_data: [0x38, 0xc0] }, Uint8Array.of(0x38, 0xc0)],
    ['uint4', { data_type: 21, int32_data: [0x21] }, Uint8Array.of(0x21)],
    ['int2', { data_type: 26, int32_data: [0x0b] }, Uint8Array.of(0x0b)],
    ['float6e2m3', { data_type: 27, int32_data: [0x3f, 0x01] }, Uint8Array.of(0x7f, 0x00)],
    [
      'int64',
      { data_type: 7, int64_data: [-1, { low: 1, high: 0x200000, unsigned: false }] },
      BigInt64Array.of(-1n, 2n ** 53n + 1n),
    ],
    [
      'uint64',
      { data_type: 13, uint64_data: [{ low: -1, high: -1, unsigned: true }, 7] },
      BigUint64Array.of(2n ** 64n - 1n, 7n),
    ],
    ['uint32', { data_type: 12, uint64_data: [4294967295, 7] }, Uint32Array.of(4294967295, 7)],
    ['string', { data_type: 8, string_data: [Buffer.from('é'), Buffer.from('')] }, ['é', '']],
  ])('of %s is read from its typed field', (type, proto, data) => {
    expect(tensorOf({ dims: [2], ...proto })).toEqual({ type, dims: [2], data });
  });

  it('beyond 2^53 stays exact in attributes and dimensions', () => {
    const value = 2n ** 53n + 1n;
    const g = createGraphBuilder('exact');
    g.output(
      g.op('Op', [], { big: { kind: 'int', value }, list: { kind: 'ints', value: [-value, 5] } }),
      'float32',
      [],
    );
    const [node] = decodeModel(encodeModel(g.model({ opset: 17 }))).graph.nodes;
    expect(node!.attributes).toEqual({ big: { kind: 'int', value }, list: { kind: 'ints', value: [-value, 5] } });
  });
});

it('attributes without a declared kind, from before IR version 2, take that of their value', () => {
  const attribute = [{ name: 'i', i: 3 }, { name: 'f', floats: [0.5] }, { name: 'none' }];
  const [node] = decodeModel(bytesOf({ graph: { node: [{ op_type: 'Op', attribute }] } })).graph.nodes;
  expect(node!.attributes).toMatchObject({
    i: { kind: 'int', value: 3 },
    f: { kind: 'floats', value: [0.5] },
    none: { kind: 'raw' },
  });
});
