import { SlmError } from '@slm-compress/onnx';
import type { RotaryConfig } from './rotary.ts';

/** Feed-forward non-linearities; `gelu` is the exact form, `gelu_tanh` the approximation that GPT-2 calls `gelu_new`. */
export type DecoderActivation = 'gelu' | 'gelu_tanh' | 'relu' | 'silu';

/**
 * Shape and behaviour of a decoder with norms before attention and feed-forward. GPT-2, GPT-Neo, Llama, Mistral and Qwen2 are
 * points of this space: `fromHfDecoderConfig` reads their `config.json`.
 */
export interface DecoderConfig {
  readonly vocabSize: number;
  /** Width of the hidden states. */
  readonly hiddenSize: number;
  readonly layers: number;
  /** Heads of queries. */
  readonly heads: number;
  /** Heads of keys and values, a divisor of `heads`; each serves `heads / keyValueHeads` heads of queries. */
  readonly keyValueHeads: number;
  readonly headSize: number;
  readonly intermediateSize: number;
  /** Longest sequence: rows of the position table, where there is one. */
  readonly maxPositions: number;
  /** `layer`: LayerNorm with weight and bias; `rms`: RMSNorm with a weight. */
  readonly norm: 'layer' | 'rms';
  readonly normEpsilon: number;
  /** Rotary position embedding; a table of learned positions is added to the tokens' without it. */
  readonly rotary?: RotaryConfig;
  /** Multiplies each layer's scores. */
  readonly attentionScales: readonly number[];
  /** How many tokens, itself included, a token of each layer sees; 0 for all before it. */
  readonly windows: readonly number[];
  readonly activation: DecoderActivation;
  /** The feed-forward is down(activation(gate(x)) · up(x)) instead of down(activation(up(x))). */
  readonly gated: boolean;
  /** Which linear layers have a bias. */
  readonly biases: { readonly qkv: boolean; readonly output: boolean; readonly ffn: boolean };
  /** The head is the embedding table. */
  readonly tied: boolean;
  /** Standard deviation of the initial weights. */
  readonly initialDeviation: number;
  /** Initial weights of projections into the residual stream are divided by √(2 · layers), as in GPT-2. */
  readonly scaledResiduals: boolean;
  /** Probability of zeroing a hidden activation in training. */
  readonly dropout: number;
}

/** Bounds for files that are not to be trusted. */
const [MOST_LAYERS, MOST] = [1000, 2 ** 31 - 1];

/** Throws `CONFIG_INVALID` when a field is out of its range; `where` starts the message. Returns its argument. */
export function validateDecoderConfig(config: DecoderConfig, where = 'model config'): DecoderConfig {
  const fail = (field: string, expected: string, got: unknown): never => {
    throw new SlmError('CONFIG_INVALID', `${where}: ${field} must be ${expected}, got ${JSON.stringify(got)}`);
  };
  for (const field of sizes) {
    const value = config[field];
    if (!Number.isSafeInteger(value) || value < 1 || value > MOST) fail(field, 'a positive integer', value);
  }
  if (config.layers > MOST_LAYERS) fail('layers', `at most ${MOST_LAYERS}`, config.layers);
  if (config.heads % config.keyValueHeads !== 0)
    fail('keyValueHeads', `a divisor of ${config.heads}`, config.keyValueHeads);
  if (config.rotary && config.headSize % 2 !== 0) fail('headSize', 'even under rotary positions', config.headSize);
  if (!(config.normEpsilon > 0 && config.normEpsilon < 1)) fail('normEpsilon', 'in (0, 1)', config.normEpsilon);
  if (!(config.initialDeviation >= 0 && config.initialDeviation <= 1))
    fail('initialDeviation', 'in [0, 1]', config.initialDeviation);
  if (!(config.dropout >= 0 && config.dropout < 1)) fail('dropout', 'in [0, 1)', config.dropout);
  for (const field of ['windows', 'attentionScales'] as const) {
    if (config[field].length !== config.layers) fail(field, `a list of ${config.layers}`, config[field]);
  }
  for (const [index, window] of config.windows.entries()) {
    if (!Number.isSafeInteger(window) || window < 0) fail(`windows[${index}]`, 'an integer of at least 0', window);
  }
  for (const [index, scale] of config.attentionScales.entries()) {
    if (!(scale > 0 && Number.isFinite(scale))) fail(`attentionScales[${index}]`, 'above 0', scale);
  }
  return config;
}

const sizes = [
  'vocabSize',
  'hiddenSize',
  'layers',
  'heads',
  'keyValueHeads',
  'headSize',
  'intermediateSize',
  'maxPositions',
] as const;
