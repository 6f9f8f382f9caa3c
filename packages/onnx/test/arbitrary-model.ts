import fc from 'fast-check';
import { dataTypes, storageLength } from '../src/data-type.ts';
import type {
  Attribute,
  ContainerType,
  DataType,
  Dim,
  Graph,
  Model,
  Node,
  Tensor,
  TensorType,
  ValueInfo,
  ValueType,
} from '../src/model.ts';
import { createRng } from '../src/rng.ts';

/** Arbitrary well-formed text, names of fields that break careless records among it. */
const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 6 }),
  fc.constantFrom('constructor', 'toString', '1', '\ufeffx', 'é', ''),
);
const integer = fc.oneof(
  fc.integer(),
  fc.constantFrom(0, -1, 2 ** 31, -(2 ** 31) - 1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER),
  fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }),
  fc.bigInt({ min: -(2n ** 63n), max: -(2n ** 53n) }),
);
const float = fc.float({ noNaN: true });
const record = <T>(value: fc.Arbitrary<T>) => fc.dictionary(text, value, { maxKeys: 3, noNullPrototype: true });
const metadata = record(text);

/** Unknown fields: field 1000 as a varint, 1001 as bytes. */
const unknown = fc
  .array(
    fc.oneof(
      fc.nat(127).map((value) => Uint8Array.of(0xc0, 0x3e, value)),
      fc.uint8Array({ maxLength: 4 }).map((bytes) => Uint8Array.of(0xca, 0x3e, bytes.length, ...bytes)),
    ),
    { minLength: 1, maxLength: 2 },
  )
  .map((fields) => [Uint8Array.from(fields.flatMap((field) => [...field]))]);

/** An object with some of the optional fields left out. */
function optional<T extends object>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<Partial<T>> {
  return fc.record(fields, { requiredKeys: [] }) as fc.Arbitrary<Partial<T>>;
}

/** An object with all of the fields, of the ordinary prototype. */
function plain<T extends object>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(fields, { noNullPrototype: true }) as unknown as fc.Arbitrary<T>;
}

const full = metadata.filter((entries) => Object.keys(entries).length > 0);
const extras = optional({ doc: text, metadata: full, unknown });

/** A tensor of any element type, of rank at most 3. */
export const arbitraryTensor: fc.Arbitrary<Tensor> = fc
  .tuple(
    fc.constantFrom(...(Object.keys(dataTypes) as DataType[])),
    fc.array(fc.nat(3), { maxLength: 3 }),
    fc.nat(),
    fc.oneof({ weight: 4, arbitrary: fc.constant({}) }, extras),
  )
  .map(([type, dims, seed, more]) => {
    const { storage } = dataTypes[type];
    const length = storageLength(type, dims);
    const rng = createRng(seed);
    const texts = () => 'é\ufeff𝓦a'.slice(0, [0, 1, 2, 4, 5][rng.integer(5)]);
    if (storage === undefined) return { type, dims, data: Array.from({ length }, texts), ...more };
    const raw = Uint8Array.from({ length: length * storage.BYTES_PER_ELEMENT }, () => rng.integer(256));
    return { type, dims, data: new storage(raw.buffer), ...more };
  });

const dim: fc.Arbitrary<Dim> = fc.oneof(
  fc.nat(9),
  text.filter((name) => name !== ''),
  fc.constant(undefined),
);
const type: fc.Arbitrary<TensorType> = fc
  .tuple(
    fc.constantFrom(...(Object.keys(dataTypes) as DataType[])),
    fc.option(fc.array(dim, { maxLength: 3 }), { nil: undefined }),
  )
  .map(([element, dims]) => (dims === undefined ? { type: element } : { type: element, dims }));
const { container } = fc.letrec<{ value: ValueType; container: ContainerType }>((tie) => ({
  value: fc.oneof({ depthSize: 'small' }, type, tie('container')),
  container: fc.oneof(
    { depthSize: 'small' },
    type.map((tensor) => ({ kind: 'sparse' as const, ...tensor })),
    plain({ kind: fc.constant('opaque' as const), domain: text, name: text }),
    plain({ kind: fc.constantFrom('sequence' as const, 'optional' as const), element: tie('value') }),
    plain({ kind: fc.constant('map' as const), key: fc.constantFrom('int64', 'string'), value: tie('value') }),
  ) as fc.Arbitrary<ContainerType>,
}));
const info: fc.Arbitrary<ValueInfo> = fc
  .tuple(text, fc.oneof(optional({ type }), plain({ container })), extras)
  .map(([name, typed, more]) => ({ name, ...typed, ...more }) as ValueInfo);

const { graph } = fc.letrec<{ graph: Graph; attribute: Attribute; node: Node }>((tie) => ({
  attribute: fc
    .tuple(
      fc.oneof(
        { depthSize: 'small' },
        float.map((value) => ({ kind: 'float' as const, value })),
        integer.map((value) => ({ kind: 'int' as const, value })),
        text.map((value) => ({ kind: 'string' as const, value })),
        fc.constant({ kind: 'bytes' as const, value: Uint8Array.of(0xff, 0xfe) }),
        arbitraryTensor.map((value) => ({ kind: 'tensor' as const, value })),
        fc.array(float, { maxLength: 3 }).map((value) => ({ kind: 'floats' as const, value })),
        fc.array(integer, { maxLength: 3 }).map((value) => ({ kind: 'ints' as const, value })),
        fc.array(text, { maxLength: 3 }).map((value) => ({ kind: 'strings' as const, value })),
        fc.array(arbitraryTensor, { maxLength: 2 }).map((value) => ({ kind: 'tensors' as const, value })),
        fc
          .tuple(
            text.filter((name) => name !== ''),
            fc.nat(14),
          )
          .map(([value, number]) => ({ kind: 'ref' as const, value, type: number })),
        tie('graph').map((value) => ({ kind: 'graph' as const, value })),
        fc.array(tie('graph'), { maxLength: 2 }).map((value) => ({ kind: 'graphs' as const, value })),
      ),
      optional({ doc: text, unknown }),
    )
    .map(([value, more]) => ({ ...value, ...more })),
  node: fc
    .tuple(
      fc.record({
        name: text,
        opType: text,
        domain: fc.constantFrom('', 'com.microsoft'),
        inputs: fc.array(text, { maxLength: 3 }),
        outputs: fc.array(text, { maxLength: 2 }),
        attributes: record(tie('attribute')),
      }),
      extras,
    )
    .map(([node, more]) => ({ ...node, ...more })),
  graph: fc
    .tuple(
      fc.record({
        name: text,
        inputs: fc.array(info, { maxLength: 2 }),
        outputs: fc.array(info, { maxLength: 2 }),
        nodes: fc.array(tie('node'), { maxLength: 3, depthIdentifier: 'graph' }),
        initializers: record(arbitraryTensor).map((entries) => new Map(Object.entries(entries))),
        types: record(type).map((entries) => new Map(Object.entries(entries))),
      }),
      extras,
    )
    .map(([whole, more]) => ({ ...whole, ...more })),
}));

/** Any model the types can express, well formed or not as a computation. */
export const arbitraryModel: fc.Arbitrary<Model> = fc
  .tuple(
    fc.record({
      irVersion: fc.nat(14),
      opsets: fc.dictionary(fc.constantFrom('', 'com.microsoft', 'x'), fc.nat(30), { noNullPrototype: true }),
      graph,
      metadata,
    }),
    optional({ producerName: text, producerVersion: text, domain: text, modelVersion: integer, doc: text, unknown }),
  )
  .map(([model, more]) => ({ ...model, ...more }) as Model);
