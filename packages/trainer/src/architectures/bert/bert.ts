import type { Dim, GraphBuilder, Model, Rng, Tensor, TensorType } from '@slm-compress/onnx';
import { createGraphBuilder, float, int64, scalar } from '@slm-compress/onnx';
import {
  bertParameterShapes,
  checkBertWeights,
  initializeBert,
  layerName,
  readsFirstTokenOnly,
} from './bert-parameters.ts';
import { type BertConfig, headsOf, LAYER_NORM_EPSILON, validateBertConfig } from './config.ts';

/** Added to the attention scores of padding: the exponential of the difference is exactly zero. */
const MASKED = -1e9;

/**
 * A BERT encoder with a classification head as an ONNX graph (opset 17, IR 8).
 *
 * Inputs `input_ids` and `attention_mask`, int64 `[batch, sequence]`; output `logits`, float32 `[batch, labels]`.
 * Parameters are the initializers listed at {@link bertParameterShapes}; every other float initializer is a scalar.
 *
 * Query, key and value are one product, taken apart head by head. Under `cls` pooling the last layer computes query, output projection and
 * feed-forward for the first token alone, which changes no result. Under `mean` pooling the mean is a product with the
 * normalised mask, so that the order of its sums does not depend on the padding.
 *
 * Node names carry scopes that passes may rely on: `embeddings/…`, `layer.N/attention/{qkv,query,key_value,output}/…`,
 * `layer.N/ffn/{intermediate,output}/…`, `pooler/…`, `classifier/…`; a linear layer is `…/matmul` and `…/bias`.
 *
 * `weights` is a map by initializer name, or a generator to draw initial ones from.
 * Throws `CONFIG_INVALID`, `WEIGHTS_MISMATCH`.
 */
export function buildBertClassifier(config: BertConfig, weights: ReadonlyMap<string, Tensor> | { rng: Rng }): Model {
  validateBertConfig(config);
  const tensors = 'rng' in weights ? initializeBert(config, weights.rng) : weights;
  checkBertWeights(config, tensors);
  const g = createGraphBuilder('bert-classifier');
  const types = new Map<string, TensorType>();
  // Only what inference can't tell: sums whose shapes ONNX Runtime is told become SkipLayerNormalization, which takes
  // three times the time of an Add and a LayerNormalization.
  const typed = (value: string, ...dims: Dim[]): string => {
    types.set(value, { type: 'float32', dims });
    return value;
  };
  const ids = g.input('input_ids', 'int64', ['batch', 'sequence']);
  const mask = g.input('attention_mask', 'int64', ['batch', 'sequence']);
  for (const name of bertParameterShapes(config).keys()) g.constant(name, tensors.get(name)!);
  const shared = sharedConstants(g, config);
  const H = config.hiddenSize;

  const { bias, floatMask } = g.scope('mask/', () => {
    const floatMask = g.op('Cast', [mask], { to: 1 }, { name: 'cast' });
    const four = g.op('Unsqueeze', [floatMask, shared.axes12], {}, { name: 'unsqueeze' });
    const missing = g.op('Sub', [shared.one, four], {}, { name: 'missing' });
    return { floatMask, bias: g.op('Mul', [missing, shared.masked], {}, { name: 'bias' }) };
  });

  let hidden = g.scope('embeddings/', () => {
    const words = g.op('Gather', ['bert.embeddings.word_embeddings.weight', ids], { axis: 0 }, { name: 'word' });
    const shape = g.op('Shape', [ids], {}, { name: 'shape' });
    const length = g.op('Gather', [shape, shared.scalarOne], { axis: 0 }, { name: 'length' });
    const range = { name: 'range', outputs: ['position_ids'] };
    const positions = g.op('Range', [shared.scalarZero, length, shared.scalarOne], {}, range);
    const table = 'bert.embeddings.position_embeddings.weight';
    const placed = g.op('Gather', [table, positions], { axis: 0 }, { name: 'position' });
    const sum = g.op('Add', [words, placed], {}, { name: 'add' });
    return layerNorm(g, sum, 'bert.embeddings.LayerNorm');
  });

  for (let index = 0; index < config.layers; index++) {
    const first = readsFirstTokenOnly(config, index);
    const all = hidden;
    hidden = g.scope(`layer.${index}/`, () => {
      const name = layerName(index);
      const kept = first
        ? typed(
            g.op('Slice', [all, shared.zero1, shared.one1, shared.one1], {}, { name: 'first_token' }),
            'batch',
            1,
            H,
          )
        : all;
      const attended = g.scope('attention/', () => attention(g, shared, config, index, kept, all, bias));
      const projected = g.scope('attention/output/', () => linear(g, attended, `${name}.attention.output.dense`));
      const between = g.scope('attention/output/', () =>
        layerNorm(g, g.op('Add', [projected, kept], {}, { name: 'residual' }), `${name}.attention.output.LayerNorm`),
      );
      const widened = g.scope('ffn/intermediate/', () => linear(g, between, `${name}.intermediate.dense`));
      const active = g.scope('ffn/activation/', () => activation(g, shared, config, widened));
      return g.scope('ffn/output/', () => {
        const narrowed = linear(g, active, `${name}.output.dense`);
        const sum = g.op('Add', [narrowed, between], {}, { name: 'residual' });
        return layerNorm(g, sum, `${name}.output.LayerNorm`);
      });
    });
  }

  const pooled = g.scope('pooler/', () => {
    if (config.pooling !== 'mean') {
      const flat = g.op('Reshape', [hidden, shared.rowsShape], {}, { name: 'flatten' });
      const dense = linear(g, flat, 'bert.pooler.dense');
      if (config.modelType === 'distilbert') return g.op('Relu', [dense], {}, { name: 'relu' });
      return g.op('Tanh', [dense], {}, { name: 'tanh' });
    }
    const count = g.op('ReduceSum', [floatMask, shared.one1], { keepdims: 1 }, { name: 'count' });
    const share = g.op('Div', [floatMask, count], {}, { name: 'share' });
    const row = g.op('Unsqueeze', [share, shared.one1], {}, { name: 'row' });
    const mean = g.op('MatMul', [row, hidden], {}, { name: 'mean' });
    return g.op('Reshape', [mean, shared.rowsShape], {}, { name: 'flatten' });
  });
  const logits = g.scope('classifier/', () => linear(g, pooled, 'classifier', 'logits'));
  g.output(logits, 'float32', ['batch', config.labels.length]);
  const model = g.model({ opset: 17 });
  return { ...model, graph: { ...model.graph, types } };
}

type Shared = ReturnType<typeof sharedConstants>;

function sharedConstants(g: GraphBuilder, config: BertConfig) {
  const gelu = (config.activation ?? 'gelu') === 'gelu';
  return {
    one: g.constant('constant/one', scalar(1)),
    masked: g.constant('constant/masked', scalar(MASKED)),
    scale: g.constant('constant/attention_scale', scalar(1 / Math.sqrt(config.headSize))),
    root2: gelu ? g.constant('constant/sqrt2', scalar(Math.SQRT2)) : '',
    half: gelu ? g.constant('constant/half', scalar(0.5)) : '',
    scalarZero: g.constant('constant/int_zero', int64([0], [])),
    scalarOne: g.constant('constant/int_one', int64([1], [])),
    zero1: g.constant('constant/zeros', int64([0])),
    one1: g.constant('constant/ones', int64([1])),
    axes12: g.constant('constant/axes_1_2', int64([1, 2])),
    rowsShape: g.constant('constant/rows', int64([0, -1])),
  };
}

function linear(g: GraphBuilder, input: string, parameter: string, output?: string): string {
  const product = g.op('MatMul', [input, `${parameter}.weight`], {}, { name: 'matmul' });
  const name = { name: 'bias', ...(output !== undefined && { outputs: [output] }) };
  return g.op('Add', [product, `${parameter}.bias`], {}, name);
}

function layerNorm(g: GraphBuilder, input: string, parameter: string): string {
  return g.op(
    'LayerNormalization',
    [input, `${parameter}.weight`, `${parameter}.bias`],
    { axis: -1, epsilon: float(LAYER_NORM_EPSILON) },
    { name: 'norm' },
  );
}

/** Scaled dot-product attention of `queries` rows over `all` rows; returns `[batch, rows, heads · headSize]`. */
function attention(
  g: GraphBuilder,
  shared: Shared,
  config: BertConfig,
  index: number,
  queries: string,
  all: string,
  bias: string,
): string {
  const heads = headsOf(config, index);
  const d = config.headSize;
  const D = heads * d;
  const name = `${layerName(index)}.attention.self`;
  const byHead = (value: string, role: string, parts: number) => {
    const shape = g.constant(`${role}_shape`, int64([0, 0, parts * heads, d]));
    const four = g.op('Reshape', [value, shape], {}, { name: `${role}_heads` });
    return g.op('Transpose', [four], { perm: [0, 2, 1, 3] }, { name: `${role}_transpose` });
  };
  // Heads go in front of rows before query, key and value part: one Transpose, and a Split of whole blocks.
  const split = (value: string, parts: number) => {
    const sizes = g.constant('split_sizes', int64(Array<number>(parts).fill(heads)));
    return g.ops('Split', [value, sizes], { axis: 1 }, { name: 'split', outputs: parts }) as [string, string, string];
  };
  let queryHeads: string;
  let keyHeads: string;
  let valueHeads: string;
  if (queries === all) {
    const merged = g.scope('qkv/', () => linear(g, all, `${name}.qkv`));
    [queryHeads, keyHeads, valueHeads] = split(byHead(merged, 'qkv', 3), 3);
  } else {
    const query = g.scope('query/', () => linear(g, queries, `${name}.query`));
    const merged = g.scope('key_value/', () => linear(g, all, `${name}.key_value`));
    queryHeads = byHead(query, 'query', 1);
    [keyHeads, valueHeads] = split(byHead(merged, 'key_value', 2), 2);
  }
  // ONNX Runtime takes a scale and a swap of the last axes into the product that reads them.
  const scaled = g.op('Mul', [queryHeads, shared.scale], {}, { name: 'scale' });
  const turned = g.op('Transpose', [keyHeads], { perm: [0, 1, 3, 2] }, { name: 'key_transpose' });
  const scores = g.op('MatMul', [scaled, turned], {}, { name: 'scores' });
  const masked = g.op('Add', [scores, bias], {}, { name: 'mask' });
  const weights = g.op('Softmax', [masked], { axis: -1 }, { name: 'softmax' });
  const context = g.op('MatMul', [weights, valueHeads], {}, { name: 'context' });
  const rows = g.op('Transpose', [context], { perm: [0, 2, 1, 3] }, { name: 'context_transpose' });
  return g.op('Reshape', [rows, g.constant('context_shape', int64([0, 0, D]))], {}, { name: 'context_merge' });
}

function activation(g: GraphBuilder, shared: Shared, config: BertConfig, input: string): string {
  if (config.activation === 'relu') return g.op('Relu', [input], {}, { name: 'relu' });
  const erf = g.op('Erf', [g.op('Div', [input, shared.root2], {}, { name: 'div' })], {}, { name: 'erf' });
  const gate = g.op('Add', [erf, shared.one], {}, { name: 'add' });
  return g.op('Mul', [g.op('Mul', [input, gate], {}, { name: 'gate' }), shared.half], {}, { name: 'half' });
}

/** The parameters of a classifier built here, by name: its float32 initializers of rank 1 and above. */
export function bertWeights(model: Model): ReadonlyMap<string, Tensor> {
  return new Map([...model.graph.initializers].filter(([, tensor]) => tensor.type === 'float32' && tensor.dims.length));
}
