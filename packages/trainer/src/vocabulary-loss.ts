import type { GraphBuilder } from '@slm-compress/onnx';
import { createGraphBuilder, int64, scalar } from '@slm-compress/onnx';

/** The last layer of a language model: logits = hidden · weightᵀ + bias. */
export interface VocabularyHead {
  /** Value `[rows, width]` of chunks: `[chunks, rows, width]`. */
  readonly hidden: string;
  /** Initializer or input `[vocabulary, width]`; may be the embedding table. */
  readonly weight: string;
  /** Initializer or input `[vocabulary]`. */
  readonly bias?: string;
  readonly vocabulary: number;
  readonly width: number;
  /** Value int64 `[chunks, rows]`: the tokens to predict. */
  readonly targets: string;
  /** Value float32 `[chunks, rows]`: what each prediction weighs. */
  readonly weights: string;
}

/** Names of the values that {@link appendVocabularyLoss} made. */
export interface VocabularyLoss {
  /** Σ weight · cross-entropy, `[]`. */
  readonly loss: string;
  /** Σ weight over the predictions whose target has the highest logit, `[]`; in the form without gradients. */
  readonly correct?: string;
  readonly gradients?: {
    /** Of `hidden`, in its shape. */
    readonly hidden: string;
    /** The dense part of the head's gradient, `[vocabulary, width]`. */
    readonly weight: string;
    /** The part that belongs to the rows `targets` of the head, `[chunks, rows, width]`. */
    readonly weightRows: string;
    readonly bias?: string;
    readonly biasRows?: string;
  };
}

/**
 * Appends the cross-entropy of a vocabulary, computed chunk by chunk (a Scan), so that no more logits exist at a time than
 * those of one chunk. With `gradients` its derivatives are computed in the same sweep: with p = softmax(logits) and y the
 * one-hot target, ∂loss/∂logits = weight · (p − y). The product with p is dense; the one with y touches only the targets'
 * rows and is given as these, to be scatter-added, so that no one-hot matrix is ever made.
 */
export function appendVocabularyLoss(g: GraphBuilder, head: VocabularyHead, gradients: boolean): VocabularyLoss {
  const { vocabulary, width, bias } = head;
  return g.scope('vocabulary/', () => {
    const zero = g.constant('zero', scalar(0));
    const zeros = (name: string, ...dims: number[]) =>
      g.op('ConstantOfShape', [g.constant(`${name}_shape`, int64(dims))], {}, { name });
    const states = gradients
      ? [zero, zeros('weight_sum', vocabulary, width), ...(bias === undefined ? [] : [zeros('bias_sum', vocabulary)])]
      : [zero, zero];
    const body = (gradients ? gradientBody : scoreBody)(head);
    const scanned = gradients ? (bias === undefined ? 2 : 3) : 0;
    const made = g.ops(
      'Scan',
      [...states, head.hidden, head.targets, head.weights],
      { body, num_scan_inputs: 3 },
      { name: 'chunks', outputs: states.length + scanned },
    );
    if (!gradients) return { loss: made[0]!, correct: made[1]! };
    const [loss, weight, ...rest] = made as [string, string, ...string[]];
    return bias === undefined
      ? { loss, gradients: { weight, hidden: rest[0]!, weightRows: rest[1]! } }
      : {
          loss,
          gradients: { weight, bias: rest[0]!, hidden: rest[1]!, weightRows: rest[2]!, biasRows: rest[3]! },
        };
  });
}

/** Values of a chunk that both bodies start with. */
function openBody(head: VocabularyHead, states: readonly (readonly [string, readonly number[]])[]) {
  const g = createGraphBuilder('chunk');
  const inputs = states.map(([name, dims]) => g.input(name, 'float32', dims));
  const hidden = g.input('hidden', 'float32', ['rows', head.width]);
  const targets = g.input('targets', 'int64', ['rows']);
  const weights = g.input('weights', 'float32', ['rows']);
  const bias = head.bias === undefined ? [] : [head.bias];
  const logits = g.op('Gemm', [hidden, head.weight, ...bias], { transB: 1 }, { name: 'logits' });
  const logProbabilities = g.op('LogSoftmax', [logits], { axis: -1 }, { name: 'log_softmax' });
  const last = g.constant('last', int64([1]));
  const column = (value: string, name: string) => g.op('Unsqueeze', [value, last], {}, { name });
  const index = column(targets, 'target_column');
  const picked = g.op('GatherElements', [logProbabilities, index], { axis: 1 }, { name: 'picked' });
  const weightColumn = column(weights, 'weight_column');
  const sum = g.op('ReduceSum', [g.op('Mul', [picked, weightColumn])], { keepdims: 0 }, { name: 'sum' });
  const loss = g.op('Sub', [inputs[0]!, sum], {}, { name: 'loss' });
  return { g, inputs, hidden, targets, logits, logProbabilities, weights, weightColumn, loss };
}

function gradientBody(head: VocabularyHead) {
  const { vocabulary, width, weight, bias } = head;
  const states: [string, number[]][] = [
    ['loss_sum', []],
    ['weight_sum', [vocabulary, width]],
    ...(bias === undefined ? [] : [['bias_sum', [vocabulary]] as [string, number[]]]),
  ];
  const { g, inputs, hidden, targets, logProbabilities, weightColumn, loss } = openBody(head, states);
  const probabilities = g.op('Exp', [logProbabilities], {}, { name: 'probabilities' });
  const weighted = g.op('Mul', [hidden, weightColumn], {}, { name: 'weighted' });
  const dense = g.op('Gemm', [probabilities, weighted, inputs[1]!], { transA: 1 }, { name: 'weight_gradient' });
  const rows = g.op('Neg', [weighted], {}, { name: 'weight_rows' });
  const expected = g.op('MatMul', [probabilities, weight], {}, { name: 'expected' });
  const target = g.op('Gather', [weight, targets], { axis: 0 }, { name: 'target' });
  const difference = g.op('Sub', [expected, target], {}, { name: 'difference' });
  const hiddenGradient = g.op('Mul', [difference, weightColumn], {}, { name: 'hidden_gradient' });
  g.output(loss, 'float32', []);
  g.output(dense, 'float32', [vocabulary, width]);
  if (bias !== undefined) {
    const first = g.constant('first', int64([0]));
    const mass = g.op('Mul', [probabilities, weightColumn], {}, { name: 'mass' });
    const total = g.op('ReduceSum', [mass, first], { keepdims: 0 }, { name: 'bias_chunk' });
    g.output(g.op('Add', [inputs[2]!, total], {}, { name: 'bias_gradient' }), 'float32', [vocabulary]);
  }
  g.output(hiddenGradient, 'float32', ['rows', width]);
  g.output(rows, 'float32', ['rows', width]);
  if (bias !== undefined) g.output(g.op('Neg', [weightColumn], {}, { name: 'bias_rows' }), 'float32', ['rows', 1]);
  return g.graph();
}

function scoreBody(head: VocabularyHead) {
  const { g, inputs, targets, logits, weights, loss } = openBody(head, [
    ['loss_sum', []],
    ['correct_sum', []],
  ]);
  const best = g.op('ArgMax', [logits], { axis: 1, keepdims: 0 }, { name: 'best' });
  const hit = g.op('Cast', [g.op('Equal', [best, targets])], { to: 1 }, { name: 'hit' });
  const hits = g.op('ReduceSum', [g.op('Mul', [hit, weights])], { keepdims: 0 }, { name: 'hits' });
  g.output(loss, 'float32', []);
  g.output(g.op('Add', [inputs[1]!, hits], {}, { name: 'correct' }), 'float32', []);
  return g.graph();
}
