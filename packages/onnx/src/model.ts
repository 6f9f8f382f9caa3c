/** Element types of ONNX tensors (TensorProto.DataType), by the names used in printed graphs. */
export type DataType =
  | 'float32'
  | 'uint8'
  | 'int8'
  | 'uint16'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'string'
  | 'bool'
  | 'float16'
  | 'float64'
  | 'uint32'
  | 'uint64'
  | 'complex64'
  | 'complex128'
  | 'bfloat16'
  | 'float8e4m3fn'
  | 'float8e4m3fnuz'
  | 'float8e5m2'
  | 'float8e5m2fnuz'
  | 'uint4'
  | 'int4'
  | 'float4e2m1'
  | 'float8e8m0'
  | 'uint2'
  | 'int2'
  | 'float6e2m3'
  | 'float6e3m2';

/**
 * The JavaScript storage of a tensor's elements, row-major:
 * `int64`/`uint64` are BigInt arrays; `bool` and 8-bit floats are Uint8Array; `float16`/`bfloat16` are the raw bits in a
 * Uint16Array; 6-, 4- and 2-bit types are the packed bytes in a Uint8Array; complex types are interleaved pairs.
 */
export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | readonly string[];

/** A dense tensor. Data is shared by reference and never changed in place once it is part of a model. */
export interface Tensor {
  readonly type: DataType;
  readonly dims: readonly number[];
  readonly data: TensorData;
  /** The tensor's own name where it is not an initializer's (which is the map's key). */
  readonly name?: string;
  readonly doc?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly unknown?: UnknownFields;
}

/** A sparse initializer in coordinate form: `values` [n], `indices` int64 [n] (linear) or [n, rank]. */
export interface SparseTensor {
  readonly dims: readonly number[];
  readonly values: Tensor;
  readonly indices: Tensor;
  readonly unknown?: UnknownFields;
}

/** A dimension: a size, a symbolic name (`batch`), or `undefined` when unknown. */
export type Dim = number | string | undefined;

/** Element type and shape of a tensor value; `dims` is absent when the rank is unknown. */
export interface TensorType {
  readonly type: DataType;
  readonly dims?: readonly Dim[];
  /**
   * The TypeProto as it was read, kept only where it says more than `type` and `dims` (denotations, fields of a newer
   * schema). Written back while it still agrees with `type` and `dims`, else ignored.
   */
  readonly proto?: Uint8Array;
}

/** The type of a value that is no dense tensor. */
export type ContainerType =
  | { readonly kind: 'sequence'; readonly element: ValueType }
  | { readonly kind: 'optional'; readonly element: ValueType }
  /** Keys are of an integer type or `string`. */
  | { readonly kind: 'map'; readonly key: DataType; readonly value: ValueType }
  | { readonly kind: 'sparse'; readonly type: DataType; readonly dims?: readonly Dim[] }
  | { readonly kind: 'opaque'; readonly domain: string; readonly name: string };

/** The type of any value; a container has a `kind`. */
export type ValueType = TensorType | ContainerType;

/**
 * A named value with its type: a graph input or output. `type` is that of a dense tensor and `container` that of any
 * other value; both are absent when the model does not say.
 */
export interface ValueInfo {
  readonly name: string;
  readonly type?: TensorType;
  readonly container?: ContainerType;
  readonly doc?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Protobuf fields that this schema does not know, kept byte for byte. */
  readonly unknown?: UnknownFields;
}

/**
 * Raw protobuf fields that these types do not model (fields of a newer schema, training information, device
 * configurations), each entry one or more whole fields; written back after the known ones.
 */
export type UnknownFields = readonly Uint8Array[];

/** A node attribute, a union on `kind`. Integers are numbers when exact, else BigInt. */
export type Attribute = AttributeValue & { readonly doc?: string; readonly unknown?: UnknownFields };

/** The value of an {@link Attribute}. */
export type AttributeValue =
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'int'; readonly value: number | bigint }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'bytes'; readonly value: Uint8Array }
  | { readonly kind: 'tensor'; readonly value: Tensor }
  | { readonly kind: 'graph'; readonly value: Graph }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'ints'; readonly value: readonly (number | bigint)[] }
  | { readonly kind: 'strings'; readonly value: readonly string[] }
  | { readonly kind: 'tensors'; readonly value: readonly Tensor[] }
  | { readonly kind: 'graphs'; readonly value: readonly Graph[] }
  /** A reference to an attribute of the enclosing local function. */
  | { readonly kind: 'ref'; readonly value: string; readonly type: number }
  /** Kinds kept as raw AttributeProto bytes (sparse tensors, type protos). */
  | { readonly kind: 'raw'; readonly value: Uint8Array };

/** One operator application. An omitted optional input is `''`. `domain` is `''` for ai.onnx. */
export interface Node {
  readonly name: string;
  readonly opType: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
  /** Tells apart local functions of the same domain and name. */
  readonly overload?: string;
  readonly doc?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly unknown?: UnknownFields;
}

/** Names the values that quantize a tensor, by parameter (`SCALE_TENSOR`, `ZERO_POINT_TENSOR`). */
export interface QuantizationAnnotation {
  readonly tensor: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly unknown?: UnknownFields;
}

/** A model-local function: an operator defined by the nodes of its body. */
export interface LocalFunction {
  readonly domain: string;
  readonly name: string;
  readonly overload?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Names of attributes without a default. */
  readonly attributeNames: readonly string[];
  /** Attributes with their defaults. */
  readonly attributes: Readonly<Record<string, Attribute>>;
  readonly nodes: readonly Node[];
  readonly opsets: Readonly<Record<string, number>>;
  readonly doc?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly unknown?: UnknownFields;
}

/** A graph in single static assignment form; `nodes` are in topological order. */
export interface Graph {
  readonly name: string;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly nodes: readonly Node[];
  /** Constant values by name, in file order. */
  readonly initializers: ReadonlyMap<string, Tensor>;
  /** Declared or inferred types of intermediate values by name. */
  readonly types: ReadonlyMap<string, TensorType>;
  /** What the file says of intermediate values beyond a tensor type: documentation, metadata, other kinds of types. */
  readonly valueDetails?: ReadonlyMap<string, ValueInfo>;
  readonly sparseInitializers?: ReadonlyMap<string, SparseTensor>;
  readonly quantization?: readonly QuantizationAnnotation[];
  readonly doc?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly unknown?: UnknownFields;
}

/** A whole ONNX model. Plain readonly data: weights shared by reference, structured-cloneable. */
export interface Model {
  readonly irVersion: number;
  /** Version by operator-set domain; `''` is ai.onnx. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly graph: Graph;
  readonly producerName?: string;
  readonly producerVersion?: string;
  readonly domain?: string;
  readonly modelVersion?: number | bigint;
  readonly doc?: string;
  /** `metadata_props`: also the lineage (recipe, seed, parent digest). */
  readonly metadata: Readonly<Record<string, string>>;
  readonly functions?: readonly LocalFunction[];
  readonly unknown?: UnknownFields;
}

/** Number of elements of a shape; 1 for a scalar. */
export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

/** A float32 tensor. `data` is taken by reference when it is already a Float32Array. */
export function float32(data: ArrayLike<number>, dims: readonly number[] = [data.length]): Tensor {
  return { type: 'float32', dims, data: data instanceof Float32Array ? data : Float32Array.from(data) };
}

/** An int64 tensor from ordinary integers. */
export function int64(data: ArrayLike<number>, dims: readonly number[] = [data.length]): Tensor {
  return { type: 'int64', dims, data: BigInt64Array.from(Array.from(data, (value) => BigInt(value))) };
}

/** A rank-0 float32 tensor. */
export function scalar(value: number): Tensor {
  return { type: 'float32', dims: [], data: Float32Array.of(value) };
}
