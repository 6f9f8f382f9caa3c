import type { GraphBuilder, Model, Tensor, Tensors } from '@slm-compress/onnx';
import { createGraphBuilder, float32, int64, removeDeadNodes, SlmError } from '@slm-compress/onnx';
import { bitsPerByte, IGNORED_LABEL } from '@slm-compress/text';
import { batchesInOrder, inParallel, meanScore } from '../predict.ts';
import type { Draw, Task } from '../task.ts';
import { appendVocabularyLoss } from '../vocabulary-loss.ts';
import { fitInputs } from './decoder-inputs.ts';
import { checkCount } from './sequences.ts';

/** Token sequences with the tokens to predict. */
export interface LabelledSequences {
  /** Tokens of every example, by which batches are cut. */
  readonly lengths: readonly number[];
  /**
   * A batch of the examples with these numbers: the model's inputs, among them `input_ids` int64 `[batch, sequence]`, and
   * `labels` int64 `[batch, sequence]`, `IGNORED_LABEL` where nothing is predicted, not shifted. `draw` seeds what is drawn
   * anew at every step (which tokens are masked); it is absent in validation. `position_ids` and `segment_ids` that a
   * model takes and the batch lacks are made of `attention_mask`.
   */
  batch(indices: readonly number[], draw?: Draw): { readonly tensors: Tensors; readonly tokens: number };
  /** UTF-8 bytes of the text that is predicted, where that is known. */
  readonly bytes?: number;
  /** Feeds all examples, and how batches are made of them, to a hash. */
  hash(update: (data: string | Uint8Array) => void): void;
}

export interface LanguageModelOptions {
  /** `causal`: the token before a label predicts it. `masked`: the token at the label's own place does. */
  readonly kind: 'causal' | 'masked';
  readonly train: LabelledSequences;
  readonly validation: LabelledSequences;
  /** Value of the graph `[batch, sequence, width]` that the head reads; `hidden_states` by default. */
  readonly hidden?: string;
  /** Initializer `[vocabulary, width]` of the head, which may be the embedding table. */
  readonly weight: string;
  /** Initializer `[vocabulary]`. */
  readonly bias?: string;
  /** Predictions whose logits exist at a time; as many as make 8 million logits by default, at least 64. */
  readonly chunk?: number;
}

const [PLACES, TARGETS, WEIGHTS] = ['prediction_places', 'prediction_targets', 'prediction_weights'] as const;

/**
 * Learns to predict tokens. Hidden states are gathered where something is predicted, and their logits are made and used
 * up chunk by chunk. The validation's metrics are `perplexity` and `accuracy` of the predicted tokens, and
 * `bitsPerByte` of a causal model where the bytes are known (a sequence's first token, which none predicts, counts no bits);
 * lower loss is better. Throws `TRAIN_OPTIONS`; the training throws `STEP_MODEL` and `TRAIN_DATA`.
 */
export function languageModel(options: LanguageModelOptions): Task {
  const { kind, train, validation, hidden = 'hidden_states', weight, bias } = options;
  if (options.chunk !== undefined && !(Number.isSafeInteger(options.chunk) && options.chunk >= 1)) {
    throw new SlmError('TRAIN_OPTIONS', `train: chunk must be a positive integer, got ${options.chunk}`);
  }
  let chunk = options.chunk ?? 0;
  let vocabulary = 0;
  let fit = (inputs: Tensors) => inputs;
  const feedsOf = (examples: LabelledSequences, indices: readonly number[], draw?: Draw) => {
    const { tensors, tokens } = examples.batch(indices, draw);
    const { labels, ...inputs } = tensors;
    const made = predictions(labels!, inputs.attention_mask, { kind, chunk, vocabulary });
    return { tensors: { ...fit(inputs), ...made.tensors }, tokens, weight: made.count };
  };
  const headOf = (model: Model) => ({
    ...headSizes(model, hidden, weight),
    weight,
    ...(bias !== undefined && { bias }),
  });
  return {
    train: { lengths: train.lengths, feeds: (indices, draw) => feedsOf(train, indices, draw) },
    appendLoss(g, model, scale) {
      const head = headOf(model);
      vocabulary = head.vocabulary;
      fit = (inputs) => fitInputs(inputs, model);
      chunk = options.chunk ?? Math.max(64, Math.floor(2 ** 23 / vocabulary));
      const { weights, ...read } = gatherPredictions(g, hidden, head.width);
      const scaled = g.op('Mul', [weights, scale], {}, { name: 'prediction/scaled' });
      const made = appendVocabularyLoss(g, { ...head, ...read, weights: scaled }, true);
      const gradients = made.gradients!;
      const ofBias = bias !== undefined && [
        { parameter: bias, gradient: gradients.bias! },
        { parameter: bias, gradient: gradients.biasRows!, indices: TARGETS },
      ];
      return {
        loss: g.op('Identity', [made.loss], {}, { outputs: ['loss'] }),
        start: { value: read.hidden, gradient: gradients.hidden },
        direct: [
          { parameter: weight, gradient: gradients.weight },
          { parameter: weight, gradient: gradients.weightRows, indices: TARGETS },
          ...(ofBias || []),
        ],
      };
    },
    check() {
      for (const [name, { lengths }] of Object.entries({ train, validation })) {
        checkCount(name, lengths.length);
      }
    },
    evaluationModel(model) {
      const g = createGraphBuilder('evaluation', { ...model.graph, outputs: [] });
      const head = headOf(model);
      const made = appendVocabularyLoss(g, { ...head, ...gatherPredictions(g, hidden, head.width) }, false);
      g.output(made.loss, 'float32', [], 'loss');
      g.output(made.correct!, 'float32', [], 'correct');
      return removeDeadNodes.run({ ...model, graph: g.graph() }).model;
    },
    async evaluate(engine, { tokenBudget }) {
      const batches = batchesInOrder(validation.lengths, tokenBudget);
      const scores = await inParallel(batches, { concurrency: 4 }, async (batch) => {
        const { tensors, weight: count } = feedsOf(validation, batch);
        const made = await engine.run(tensors, { outputs: ['loss', 'correct'] });
        return { loss: Number(made.loss!.data[0]), correct: Number(made.correct!.data[0]), count };
      });
      const { loss, accuracy } = meanScore(scores);
      const tokens = scores.reduce((sum, { count }) => sum + count, 0);
      const bytes = kind === 'causal' ? (validation.bytes ?? 0) : 0;
      const bits = bytes > 0 && { bitsPerByte: bitsPerByte(loss * tokens, bytes) };
      return { loss, metrics: { perplexity: Math.exp(loss), accuracy, ...bits } };
    },
    better: (a, b) => a.loss < b.loss,
    hash(update) {
      update(JSON.stringify({ kind, hidden, weight, bias, chunk: options.chunk }));
      for (const examples of [train, validation]) examples.hash(update);
    },
  };
}

/** The hidden states where something is predicted, `[chunks, rows, width]`, and what is predicted there. */
function gatherPredictions(g: GraphBuilder, hidden: string, width: number) {
  const places = g.input(PLACES, 'int64', ['chunks', 'rows']);
  const targets = g.input(TARGETS, 'int64', ['chunks', 'rows']);
  const weights = g.input(WEIGHTS, 'float32', ['chunks', 'rows']);
  return g.scope('prediction/', () => {
    const flat = g.op('Reshape', [hidden, g.constant('row_shape', int64([-1, width]))], {}, { name: 'rows' });
    return { hidden: g.op('Gather', [flat, places], { axis: 0 }, { name: 'hidden' }), targets, weights };
  });
}

function headSizes(
  model: Model,
  hidden: string,
  weight: string,
): { readonly vocabulary: number; readonly width: number } {
  const { outputs, types, initializers } = model.graph;
  const known = outputs.some(({ name }) => name === hidden) || types.has(hidden);
  const dims = initializers.get(weight)?.dims;
  if (known && dims?.length === 2) return { vocabulary: dims[0]!, width: dims[1]! };
  const got = known ? `${weight} ${dims ? `[${dims}]` : 'missing'}` : `no value ${hidden}`;
  throw new SlmError(
    'STEP_MODEL',
    `training step: expected ${hidden} and a head ${weight} [vocabulary, width], got ${got}`,
  );
}

/**
 * Where something is predicted, what, and that it counts: `[chunks, rows]` each, of at most `chunk` rows. Rows that fill
 * up the last chunk weigh nothing. Padding predicts nothing, so the first token after it is not predicted.
 * Throws `TRAIN_DATA` for a label that is not in the vocabulary.
 */
function predictions(
  labels: Tensor,
  mask: Tensor | undefined,
  {
    kind,
    chunk,
    vocabulary,
  }: { readonly kind: 'causal' | 'masked'; readonly chunk: number; readonly vocabulary: number },
) {
  const [batch, length] = labels.dims as [number, number];
  const data = labels.data as BigInt64Array;
  const places: number[] = [];
  const targets: number[] = [];
  const shift = kind === 'causal' ? 1 : 0;
  for (let row = 0; row < batch; row++) {
    for (let at = shift; at < length; at++) {
      const label = Number(data[row * length + at]);
      if (label === IGNORED_LABEL || mask?.data[row * length + at - shift] === 0n) continue;
      if (!(label >= 0 && label < vocabulary)) {
        throw new SlmError('TRAIN_DATA', `labels: expected token ids below ${vocabulary}, got ${label}`);
      }
      places.push(row * length + at - shift);
      targets.push(label);
    }
  }
  const count = targets.length;
  const chunks = Math.max(1, Math.ceil(count / chunk));
  const rows = Math.max(1, Math.ceil(count / chunks));
  const weights = new Float32Array(chunks * rows).fill(1, 0, count);
  while (targets.length < chunks * rows) {
    places.push(0);
    targets.push(0);
  }
  const dims = [chunks, rows];
  const tensors = { [PLACES]: int64(places, dims), [TARGETS]: int64(targets, dims), [WEIGHTS]: float32(weights, dims) };
  return { tensors, count };
}
