import {
  addGradients,
  createGraphBuilder,
  type Model,
  type OpenEngine,
  SlmError,
  type Tensor,
} from '@slm-compress/onnx';
import { type BertConfig, headsOf, intermediateOf, type TrainingData } from '@slm-compress/trainer';
import { groupByLength, unpaddedFeeds } from '../batches.ts';
import { addGates, type LayerGates } from './gates.ts';

/** How much the loss depends on each head and each feed-forward neuron; one list for each layer. */
export interface Importance {
  readonly heads: readonly (readonly number[])[];
  readonly intermediate: readonly (readonly number[])[];
  /** Texts it was measured on. */
  readonly examples: number;
}

export interface ImportanceOptions {
  readonly open: OpenEngine;
  /** Tokens of one batch. 2048 by default. */
  readonly tokenBudget?: number;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
  readonly signal?: AbortSignal;
}

/**
 * First-order Taylor importance: the mean over texts x of |∂L(x)/∂ξ|, where ξ = 1 is a gate on a head's context or on a
 * neuron's activation, and L the cross-entropy with the label, or with the softmax of the teacher's logits where `data`
 * has them (Michel et al., 2019, https://arxiv.org/abs/1905.10650, equation 2; Molchanov et al., 2017).
 *
 * @throws SlmError `DATA_EMPTY` without a text, `PRUNE_ARCHITECTURE` for a graph that `buildBertClassifier` didn't make,
 *   `PRUNE_NAN` when a gradient is not finite
 */
export async function scoreHeadsAndNeurons(
  model: Model,
  config: BertConfig,
  data: TrainingData,
  options: ImportanceOptions,
): Promise<Importance> {
  const { tokenBudget = 2048, onProgress, signal } = options;
  const groups = groupByLength(
    data.ids.map((text) => text.length),
    tokenBudget,
  );
  if (groups.length === 0) {
    throw new SlmError(
      'DATA_EMPTY',
      `scoreHeadsAndNeurons: expected texts with tokens, got none in ${data.ids.length}`,
    );
  }
  const { model: step, gates, outputs } = gateGradients(model, config);
  const heads = gates.map((_, layer) => new Array<number>(headsOf(config, layer)).fill(0));
  const intermediate = gates.map((_, layer) => new Array<number>(intermediateOf(config, layer)).fill(0));
  let done = 0;
  await using engine = await options.open(step, { memoryPattern: false });
  for (const group of groups) {
    signal?.throwIfAborted();
    const batch = group.length;
    const feeds: Record<string, Tensor> = { ...unpaddedFeeds(group.map((index) => data.ids[index]!)) };
    feeds.targets = targets(data, group, config.labels.length);
    gates.forEach((gate, layer) => {
      feeds[gate.heads] = ones([batch, headsOf(config, layer), 1, 1]);
      feeds[gate.intermediate] = ones([batch, 1, intermediateOf(config, layer)]);
    });
    const names = gates.flatMap((gate) => [outputs.get(gate.heads)!, outputs.get(gate.intermediate)!]);
    const results = await engine.run(feeds, { outputs: names, ...(signal ? { signal } : {}) });
    gates.forEach((gate, layer) => {
      accumulate(heads[layer]!, results[outputs.get(gate.heads)!]!, gate.heads);
      accumulate(intermediate[layer]!, results[outputs.get(gate.intermediate)!]!, gate.intermediate);
    });
    done += batch;
    onProgress?.({ done, total: data.ids.length });
  }
  const mean = (sums: readonly number[]) => sums.map((sum) => sum / done);
  return { heads: heads.map(mean), intermediate: intermediate.map(mean), examples: done };
}

/** The gated model with the summed cross-entropy against `targets` float32 `[batch, labels]`, and the gates' gradients. */
function gateGradients(model: Model, config: BertConfig) {
  const { model: gated, gates } = addGates(model, config);
  const logits = gated.graph.outputs[0]!.name;
  const g = createGraphBuilder(gated.graph.name, { ...gated.graph, outputs: [] });
  const targetsInput = g.input('targets', 'float32', ['batch', config.labels.length]);
  const loss = g.scope('loss/', () => {
    const logProbabilities = g.op('LogSoftmax', [logits], { axis: -1 });
    return g.op('Neg', [g.op('ReduceSum', [g.op('Mul', [targetsInput, logProbabilities])], { keepdims: 0 })]);
  });
  g.output(loss, 'float32', []);
  const parameters = gates.flatMap((gate: LayerGates) => [gate.heads, gate.intermediate]);
  const { model: step, gradients } = addGradients({ ...gated, graph: g.graph() }, { loss, parameters });
  return { model: step, gates, outputs: new Map([...gradients].map(([name, gradient]) => [name, gradient.output])) };
}

function targets(data: TrainingData, group: readonly number[], labels: number): Tensor {
  const out = new Float32Array(group.length * labels);
  group.forEach((index, row) => {
    if (data.teacherLogits === undefined) {
      out[row * labels + data.labels[index]!] = 1;
      return;
    }
    const logits = data.teacherLogits.subarray(index * labels, (index + 1) * labels);
    const largest = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const weights = Array.from(logits, (logit) => Math.exp(logit - largest));
    const total = weights.reduce((a, b) => a + b, 0);
    weights.forEach((weight, label) => {
      out[row * labels + label] = weight / total;
    });
  });
  return { type: 'float32', dims: [group.length, labels], data: out };
}

function ones(dims: readonly number[]): Tensor {
  const size = dims.reduce((product, dim) => product * dim, 1);
  return { type: 'float32', dims, data: new Float32Array(size).fill(1) };
}

/** Adds |gradient| of each text of the batch. */
function accumulate(sums: number[], gradient: Tensor, where: string): void {
  (gradient.data as Float32Array).forEach((value, index) => {
    if (!Number.isFinite(value)) {
      throw new SlmError('PRUNE_NAN', `scoreHeadsAndNeurons, ${where}: expected finite gradients, got ${value}`);
    }
    sums[index % sums.length]! += Math.abs(value);
  });
}
