import { type Finding, float32, type Model, SlmError, type Tensor } from '@slm-compress/onnx';
import {
  type BertConfig,
  bertWeights,
  buildBertClassifier,
  headsOf,
  intermediateOf,
  layerName,
  readsFirstTokenOnly,
} from '@slm-compress/trainer';
import type { Importance } from './importance.ts';

export interface StructuredOptions {
  /** Fraction of the heads that stays, in (0, 1], or the number that stays in each layer. All by default. */
  readonly heads?: number | readonly number[];
  /** Fraction of the feed-forward neurons that stays, in (0, 1], or the number in each layer. All by default. */
  readonly intermediate?: number | readonly number[];
  /** Neurons a layer keeps are a multiple of this, where it has as many. 8 by default. */
  readonly roundTo?: number;
  /** Apply a fraction to each layer (the default) or rank all layers together, one head and `roundTo` neurons each at least. */
  readonly scope?: 'layer' | 'global';
  /** Divide each layer's scores by their Euclidean norm before ranking layers together. True by default. */
  readonly normalize?: boolean;
}

export interface StructuredResult {
  readonly model: Model;
  readonly config: BertConfig;
  readonly findings: readonly Finding[];
}

/**
 * Removes the least important attention heads and feed-forward neurons: the tensors get smaller, and the graph is built
 * anew with the new shapes. What stays keeps its order and its values.
 *
 * @param model a float classifier made by `buildBertClassifier` with `config`
 * @throws SlmError `PRUNE_FRACTION` for a fraction outside (0, 1], a count above what a layer has or a list of another
 *   length; `PRUNE_EVERYTHING` when a layer would keep nothing; `PRUNE_IMPORTANCE` for scores of another shape;
 *   `WEIGHTS_MISMATCH` for a model of another shape
 */
export function pruneStructured(
  model: Model,
  config: BertConfig,
  importance: Importance,
  options: StructuredOptions,
): StructuredResult {
  const { roundTo = 8, scope = 'layer', normalize = true } = options;
  const layers = Array.from({ length: config.layers }, (_, layer) => layer);
  const widths = {
    heads: layers.map((layer) => headsOf(config, layer)),
    neurons: layers.map((layer) => intermediateOf(config, layer)),
  };
  checkImportance('heads', importance.heads, widths.heads);
  checkImportance('intermediate', importance.intermediate, widths.neurons);
  const ranking = { scope, normalize };
  const heads = choose('heads', importance.heads, options.heads ?? 1, { ...ranking, roundTo: 1 });
  const neurons = choose('intermediate', importance.intermediate, options.intermediate ?? 1, { ...ranking, roundTo });

  const findings: Finding[] = [];
  const weights = new Map(bertWeights(model));
  for (const layer of layers) {
    const name = layerName(layer);
    const columns = spread(heads[layer]!, config.headSize);
    const width = widths.heads[layer]! * config.headSize;
    const parts = (count: number) =>
      Array.from({ length: count }, (_, part) => columns.map((column) => part * width + column)).flat();
    const rewrite = (parameter: string, axis: 0 | 1, kept: readonly number[]) => {
      const weight = weights.get(`${parameter}.weight`);
      const bias = weights.get(`${parameter}.bias`);
      if (weight !== undefined) weights.set(`${parameter}.weight`, take(weight, axis, kept));
      if (bias !== undefined && axis === 1) weights.set(`${parameter}.bias`, take(bias, 0, kept));
    };
    if (readsFirstTokenOnly(config, layer)) {
      rewrite(`${name}.attention.self.query`, 1, parts(1));
      rewrite(`${name}.attention.self.key_value`, 1, parts(2));
    } else {
      rewrite(`${name}.attention.self.qkv`, 1, parts(3));
    }
    rewrite(`${name}.attention.output.dense`, 0, columns);
    rewrite(`${name}.intermediate.dense`, 1, neurons[layer]!);
    rewrite(`${name}.output.dense`, 0, neurons[layer]!);
    findings.push(
      report(`layer.${layer}/attention`, 'heads', importance.heads[layer]!, heads[layer]!),
      report(`layer.${layer}/ffn`, 'neurons', importance.intermediate[layer]!, neurons[layer]!),
    );
  }
  const pruned: BertConfig = {
    ...config,
    headsPerLayer: heads.map((kept) => kept.length),
    intermediatePerLayer: neurons.map((kept) => kept.length),
  };
  if (findings.every((finding) => finding.kind === 'skipped')) return { model, config, findings };
  const rebuilt = buildBertClassifier(pruned, weights);
  return { model: { ...rebuilt, metadata: model.metadata }, config: pruned, findings };
}

interface Ranking {
  readonly scope: 'layer' | 'global';
  readonly normalize: boolean;
  readonly roundTo: number;
}

/** Indices kept in each layer, ascending. */
function choose(
  what: string,
  scores: readonly (readonly number[])[],
  kept: number | readonly number[],
  ranking: Ranking,
): readonly (readonly number[])[] {
  const counts = typeof kept === 'number' ? countsOf(what, scores, kept, ranking) : kept;
  if (counts.length !== scores.length) {
    throw new SlmError(
      'PRUNE_FRACTION',
      `pruneStructured, ${what}: expected ${scores.length} counts, one a layer, got ${counts.length}`,
    );
  }
  return scores.map((layer, index) => {
    const count = counts[index]!;
    if (count === 0) {
      throw new SlmError(
        'PRUNE_EVERYTHING',
        `pruneStructured, ${what} of layer ${index}: expected at least one to stay, got 0`,
      );
    }
    if (!Number.isInteger(count) || count < 0 || count > layer.length) {
      throw new SlmError(
        'PRUNE_FRACTION',
        `pruneStructured, ${what} of layer ${index}: expected 1 to ${layer.length} to stay, got ${count}`,
      );
    }
    return byScore(layer)
      .slice(0, count)
      .sort((a, b) => a - b);
  });
}

function countsOf(
  what: string,
  scores: readonly (readonly number[])[],
  fraction: number,
  { scope, normalize, roundTo }: Ranking,
): readonly number[] {
  if (fraction === 0) {
    throw new SlmError('PRUNE_EVERYTHING', `pruneStructured, ${what}: expected some to stay, got the fraction 0`);
  }
  if (!(fraction > 0 && fraction <= 1)) {
    throw new SlmError(
      'PRUNE_FRACTION',
      `pruneStructured, ${what}: expected the fraction that stays in (0, 1], got ${fraction}`,
    );
  }
  const rounded = (count: number, size: number) =>
    Math.min(size, Math.max(Math.min(roundTo, size), Math.round(count / roundTo) * roundTo));
  if (fraction === 1) return scores.map((layer) => layer.length);
  if (scope === 'layer') return scores.map((layer) => rounded(layer.length * fraction, layer.length));
  const all = scores.flatMap((layer, index) => {
    const norm = normalize ? Math.hypot(...layer) || 1 : 1;
    return layer.map((score) => ({ index, score: score / norm }));
  });
  const winners = byScore(all.map((entry) => entry.score)).slice(0, Math.round(all.length * fraction));
  const counts = scores.map(() => 0);
  for (const winner of winners) counts[all[winner]!.index]! += 1;
  return scores.map((layer, index) => rounded(counts[index]!, layer.length));
}

/** Indices from the highest score to the lowest; among equals the earlier first. */
function byScore(scores: readonly number[]): number[] {
  return scores.map((_, index) => index).sort((a, b) => scores[b]! - scores[a]! || a - b);
}

function checkImportance(what: string, scores: readonly (readonly number[])[], widths: readonly number[]): void {
  const got = scores.map((layer) => layer.length);
  const broken = scores.flat().find((score) => !Number.isFinite(score));
  if (got.join() === widths.join() && broken === undefined) return;
  const problem = broken === undefined ? `[${got}]` : `the score ${broken}`;
  throw new SlmError(
    'PRUNE_IMPORTANCE',
    `pruneStructured, ${what}: expected finite scores of shape [${widths}], got ${problem}`,
  );
}

/** Columns of whole heads. */
function spread(heads: readonly number[], headSize: number): readonly number[] {
  return heads.flatMap((head) => Array.from({ length: headSize }, (_, column) => head * headSize + column));
}

/** `tensor` (float32, rank 1 or 2) with only the indices `kept` along `axis`. */
function take(tensor: Tensor, axis: 0 | 1, kept: readonly number[]): Tensor {
  const data = tensor.data as Float32Array;
  const rows = axis === 1 ? tensor.dims[0]! : 1;
  const along = tensor.dims[axis]!;
  const inner = axis === 1 ? 1 : (tensor.dims[1] ?? 1);
  const out = new Float32Array(rows * kept.length * inner);
  let offset = 0;
  for (let row = 0; row < rows; row++) {
    for (const index of kept) {
      const start = (row * along + index) * inner;
      out.set(data.subarray(start, start + inner), offset);
      offset += inner;
    }
  }
  const dims = tensor.dims.map((dim, index) => (index === axis ? kept.length : dim));
  return float32(out, dims);
}

function report(where: string, what: string, scores: readonly number[], kept: readonly number[]): Finding {
  if (kept.length === scores.length) return { kind: 'skipped', where, message: `all ${kept.length} ${what} stay` };
  const total = scores.reduce((sum, score) => sum + score, 0);
  const left = kept.reduce((sum, index) => sum + scores[index]!, 0);
  const share = total > 0 ? ((100 * (total - left)) / total).toFixed(1) : '0.0';
  const removed = scores.length - kept.length;
  return {
    kind: 'patched',
    where,
    message: `${removed} of ${scores.length} ${what} removed, with ${share} % of the layer's importance`,
  };
}
