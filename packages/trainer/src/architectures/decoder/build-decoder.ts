import type { GraphBuilder, Model, Rng, Tensor } from '@slm-compress/onnx';
import { createGraphBuilder, float, float32, inferTypes, int64, scalar } from '@slm-compress/onnx';
import { type DecoderConfig, validateDecoderConfig } from './decoder-config.ts';
import {
  checkDecoderWeights,
  decoderHead,
  decoderLayer,
  decoderParameterShapes,
  initializeDecoder,
  POSITIONS,
  TOKENS,
} from './decoder-parameters.ts';
import { rotaryFrequencies } from './rotary.ts';

/** Put in place of the scores of what is not seen: the exponential of the difference is exactly zero. */
const MASKED = -1e9;
/** Of RMSNormalization; ONNX Runtime has it since 1.23. */
const [OPSET, IR] = [23, 11];

export interface DecoderForm {
  /**
   * `logits` (default): inputs `input_ids` and `attention_mask`, int64 `[batch, sequence]`, output `logits` `[batch, sequence,
   * vocabulary]`; padding may stand on either side. `hidden`: what the task `languageModel` trains, output `hidden_states`
   * `[batch, sequence, width]`, with the input `position_ids` `[batch, sequence]` besides. `packed`: the same with
   * `segment_ids` `[batch, sequence]` in place of `attention_mask`: a token sees those of its own segment up to itself.
   */
  readonly form?: 'logits' | 'hidden' | 'packed';
}

/**
 * A decoder as an ONNX graph (opset 23): token and position embeddings, layers of attention and feed-forward with a norm
 * before each, a last norm. Parameters are the initializers listed at {@link decoderParameterShapes}; every other float
 * initializer is a scalar. Masks are made of the inputs, once for every width of window.
 *
 * Node scopes: `embeddings/…`, `layer.N/attention/{qkv,output}/…`, `layer.N/ffn/{gate,up,output}/…`; a linear layer is
 * `…/matmul` and `…/bias`. `weights` is a map by initializer name, or a generator to draw initial ones from.
 * Throws `CONFIG_INVALID`, `WEIGHTS_MISMATCH`.
 */
export function buildDecoder(
  config: DecoderConfig,
  weights: ReadonlyMap<string, Tensor> | { readonly rng: Rng },
  { form = 'logits' }: DecoderForm = {},
): Model {
  validateDecoderConfig(config);
  const tensors = 'rng' in weights ? initializeDecoder(config, weights.rng) : weights;
  checkDecoderWeights(config, tensors);
  const g = createGraphBuilder('decoder');
  const ids = g.input('input_ids', 'int64', ['batch', 'sequence']);
  const seen = g.input(form === 'packed' ? 'segment_ids' : 'attention_mask', 'int64', ['batch', 'sequence']);
  const fedPositions = form === 'logits' ? undefined : g.input('position_ids', 'int64', ['batch', 'sequence']);
  for (const name of decoderParameterShapes(config).keys()) g.constant(name, tensors.get(name)!);
  const constants = sharedConstants(g);
  const positions = fedPositions ?? g.scope('positions/', () => countPositions(g, constants, seen));
  const masks = new Map<number, string>();
  for (const window of config.windows) {
    if (masks.has(window)) continue;
    const scope = window === 0 ? 'mask/' : `mask.${window}/`;
    masks.set(
      window,
      g.scope(scope, () => attentionMask(g, constants, seen, form === 'packed', window)),
    );
  }
  const turns = config.rotary && g.scope('rotary/', () => rotaryTurns(g, config, positions));

  let hidden = g.scope('embeddings/', () => {
    const words = g.op('Gather', [TOKENS, ids], { axis: 0 }, { name: 'word' });
    if (config.rotary) return words;
    const placed = g.op('Gather', [POSITIONS, positions], { axis: 0 }, { name: 'position' });
    return g.op('Add', [words, placed], {}, { name: 'sum' });
  });
  for (let index = 0; index < config.layers; index++) {
    const name = decoderLayer(index);
    const before = hidden;
    hidden = g.scope(`layer.${index}/`, () => {
      const read = g.scope('attention/', () => normalize(g, config, before, `${name}.attention_norm`));
      const mask = masks.get(config.windows[index]!)!;
      const attended = g.scope('attention/', () => attention(g, config, index, { read, mask, turns, constants }));
      const output = g.scope('attention/output/', () =>
        linear(g, attended, `${name}.attention.output`, config.biases.output),
      );
      const between = g.op('Add', [before, output], {}, { name: 'attention/residual' });
      const fed = g.scope('ffn/', () => normalize(g, config, between, `${name}.ffn_norm`));
      const widened = feedForward(g, config, fed, name);
      const narrowed = g.scope('ffn/output/', () => linear(g, widened, `${name}.ffn.down`, config.biases.ffn));
      return g.op('Add', [between, narrowed], {}, { name: 'ffn/residual' });
    });
  }
  const last = normalize(g, config, hidden, 'decoder.norm');
  if (form !== 'logits') {
    g.output(last, 'float32', ['batch', 'sequence', config.hiddenSize], 'hidden_states');
  } else {
    const turned = g.op('Transpose', [decoderHead(config)], { perm: [1, 0] }, { name: 'head/transpose' });
    g.op('MatMul', [last, turned], {}, { name: 'head/matmul', outputs: ['logits'] });
    g.output('logits', 'float32', ['batch', 'sequence', config.vocabSize]);
  }
  const { graph, ...rest } = g.model({ opset: OPSET, irVersion: IR });
  return inferTypes({ ...rest, graph });
}

type Constants = ReturnType<typeof sharedConstants>;

function sharedConstants(g: GraphBuilder) {
  return {
    zero: g.constant('constant/int_zero', int64([0], [])),
    one: g.constant('constant/int_one', int64([1], [])),
    axis0: g.constant('constant/axis_0', int64([0])),
    axis1: g.constant('constant/axis_1', int64([1])),
    axis2: g.constant('constant/axis_2', int64([2])),
    axes12: g.constant('constant/axes_1_2', int64([1, 2])),
    kept: g.constant('constant/kept', scalar(0)),
    masked: g.constant('constant/masked', scalar(MASKED)),
  };
}

/** Positions `[batch, sequence]` counted from the first token that is no padding. */
function countPositions(g: GraphBuilder, { one, zero, axis1 }: Constants, mask: string): string {
  const axis = g.op('Squeeze', [axis1], {}, { name: 'axis' });
  const counted = g.op('CumSum', [mask, axis], {}, { name: 'count' });
  return g.op('Max', [g.op('Sub', [counted, one], {}, { name: 'from_zero' }), zero], {}, { name: 'of_padding' });
}

/** 0 where a key is seen and a great negative number elsewhere, `[batch, 1, sequence, sequence]`. */
function attentionMask(g: GraphBuilder, c: Constants, seen: string, packed: boolean, window: number): string {
  const shape = g.op('Shape', [seen], {}, { name: 'shape' });
  const length = g.op('Gather', [shape, c.one], { axis: 0 }, { name: 'length' });
  const keys = g.op('Range', [c.zero, length, c.one], {}, { name: 'keys' });
  const queries = g.op('Unsqueeze', [keys, c.axis1], {}, { name: 'queries' });
  let allowed = g.op('LessOrEqual', [keys, queries], {}, { name: 'causal' });
  if (window > 0) {
    const oldest = g.op('Sub', [queries, g.constant('window', int64([window], []))], {}, { name: 'oldest' });
    const near = g.op('Greater', [keys, oldest], {}, { name: 'near' });
    allowed = g.op('And', [allowed, near], {}, { name: 'in_window' });
  }
  const ofKeys = g.op('Unsqueeze', [seen, c.axes12], {}, { name: 'of_keys' });
  let own: string;
  if (packed) {
    const rows = g.op('Unsqueeze', [g.op('Unsqueeze', [seen, c.axis1]), g.constant('last', int64([3]))]);
    own = g.op('Equal', [ofKeys, rows], {}, { name: 'own_segment' });
  } else {
    own = g.op('Greater', [ofKeys, c.zero], {}, { name: 'no_padding' });
  }
  const kept = g.op('And', [own, allowed], {}, { name: 'kept' });
  return g.op('Where', [kept, c.kept, c.masked], {}, { name: 'bias' });
}

interface Turns {
  /** `[batch, 1, sequence, headSize / 2]`. */
  readonly cosine: string;
  readonly sine: string;
}

function rotaryTurns(g: GraphBuilder, config: DecoderConfig, positions: string): Turns {
  const { frequencies, magnitude } = rotaryFrequencies(config.rotary!, config.headSize);
  // A Constant node, since an initializer would be a parameter.
  const table = g.op('Constant', [], { value: float32(frequencies) }, { name: 'frequencies' });
  const places = g.op('Cast', [positions], { to: 1 }, { name: 'places' });
  const column = g.op('Unsqueeze', [places, g.constant('axes', int64([1, 3]))], {}, { name: 'column' });
  const angles = g.op('Mul', [column, table], {}, { name: 'angles' });
  const scaled = (operator: 'Cos' | 'Sin') => {
    const value = g.op(operator, [angles], {}, { name: operator.toLowerCase() });
    if (magnitude === 1) return value;
    return g.op('Mul', [value, g.constant('magnitude', scalar(magnitude))], {}, { name: `${operator}_scaled` });
  };
  return { cosine: scaled('Cos'), sine: scaled('Sin') };
}

/** (a, b) → (a·cos − b·sin, b·cos + a·sin), where a and b are the halves of each head. */
function rotate(g: GraphBuilder, value: string, { cosine, sine }: Turns, headSize: number): string {
  const half = g.constant('halves', int64([headSize / 2, headSize / 2]));
  const [a, b] = g.ops('Split', [value, half], { axis: 3 }, { name: 'rotary/split', outputs: 2 }) as [string, string];
  const mul = (x: string, y: string) => g.op('Mul', [x, y]);
  const first = g.op('Sub', [mul(a, cosine), mul(b, sine)], {}, { name: 'rotary/first' });
  const second = g.op('Add', [mul(b, cosine), mul(a, sine)], {}, { name: 'rotary/second' });
  return g.op('Concat', [first, second], { axis: 3 }, { name: 'rotary/concat' });
}

interface AttentionInputs {
  readonly read: string;
  readonly mask: string;
  readonly turns: Turns | undefined;
  readonly constants: Constants;
}

/** Causal attention of `read`; returns `[batch, sequence, heads · headSize]`. */
function attention(g: GraphBuilder, config: DecoderConfig, index: number, inputs: AttentionInputs): string {
  const { heads, keyValueHeads, headSize: d } = config;
  const groups = heads / keyValueHeads;
  const merged = g.scope('qkv/', () =>
    linear(g, inputs.read, `${decoderLayer(index)}.attention.qkv`, config.biases.qkv),
  );
  const every = g.constant('qkv_shape', int64([0, 0, heads + 2 * keyValueHeads, d]));
  const four = g.op('Reshape', [merged, every], {}, { name: 'qkv_heads' });
  const byHead = g.op('Transpose', [four], { perm: [0, 2, 1, 3] }, { name: 'qkv_transpose' });
  const split = (value: string, sizes: readonly number[]) => {
    const parts = g.constant('split_sizes', int64([...sizes]));
    return g.ops('Split', [value, parts], { axis: 1 }, { name: 'split', outputs: sizes.length });
  };
  let parts = split(
    byHead,
    inputs.turns ? [heads + keyValueHeads, keyValueHeads] : [heads, keyValueHeads, keyValueHeads],
  );
  if (inputs.turns) {
    const turned = rotate(g, parts[0]!, inputs.turns, d);
    parts = [...split(turned, [heads, keyValueHeads]), parts[1]!];
  }
  let [query, key, value] = parts as [string, string, string];
  let mask = inputs.mask;
  if (groups > 1) {
    // Queries of one group stand in a dimension of their own, so that keys and values are broadcast, not copied.
    const grouped = g.constant('grouped_shape', int64([0, keyValueHeads, groups, -1, d]));
    query = g.op('Reshape', [query, grouped], {}, { name: 'grouped_query' });
    key = g.op('Unsqueeze', [key, inputs.constants.axis2], {}, { name: 'grouped_key' });
    value = g.op('Unsqueeze', [value, inputs.constants.axis2], {}, { name: 'grouped_value' });
    mask = g.op('Unsqueeze', [mask, inputs.constants.axis1], {}, { name: 'grouped_mask' });
  }
  const scale = config.attentionScales[index]!;
  const scaled =
    scale === 1 ? query : g.op('Mul', [query, g.constant('scale', scalar(scale))], {}, { name: 'scale_query' });
  const swap = groups > 1 ? [0, 1, 2, 4, 3] : [0, 1, 3, 2];
  const turned = g.op('Transpose', [key], { perm: swap }, { name: 'key_transpose' });
  const scores = g.op('MatMul', [scaled, turned], {}, { name: 'scores' });
  const masked = g.op('Add', [scores, mask], {}, { name: 'masked' });
  const shares = g.op('Softmax', [masked], { axis: -1 }, { name: 'softmax' });
  let context = g.op('MatMul', [shares, value], {}, { name: 'context' });
  if (groups > 1) {
    context = g.op(
      'Reshape',
      [context, g.constant('heads_shape', int64([0, heads, -1, d]))],
      {},
      { name: 'ungrouped' },
    );
  }
  const rows = g.op('Transpose', [context], { perm: [0, 2, 1, 3] }, { name: 'context_transpose' });
  return g.op('Reshape', [rows, g.constant('context_shape', int64([0, 0, heads * d]))], {}, { name: 'context_merge' });
}

function feedForward(g: GraphBuilder, config: DecoderConfig, input: string, layer: string): string {
  const up = g.scope('ffn/up/', () => linear(g, input, `${layer}.ffn.up`, config.biases.ffn));
  if (!config.gated) return g.scope('ffn/activation/', () => activate(g, config, up));
  const gate = g.scope('ffn/gate/', () => linear(g, input, `${layer}.ffn.gate`, config.biases.ffn));
  const active = g.scope('ffn/activation/', () => activate(g, config, gate));
  return g.op('Mul', [active, up], {}, { name: 'ffn/gated' });
}

function activate(g: GraphBuilder, { activation }: DecoderConfig, input: string): string {
  if (activation === 'relu') return g.op('Relu', [input], {}, { name: 'relu' });
  if (activation === 'silu')
    return g.op('Mul', [input, g.op('Sigmoid', [input], {}, { name: 'sigmoid' })], {}, { name: 'silu' });
  return g.op('Gelu', [input], activation === 'gelu_tanh' ? { approximate: 'tanh' } : {}, { name: 'gelu' });
}

function linear(g: GraphBuilder, input: string, parameter: string, bias: boolean): string {
  const product = g.op('MatMul', [input, `${parameter}.weight`], {}, { name: 'matmul' });
  return bias ? g.op('Add', [product, `${parameter}.bias`], {}, { name: 'bias' }) : product;
}

function normalize(g: GraphBuilder, { norm, normEpsilon }: DecoderConfig, input: string, parameter: string): string {
  const attributes = { axis: -1, epsilon: float(normEpsilon) };
  if (norm === 'rms') return g.op('RMSNormalization', [input, `${parameter}.weight`], attributes, { name: 'norm' });
  return g.op('LayerNormalization', [input, `${parameter}.weight`, `${parameter}.bias`], attributes, { name: 'norm' });
}
