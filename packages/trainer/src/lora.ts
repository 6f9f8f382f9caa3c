import type { Model, Node, Rng, Tensor } from '@slm-compress/onnx';
import { float32, readAttributes, SlmError, scalar } from '@slm-compress/onnx';
import { namePattern, type ParameterRule } from './parameter-groups.ts';

export interface LoraOptions {
  /** Rank of the update; 8 by default. */
  readonly rank?: number;
  /** The update is multiplied by alpha / rank; `rank` by default. */
  readonly alpha?: number;
  /** Names of matrices, where `*` stands for any characters; by default every matrix that a linear layer multiplies by. */
  readonly match?: readonly string[];
  readonly rng: Rng;
}

/**
 * Gives linear layers a low-rank update (Hu et al., 2022): y = x·W + (alpha / rank) · x·A·B, with `W.lora_A` `[in, rank]`
 * drawn uniformly from ±1/√in and `W.lora_B` `[rank, out]` zero, so that at first nothing changes. Layers are MatMul with an
 * initializer behind and Gemm. Train with {@link loraRules}, then {@link mergeLora}.
 * Throws `TRAIN_OPTIONS` for a rank that is no positive integer, and a pattern that matches no layer.
 */
export function addLora(model: Model, options: LoraOptions): Model {
  const { rank = 8, alpha = rank, match = ['*'], rng } = options;
  if (!(Number.isSafeInteger(rank) && rank >= 1)) {
    throw new SlmError('TRAIN_OPTIONS', `LoRA: rank must be a positive integer, got ${rank}`);
  }
  const { graph } = model;
  const layers = graph.nodes.flatMap((node) => layerOf(node, model) ?? []);
  const patterns = match.map((pattern) => ({ pattern, matches: namePattern(pattern) }));
  const idle = patterns.find(({ matches }) => !layers.some(({ weight }) => matches.test(weight)));
  if (idle) {
    throw new SlmError(
      'TRAIN_OPTIONS',
      `LoRA: "${idle.pattern}" must match the weight of a linear layer, got none of ${layers.length}`,
    );
  }
  const chosen = new Map(
    layers
      .filter(({ weight }) => patterns.some(({ matches }) => matches.test(weight)))
      .map((layer) => [layer.node, layer]),
  );
  const initializers = new Map<string, Tensor>(graph.initializers);
  initializers.set('lora/scale', scalar(alpha / rank));
  const nodes = graph.nodes.flatMap((node) => {
    const layer = chosen.get(node);
    if (layer === undefined) return [node];
    const { weight, inputs, outputs } = layer;
    const [a, b] = [`${weight}.lora_A`, `${weight}.lora_B`];
    if (!initializers.has(a)) {
      const own = rng.fork(weight);
      const bound = 1 / Math.sqrt(inputs);
      const drawn = Float32Array.from({ length: inputs * rank }, () => (2 * own.uniform() - 1) * bound);
      initializers.set(a, float32(drawn, [inputs, rank]));
      initializers.set(b, float32(new Float32Array(rank * outputs), [rank, outputs]));
    }
    const result = node.outputs[0]!;
    const made = (opType: string, suffix: string, from: readonly string[], output: string): Node => ({
      name: `lora/${result}/${suffix}`,
      opType,
      domain: '',
      inputs: from,
      outputs: [output],
      attributes: {},
    });
    return [
      { ...node, outputs: [`${result}.base`] },
      made('MatMul', 'down', [node.inputs[0]!, a], `${result}.lora_down`),
      made('MatMul', 'up', [`${result}.lora_down`, b], `${result}.lora_up`),
      made('Mul', 'scale', [`${result}.lora_up`, 'lora/scale'], `${result}.lora_scaled`),
      made('Add', 'add', [`${result}.base`, `${result}.lora_scaled`], result),
    ];
  });
  return { ...model, graph: { ...graph, nodes, initializers } };
}

/** Rules that train the updates, and the parameters that `also` names (a new head), and freeze all others. */
export function loraRules(also: readonly string[] = []): readonly ParameterRule[] {
  const trained = ['*.lora_A', '*.lora_B', ...also].map((match) => ({ match, frozen: false }));
  return [...trained, { match: '*', frozen: true }];
}

/** Adds the updates to their weights: a model of the form that {@link addLora} was given. */
export function mergeLora(model: Model): Model {
  const { graph } = model;
  const scale = graph.initializers.get('lora/scale');
  if (scale === undefined) return model;
  const factor = Number(scale.data[0]);
  const initializers = new Map<string, Tensor>();
  for (const [name, tensor] of graph.initializers) {
    if (name !== 'lora/scale' && !/\.lora_[AB]$/.test(name)) initializers.set(name, tensor);
  }
  const nodes = graph.nodes.filter(({ name }) => !name.startsWith('lora/'));
  for (const node of nodes) {
    const layer = layerOf(node, model);
    const a = layer && graph.initializers.get(`${layer.weight}.lora_A`);
    const b = layer && graph.initializers.get(`${layer.weight}.lora_B`);
    if (!a || !b || initializers.get(layer.weight) !== graph.initializers.get(layer.weight)) continue;
    initializers.set(layer.weight, merged(graph.initializers.get(layer.weight)!, a, b, factor, layer.transposed));
  }
  const restored = nodes.map((node) => ({
    ...node,
    outputs: node.outputs.map((output) => output.replace(/\.base$/, '')),
  }));
  return { ...model, graph: { ...graph, nodes: restored, initializers } };
}

interface Layer {
  readonly node: Node;
  readonly weight: string;
  readonly inputs: number;
  readonly outputs: number;
  /** The weight is `[out, in]`. */
  readonly transposed: boolean;
}

function layerOf(node: Node, { graph }: Model): Layer | undefined {
  const gemm = node.opType === 'Gemm' && readAttributes(node).int('transA', 0) === 0;
  if (node.domain !== '' || !(gemm || node.opType === 'MatMul')) return undefined;
  const weight = node.inputs[1]!;
  const tensor = graph.initializers.get(weight);
  if (tensor?.type !== 'float32' || tensor.dims.length !== 2) return undefined;
  const transposed = gemm && readAttributes(node).int('transB', 0) === 1;
  const [inputs, outputs] = (transposed ? tensor.dims.toReversed() : tensor.dims) as [number, number];
  return { node, weight, inputs, outputs, transposed };
}

/** weight + factor · a·b, summed in float64. */
function merged(weight: Tensor, a: Tensor, b: Tensor, factor: number, transposed: boolean): Tensor {
  const [inputs, rank] = a.dims as [number, number];
  const outputs = b.dims[1]!;
  const [left, right] = [a.data as Float32Array, b.data as Float32Array];
  const data = Float32Array.from(weight.data as Float32Array);
  for (let i = 0; i < inputs; i++) {
    for (let j = 0; j < outputs; j++) {
      let sum = 0;
      for (let k = 0; k < rank; k++) sum += left[i * rank + k]! * right[k * outputs + j]!;
      data[transposed ? j * inputs + i : i * outputs + j]! += factor * sum;
    }
  }
  return float32(data, weight.dims);
}
