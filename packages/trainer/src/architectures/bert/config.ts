import { SlmError } from '@slm-compress/onnx';
import { distilBertFields } from './distilbert-names.ts';

/** Shape and behaviour of a BERT encoder with a sequence-classification head. */
export interface BertConfig {
  /** `distilbert` has ReLU for tanh under `cls` pooling, and is stored as a DistilBERT; `bert` by default. */
  readonly modelType?: 'bert' | 'distilbert';
  readonly vocabSize: number;
  /** Width of the hidden states. */
  readonly hiddenSize: number;
  readonly layers: number;
  /** Attention heads of a layer that has not been pruned. */
  readonly heads: number;
  /** Width of one head; `hiddenSize / heads` in a model that has not been pruned. */
  readonly headSize: number;
  readonly intermediateSize: number;
  /** Longest sequence, special tokens included. */
  readonly maxPositions: number;
  /** Class names; their positions are the class ids. */
  readonly labels: readonly string[];
  /** Probability of zeroing a hidden activation in training. */
  readonly dropout: number;
  /** Heads of each layer, where they differ (pruned models). */
  readonly headsPerLayer?: readonly number[];
  /** Feed-forward width of each layer, where they differ (pruned models). */
  readonly intermediatePerLayer?: readonly number[];
  /**
   * What the classifier reads: `cls` (default) is BERT's first token through dense and tanh, `mean` the mean of the
   * tokens that are not padding, which small models trained from scratch learn from more easily.
   */
  readonly pooling?: 'cls' | 'mean';
  /** Feed-forward non-linearity; `gelu` (default) is the exact form with the error function. */
  readonly activation?: 'gelu' | 'relu';
  /** Token id of padding; 0 by default. */
  readonly padId?: number;
}

/** Epsilon inside every LayerNormalization, as in BERT. */
export const LAYER_NORM_EPSILON = 1e-12;

/** Bound for files that are not to be trusted. */
const MOST_LAYERS = 1000;

/** Heads of layer `index`. */
export function headsOf(config: BertConfig, index: number): number {
  return config.headsPerLayer?.[index] ?? config.heads;
}

/** Feed-forward width of layer `index`. */
export function intermediateOf(config: BertConfig, index: number): number {
  return config.intermediatePerLayer?.[index] ?? config.intermediateSize;
}

/**
 * Throws `CONFIG_INVALID` when a field is out of its range; `where` starts the message.
 * Returns its argument.
 */
export function validateBertConfig(config: BertConfig, where = 'model config'): BertConfig {
  const fail = (field: string, expected: string, got: unknown): never => {
    throw new SlmError('CONFIG_INVALID', `${where}: ${field} must be ${expected}, got ${show(got)}`);
  };
  const positive = (field: string, value: unknown) => {
    if (!Number.isSafeInteger(value) || (value as number) < 1) fail(field, 'a positive integer', value);
  };
  if (config.modelType !== undefined && config.modelType !== 'bert' && config.modelType !== 'distilbert') {
    fail('modelType', "'bert' or 'distilbert'", config.modelType);
  }
  positive('vocabSize', config.vocabSize);
  positive('hiddenSize', config.hiddenSize);
  positive('layers', config.layers);
  if (config.layers > MOST_LAYERS) fail('layers', `at most ${MOST_LAYERS}`, config.layers);
  positive('heads', config.heads);
  positive('headSize', config.headSize);
  positive('intermediateSize', config.intermediateSize);
  positive('maxPositions', config.maxPositions);
  if (!Array.isArray(config.labels) || config.labels.length < 2) fail('labels', 'at least two names', config.labels);
  if (config.labels.some((label) => typeof label !== 'string')) fail('labels', 'strings', config.labels);
  if (new Set(config.labels).size !== config.labels.length) fail('labels', 'distinct', config.labels);
  if (!(config.dropout >= 0 && config.dropout < 1)) fail('dropout', 'in [0, 1)', config.dropout);
  for (const field of ['headsPerLayer', 'intermediatePerLayer'] as const) {
    const list = config[field];
    if (list === undefined) continue;
    if (!Array.isArray(list) || list.length !== config.layers) fail(field, `a list of ${config.layers}`, list);
    for (const [index, value] of list.entries()) positive(`${field}[${index}]`, value);
  }
  if (config.pooling !== undefined && config.pooling !== 'cls' && config.pooling !== 'mean') {
    fail('pooling', "'cls' or 'mean'", config.pooling);
  }
  if (config.activation !== undefined && config.activation !== 'gelu' && config.activation !== 'relu') {
    fail('activation', "'gelu' or 'relu'", config.activation);
  }
  const padId = config.padId ?? 0;
  if (!Number.isSafeInteger(padId) || padId < 0 || padId >= config.vocabSize) {
    fail('padId', `an id below ${config.vocabSize}`, padId);
  }
  return config;
}

/** The `config.json` of a model folder: Hugging Face's BERT fields, what they can't say under `slm_compress`. */
export function toHfConfig(config: BertConfig): Record<string, unknown> {
  validateBertConfig(config);
  const fields: Record<string, unknown> = {
    architectures: ['BertForSequenceClassification'],
    model_type: 'bert',
    vocab_size: config.vocabSize,
    hidden_size: config.hiddenSize,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    intermediate_size: config.intermediateSize,
    hidden_act: config.activation ?? 'gelu',
    hidden_dropout_prob: config.dropout,
    attention_probs_dropout_prob: 0,
    max_position_embeddings: config.maxPositions,
    type_vocab_size: 2,
    initializer_range: 0.02,
    layer_norm_eps: LAYER_NORM_EPSILON,
    pad_token_id: config.padId ?? 0,
    position_embedding_type: 'absolute',
    problem_type: 'single_label_classification',
    id2label: Object.fromEntries(config.labels.map((label, id) => [String(id), label])),
    label2id: Object.fromEntries(config.labels.map((label, id) => [label, id])),
    slm_compress: {
      pooling: config.pooling ?? 'cls',
      headSize: config.headSize,
      ...(config.headsPerLayer && { headsPerLayer: [...config.headsPerLayer] }),
      ...(config.intermediatePerLayer && { intermediatePerLayer: [...config.intermediatePerLayer] }),
    },
  };
  if (config.modelType !== 'distilbert') return fields;
  const { type_vocab_size: _, layer_norm_eps: __, position_embedding_type: ___, ...kept } = fields;
  const named = Object.entries(kept).map(([field, value]) => [distilBertFields[field] ?? field, value]);
  return {
    ...Object.fromEntries(named),
    architectures: ['DistilBertForSequenceClassification'],
    model_type: 'distilbert',
    seq_classif_dropout: config.dropout,
    sinusoidal_pos_embds: false,
  };
}

/**
 * Reads what {@link toHfConfig} writes, or the `config.json` of any BERT or DistilBERT sequence classifier.
 * Throws `CONFIG_INVALID`, the message starting with `where`, for another architecture or a field out of its range.
 */
export function fromHfConfig(json: unknown, where = 'config.json'): BertConfig {
  const fail = (message: string): never => {
    throw new SlmError('CONFIG_INVALID', `${where}: ${message}`);
  };
  if (typeof json !== 'object' || json === null || Array.isArray(json)) fail(`expected an object, got ${show(json)}`);
  const fields = json as Record<string, unknown>;
  const distilled = fields.model_type === 'distilbert';
  if (fields.model_type !== 'bert' && !distilled) {
    fail(`model_type must be "bert" or "distilbert", got ${show(fields.model_type)}`);
  }
  const nameOf = (field: string) => (distilled ? (distilBertFields[field] ?? field) : field);
  const number = (bertField: string, fallback?: number): number => {
    const field = nameOf(bertField);
    const value = fields[field] ?? fallback;
    if (typeof value !== 'number') fail(`${field} must be a number, got ${show(value)}`);
    return value as number;
  };
  const record = (field: string): Record<string, unknown> => {
    const value = fields[field] ?? {};
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      fail(`${field} must be an object, got ${show(value)}`);
    }
    return value as Record<string, unknown>;
  };
  const epsilon = number('layer_norm_eps', LAYER_NORM_EPSILON);
  if (epsilon !== LAYER_NORM_EPSILON) fail(`layer_norm_eps must be ${LAYER_NORM_EPSILON}, got ${epsilon}`);
  const id2label = record('id2label');
  const count = Object.keys(id2label).length;
  const labels = Array.from({ length: count }, (_, id) => {
    const label = id2label[String(id)];
    if (typeof label !== 'string') fail(`id2label must name ids 0 to ${count - 1}, got ${show(id2label)}`);
    return label as string;
  });
  const extra = record('slm_compress');
  const hiddenSize = number('hidden_size');
  const heads = number('num_attention_heads');
  return validateBertConfig(
    {
      ...(distilled && { modelType: 'distilbert' as const }),
      vocabSize: number('vocab_size'),
      hiddenSize,
      layers: number('num_hidden_layers'),
      heads,
      headSize: (extra.headSize as number | undefined) ?? hiddenSize / heads,
      intermediateSize: number('intermediate_size'),
      maxPositions: number('max_position_embeddings'),
      labels,
      dropout: number('hidden_dropout_prob', 0.1),
      pooling: (extra.pooling as 'cls' | undefined) ?? 'cls',
      activation: (fields[nameOf('hidden_act')] as 'gelu' | undefined) ?? 'gelu',
      padId: number('pad_token_id', 0),
      ...(extra.headsPerLayer !== undefined && { headsPerLayer: extra.headsPerLayer as number[] }),
      ...(extra.intermediatePerLayer !== undefined && { intermediatePerLayer: extra.intermediatePerLayer as number[] }),
    },
    where,
  );
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? 'undefined';
}
