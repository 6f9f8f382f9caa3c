import { gzipSync } from 'node:zlib';
import { type Finding, type Model, type PassResult, SlmError, type Tensor } from '@slm-compress/onnx';

export interface MagnitudeOptions {
  /** Share of the weights that become zero, in (0, 1). */
  readonly sparsity: number;
  /** One threshold for all tensors (the default), or the same share of each. */
  readonly scope?: 'global' | 'layer';
  /**
   * Names of the initializers to prune. By default the weights of MatMul, Gemm and Conv: no bias, no norm, no
   * embedding table.
   */
  readonly parameters?: readonly string[];
}

/**
 * Unstructured magnitude pruning: sets the weights of smallest absolute value to zero, exactly
 * `floor(sparsity × weights)` of them; among equals the earlier go first.
 *
 * Tensors keep their shapes. The findings say the share of zeros of each tensor and what is won in truth: a smaller
 * compressed file, measured with gzip, and no speed, because dense kernels multiply zeros like other numbers.
 *
 * @throws SlmError `PRUNE_SPARSITY` when the sparsity is not in (0, 1), `PRUNE_NOTHING` when there is no weight to prune
 *   or too few for the sparsity, `PRUNE_PARAMETER` for a name that is no float32 initializer, `PRUNE_EVERYTHING` when a
 *   tensor would have no weight left
 */
export function pruneMagnitude(model: Model, options: MagnitudeOptions): PassResult {
  const { sparsity, scope = 'global' } = options;
  if (!(sparsity > 0 && sparsity < 1)) {
    throw new SlmError(
      'PRUNE_SPARSITY',
      `pruneMagnitude: expected a sparsity between 0 and 1 (exclusive), got ${sparsity}`,
    );
  }
  const names = options.parameters ?? prunableWeights(model);
  const tensors = names.map((name) => weightOf(model, name));
  const groups = scope === 'global' ? [tensors] : tensors.map((tensor) => [tensor]);
  const pruned = new Map<string, Tensor>();
  const findings: Finding[] = [];
  let zeroed = 0;
  let next = 0;
  for (const group of groups) {
    for (const result of zeroSmallest(group, sparsity)) {
      const name = names[next]!;
      const before = tensors[next]!;
      next += 1;
      const zeros = countZeros(result);
      if (zeros === result.data.length) {
        throw new SlmError(
          'PRUNE_EVERYTHING',
          `pruneMagnitude, weight "${name}": expected weights to remain, got all ${zeros} zero (lower the sparsity or prune by layer)`,
        );
      }
      zeroed += zeros - countZeros(before);
      pruned.set(name, result);
      findings.push({
        kind: 'patched',
        where: name,
        message: `${zeros} of ${result.data.length} weights are zero (${percent(zeros / result.data.length)})`,
      });
    }
  }
  if (zeroed === 0) {
    throw new SlmError(
      'PRUNE_NOTHING',
      `pruneMagnitude: expected weights to prune at sparsity ${sparsity}, found none`,
    );
  }
  const initializers = new Map(
    [...model.graph.initializers].map(([name, tensor]) => [name, pruned.get(name) ?? tensor]),
  );
  const before = gzipBytes(tensors);
  const after = gzipBytes([...pruned.values()]);
  findings.push({
    kind: 'patched',
    where: model.graph.name,
    message:
      `${before} bytes of compressed (gzip) weights became ${after} (${percent(after / before)}); ` +
      'the file itself keeps its size, and dense runtimes compute as long as before: for speed, prune heads and neurons',
  });
  return { model: { ...model, graph: { ...model.graph, initializers } }, findings };
}

/** The float32 initializers that are the weight of a MatMul, Gemm or Conv, in file order. */
export function prunableWeights(model: Model): readonly string[] {
  const weights = new Set<string>();
  for (const node of model.graph.nodes) {
    if (!['MatMul', 'Gemm', 'Conv'].includes(node.opType)) continue;
    for (const name of node.inputs.slice(0, 2)) weights.add(name);
  }
  return [...model.graph.initializers]
    .filter(([name, tensor]) => weights.has(name) && tensor.type === 'float32' && tensor.dims.length >= 2)
    .map(([name]) => name);
}

function weightOf(model: Model, name: string): Tensor {
  const tensor = model.graph.initializers.get(name);
  if (tensor?.type !== 'float32') {
    const got = tensor === undefined ? 'no initializer of that name' : tensor.type;
    throw new SlmError(
      'PRUNE_PARAMETER',
      `pruneMagnitude, parameter "${name}": expected a float32 initializer, got ${got}`,
    );
  }
  return tensor;
}

function zeroSmallest(group: readonly Tensor[], sparsity: number): readonly Tensor[] {
  const sizes = group.map((tensor) => tensor.data.length);
  const magnitudes = new Float32Array(sizes.reduce((sum, size) => sum + size, 0));
  let offset = 0;
  for (const tensor of group) {
    const data = tensor.data as Float32Array;
    for (let index = 0; index < data.length; index++) magnitudes[offset++] = Math.abs(data[index]!);
  }
  const wanted = Math.floor(sparsity * magnitudes.length);
  if (wanted === 0) return group;
  const threshold = magnitudes.toSorted()[wanted - 1]!;
  let below = 0;
  for (let index = 0; index < magnitudes.length; index++) if (magnitudes[index]! < threshold) below += 1;
  let equals = wanted - below;
  offset = 0;
  return group.map((tensor) => {
    const data = (tensor.data as Float32Array).slice();
    for (let index = 0; index < data.length; index++) {
      const magnitude = magnitudes[offset++]!;
      if (magnitude < threshold || (magnitude === threshold && equals-- > 0)) data[index] = 0;
    }
    return { ...tensor, data };
  });
}

function countZeros(tensor: Tensor): number {
  let zeros = 0;
  for (const value of tensor.data as Float32Array) if (value === 0) zeros += 1;
  return zeros;
}

function gzipBytes(tensors: readonly Tensor[]): number {
  const parts = tensors.map(({ data }) => {
    const view = data as Float32Array;
    return Buffer.from(view.buffer, view.byteOffset, view.byteLength);
  });
  return gzipSync(Buffer.concat(parts)).length;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
