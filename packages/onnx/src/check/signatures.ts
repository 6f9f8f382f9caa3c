import type { AttributeValue } from '../model.ts';

/**
 * An operator's signature from one opset on: `[since, inputs, outputs, attributes]`. Counts are `2`, `1..3` or `1..` (no
 * limit); attributes are `name:kind`, with `!` after the name when required.
 */
export type SignatureRow = readonly [since: number, inputs: string, outputs: string, attributes: string];

/** The newest ai.onnx operator set the table knows. */
export const newestOpset = 28;

/**
 * Signatures of the ai.onnx operators of language models and quantization, from opset 7 on. Checked against the operator schemas of
 * the onnx package by `bench/peers/onnx-schema.py`.
 */
export const signatures: Readonly<Record<string, readonly SignatureRow[]>> = {
  Abs: [[6, '1', '1', '']],
  Acos: [[7, '1', '1', '']],
  Add: [[7, '2', '1', '']],
  And: [[7, '2', '1', '']],
  ArgMax: [
    [1, '1', '1', 'axis:int keepdims:int'],
    [12, '1', '1', 'axis:int keepdims:int select_last_index:int'],
  ],
  ArgMin: [
    [1, '1', '1', 'axis:int keepdims:int'],
    [12, '1', '1', 'axis:int keepdims:int select_last_index:int'],
  ],
  Asin: [[7, '1', '1', '']],
  Atan: [[7, '1', '1', '']],
  Attention: [
    [
      23,
      '3..6',
      '1..4',
      'is_causal:int kv_num_heads:int q_num_heads:int qk_matmul_output_mode:int scale:float softcap:float softmax_precision:int',
    ],
    [
      24,
      '3..7',
      '1..4',
      'is_causal:int kv_num_heads:int q_num_heads:int qk_matmul_output_mode:int scale:float softcap:float softmax_precision:int',
    ],
    [
      25,
      '3..7',
      '1..4',
      'is_causal:int kv_num_heads:int left_window_size:int q_num_heads:int qk_matmul_output_mode:int right_window_size:int scale:float softcap:float softmax_precision:int',
    ],
  ],
  AveragePool: [
    [7, '1', '1', 'auto_pad:string count_include_pad:int kernel_shape!:ints pads:ints strides:ints'],
    [10, '1', '1', 'auto_pad:string ceil_mode:int count_include_pad:int kernel_shape!:ints pads:ints strides:ints'],
    [
      19,
      '1',
      '1',
      'auto_pad:string ceil_mode:int count_include_pad:int dilations:ints kernel_shape!:ints pads:ints strides:ints',
    ],
  ],
  BatchNormalization: [
    [7, '5', '1..5', 'epsilon:float momentum:float spatial:int'],
    [9, '5', '1..5', 'epsilon:float momentum:float'],
    [14, '5', '1..3', 'epsilon:float momentum:float training_mode:int'],
  ],
  Bernoulli: [[15, '1', '1', 'dtype:int seed:float']],
  Cast: [
    [6, '1', '1', 'to!:int'],
    [19, '1', '1', 'saturate:int to!:int'],
    [24, '1', '1', 'round_mode:string saturate:int to!:int'],
  ],
  CastLike: [
    [15, '2', '1', ''],
    [19, '2', '1', 'saturate:int'],
    [24, '2', '1', 'round_mode:string saturate:int'],
  ],
  Ceil: [[6, '1', '1', '']],
  Celu: [[12, '1', '1', 'alpha:float']],
  Clip: [
    [6, '1', '1', 'max:float min:float'],
    [11, '1..3', '1', ''],
  ],
  Concat: [[4, '1..', '1', 'axis!:int']],
  Constant: [
    [1, '0', '1', 'value!:tensor'],
    [11, '0', '1', 'sparse_value:sparse value:tensor'],
    [
      12,
      '0',
      '1',
      'sparse_value:sparse value:tensor value_float:float value_floats:floats value_int:int value_ints:ints value_string:string value_strings:strings',
    ],
  ],
  ConstantOfShape: [[9, '1', '1', 'value:tensor']],
  Conv: [[1, '2..3', '1', 'auto_pad:string dilations:ints group:int kernel_shape:ints pads:ints strides:ints']],
  ConvInteger: [[10, '2..4', '1', 'auto_pad:string dilations:ints group:int kernel_shape:ints pads:ints strides:ints']],
  Cos: [[7, '1', '1', '']],
  Cosh: [[9, '1', '1', '']],
  CumSum: [[11, '2', '1', 'exclusive:int reverse:int']],
  DequantizeLinear: [
    [10, '2..3', '1', ''],
    [13, '2..3', '1', 'axis:int'],
    [21, '2..3', '1', 'axis:int block_size:int'],
    [23, '2..3', '1', 'axis:int block_size:int output_dtype:int'],
  ],
  Div: [[7, '2', '1', '']],
  Dropout: [
    [7, '1', '1..2', 'ratio:float'],
    [12, '1..3', '1..2', 'seed:int'],
  ],
  DynamicQuantizeLinear: [[11, '1', '3', '']],
  Einsum: [[12, '1..', '1', 'equation!:string']],
  Elu: [[6, '1', '1', 'alpha:float']],
  Equal: [[7, '2', '1', '']],
  Erf: [[9, '1', '1', '']],
  Exp: [[6, '1', '1', '']],
  Expand: [[8, '2', '1', '']],
  Flatten: [[1, '1', '1', 'axis:int']],
  Floor: [[6, '1', '1', '']],
  Gather: [[1, '2', '1', 'axis:int']],
  GatherElements: [[11, '2', '1', 'axis:int']],
  GatherND: [
    [11, '2', '1', ''],
    [12, '2', '1', 'batch_dims:int'],
  ],
  Gelu: [[20, '1', '1', 'approximate:string']],
  Gemm: [
    [7, '3', '1', 'alpha:float beta:float transA:int transB:int'],
    [11, '2..3', '1', 'alpha:float beta:float transA:int transB:int'],
  ],
  GlobalAveragePool: [[1, '1', '1', '']],
  GlobalMaxPool: [[1, '1', '1', '']],
  Greater: [[7, '2', '1', '']],
  GreaterOrEqual: [[12, '2', '1', '']],
  GroupNormalization: [[21, '3', '1', 'epsilon:float num_groups!:int stash_type:int']],
  HardSigmoid: [[6, '1', '1', 'alpha:float beta:float']],
  HardSwish: [[14, '1', '1', '']],
  Hardmax: [[1, '1', '1', 'axis:int']],
  Identity: [[1, '1', '1', '']],
  If: [[1, '1', '1..', 'else_branch!:graph then_branch!:graph']],
  InstanceNormalization: [[6, '3', '1', 'epsilon:float']],
  IsInf: [[10, '1', '1', 'detect_negative:int detect_positive:int']],
  IsNaN: [[9, '1', '1', '']],
  LayerNormalization: [[17, '2..3', '1..3', 'axis:int epsilon:float stash_type:int']],
  LeakyRelu: [[6, '1', '1', 'alpha:float']],
  Less: [[7, '2', '1', '']],
  LessOrEqual: [[12, '2', '1', '']],
  Log: [[6, '1', '1', '']],
  LogSoftmax: [[1, '1', '1', 'axis:int']],
  Loop: [
    [1, '3..', '1..', 'body!:graph'],
    [11, '2..', '1..', 'body!:graph'],
  ],
  MatMul: [[1, '2', '1', '']],
  MatMulInteger: [[10, '2..4', '1', '']],
  Max: [[6, '1..', '1', '']],
  MaxPool: [
    [1, '1', '1', 'auto_pad:string kernel_shape!:ints pads:ints strides:ints'],
    [8, '1', '1..2', 'auto_pad:string kernel_shape!:ints pads:ints storage_order:int strides:ints'],
    [
      10,
      '1',
      '1..2',
      'auto_pad:string ceil_mode:int dilations:ints kernel_shape!:ints pads:ints storage_order:int strides:ints',
    ],
  ],
  Mean: [[6, '1..', '1', '']],
  Min: [[6, '1..', '1', '']],
  Mish: [[18, '1', '1', '']],
  Mod: [[10, '2', '1', 'fmod:int']],
  Mul: [[7, '2', '1', '']],
  Neg: [[6, '1', '1', '']],
  NegativeLogLikelihoodLoss: [[12, '2..3', '1', 'ignore_index:int reduction:string']],
  NonZero: [[9, '1', '1', '']],
  Not: [[1, '1', '1', '']],
  OneHot: [[9, '3', '1', 'axis:int']],
  Or: [[7, '2', '1', '']],
  PRelu: [[7, '2', '1', '']],
  Pad: [
    [2, '1', '1', 'mode:string pads!:ints value:float'],
    [11, '2..3', '1', 'mode:string'],
    [18, '2..4', '1', 'mode:string'],
  ],
  Pow: [[7, '2', '1', '']],
  QLinearConv: [[10, '8..9', '1', 'auto_pad:string dilations:ints group:int kernel_shape:ints pads:ints strides:ints']],
  QLinearMatMul: [[10, '8', '1', '']],
  QuantizeLinear: [
    [10, '2..3', '1', ''],
    [13, '2..3', '1', 'axis:int'],
    [19, '2..3', '1', 'axis:int saturate:int'],
    [21, '2..3', '1', 'axis:int block_size:int output_dtype:int saturate:int'],
    [23, '2..3', '1', 'axis:int block_size:int output_dtype:int precision:int saturate:int'],
  ],
  RMSNormalization: [[23, '2', '1', 'axis:int epsilon:float stash_type:int']],
  RandomNormalLike: [[1, '1', '1', 'dtype:int mean:float scale:float seed:float']],
  RandomUniformLike: [[1, '1', '1', 'dtype:int high:float low:float seed:float']],
  Range: [
    [11, '3', '1', ''],
    [27, '3', '1', 'stash_type:int'],
  ],
  Reciprocal: [[6, '1', '1', '']],
  ReduceL1: [
    [1, '1', '1', 'axes:ints keepdims:int'],
    [18, '1..2', '1', 'keepdims:int noop_with_empty_axes:int'],
  ],
  ReduceL2: [
    [1, '1', '1', 'axes:ints keepdims:int'],
    [18, '1..2', '1', 'keepdims:int noop_with_empty_axes:int'],
  ],
  ReduceLogSum: [
    [1, '1', '1', 'axes:ints keepdims:int'],
    [18, '1..2', '1', 'keepdims:int noop_with_empty_axes:int'],
  ],
  ReduceLogSumExp: [
    [1, '1', '1', 'axes:ints keepdims:int'],
    [18, '1..2', '1', 'keepdims:int noop_with_empty_axes:int'],
  ],
  ReduceMax: [
    [1, '1', '1', 'axes:ints keepdims:int'],
    [18, '1..2', '1', 'keepdims:int noop_with_empty_axes:int'],
  ],
  ReduceMean: [
    [1, '1', '1', 'axes:ints keepdims:int'],
    [18, '1..2', '1', 'keepdims:int noop_with_empty_axes:int'],
  ],
  ReduceMin: [
    [1, '1', '1', 'axes:ints keepdims:int'],
    [18, '1..2', '1', 'keepdims:int noop_with_empty_axes:int'],
  ],
  ReduceProd: [
    [1, '1', '1', 'axes:ints keepdims:int'],
    [18, '1..2', '1', 'keepdims:int noop_with_empty_axes:int'],
  ],
  ReduceSum: [
    [1, '1', '1', 'axes:ints keepdims:int'],
    [13, '1..2', '1', 'keepdims:int noop_with_empty_axes:int'],
  ],
  ReduceSumSquare: [
    [1, '1', '1', 'axes:ints keepdims:int'],
    [18, '1..2', '1', 'keepdims:int noop_with_empty_axes:int'],
  ],
  Relu: [[6, '1', '1', '']],
  Reshape: [
    [5, '2', '1', ''],
    [14, '2', '1', 'allowzero:int'],
  ],
  RotaryEmbedding: [[23, '3..4', '1', 'interleaved:int num_heads:int rotary_embedding_dim:int']],
  Round: [[11, '1', '1', '']],
  ScatterElements: [
    [11, '3', '1', 'axis:int'],
    [16, '3', '1', 'axis:int reduction:string'],
  ],
  ScatterND: [
    [11, '3', '1', ''],
    [16, '3', '1', 'reduction:string'],
  ],
  Selu: [[6, '1', '1', 'alpha:float gamma:float']],
  Shape: [
    [1, '1', '1', ''],
    [15, '1', '1', 'end:int start:int'],
  ],
  Sigmoid: [[6, '1', '1', '']],
  Sign: [[9, '1', '1', '']],
  Sin: [[7, '1', '1', '']],
  Size: [[1, '1', '1', '']],
  Slice: [
    [1, '1', '1', 'axes:ints ends!:ints starts!:ints'],
    [10, '3..5', '1', ''],
  ],
  Softmax: [[1, '1', '1', 'axis:int']],
  SoftmaxCrossEntropyLoss: [[12, '2..3', '1..2', 'ignore_index:int reduction:string']],
  Softplus: [[1, '1', '1', '']],
  Softsign: [[1, '1', '1', '']],
  Split: [
    [2, '1', '1..', 'axis:int split:ints'],
    [13, '1..2', '1..', 'axis:int'],
    [18, '1..2', '1..', 'axis:int num_outputs:int'],
  ],
  Sqrt: [[6, '1', '1', '']],
  Squeeze: [
    [1, '1', '1', 'axes:ints'],
    [13, '1..2', '1', ''],
  ],
  Sub: [[7, '2', '1', '']],
  Sum: [[6, '1..', '1', '']],
  Swish: [[24, '1', '1', 'alpha:float']],
  Tan: [[7, '1', '1', '']],
  Tanh: [[6, '1', '1', '']],
  ThresholdedRelu: [[10, '1', '1', 'alpha:float']],
  Tile: [[6, '2', '1', '']],
  TopK: [
    [1, '1', '2', 'axis:int k!:int'],
    [10, '2', '2', 'axis:int'],
    [11, '2', '2', 'axis:int largest:int sorted:int'],
  ],
  Transpose: [[1, '1', '1', 'perm:ints']],
  Trilu: [[14, '1..2', '1', 'upper:int']],
  Unsqueeze: [
    [1, '1', '1', 'axes!:ints'],
    [13, '2', '1', ''],
  ],
  Where: [[9, '3', '1', '']],
  Xor: [[7, '2', '1', '']],
};

/** A signature, parsed. */
export interface OperatorSignature {
  readonly inputs: readonly [min: number, max: number];
  readonly outputs: readonly [min: number, max: number];
  readonly attributes: ReadonlyMap<string, { readonly kind: string; readonly required: boolean }>;
}

/** The signature of an operator in a version of ai.onnx; `undefined` when the table has none. */
export function signatureOf(opType: string, opset: number): OperatorSignature | undefined {
  const rows = Object.hasOwn(signatures, opType) ? signatures[opType] : undefined;
  const row = rows?.findLast(([since]) => since <= opset);
  return row && parsed(row);
}

/** True when an attribute value is of a kind that the signature names. */
export function isKind(value: AttributeValue, kind: string): boolean {
  if (value.kind === kind || value.kind === 'ref') return true;
  return kind === 'string' ? value.kind === 'bytes' : value.kind === 'raw';
}

function parsed([, inputs, outputs, attributes]: SignatureRow): OperatorSignature {
  const list = attributes === '' ? [] : attributes.split(' ');
  return {
    inputs: range(inputs),
    outputs: range(outputs),
    attributes: new Map(
      list.map((entry) => {
        const [name, kind] = entry.split(':') as [string, string];
        return [name.replace('!', ''), { kind, required: name.endsWith('!') }];
      }),
    ),
  };
}

function range(text: string): [number, number] {
  const [min, max] = text.split('..') as [string, string | undefined];
  return [Number(min), max === undefined ? Number(min) : max === '' ? Number.POSITIVE_INFINITY : Number(max)];
}
