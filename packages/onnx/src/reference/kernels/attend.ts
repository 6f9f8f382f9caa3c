import type { KernelContext } from '../kernel.ts';
import type { Value } from '../value.ts';
import { broadcastTo } from '../value.ts';
import { evenShare, expectDims, expectRank } from './expect-shape.ts';
import { mapped } from './unary.ts';
import { zeros } from './zeros.ts';

export interface Attention {
  /** `[batch, heads, query, size]`. */
  readonly query: Value;
  /** `[batch, key heads, key, size]`; each key head serves `heads / key heads` neighbouring query heads. */
  readonly key: Value;
  /** `[batch, key heads, key, value size]`. */
  readonly value: Value;
  /** Factor of the products. Default 1/√size. */
  readonly scale?: number | undefined;
  /** Bounds the scores: softcap · tanh(score / softcap). 0: none. */
  readonly softcap?: number;
  /** Added to the scores: `[batch, heads, query, key]`. A row of −∞ attends to nothing and gives zeros. */
  readonly bias?: Float64Array | undefined;
  /** One more logit per head, which takes its share of the softmax and adds nothing. */
  readonly sinks?: ArrayLike<number> | undefined;
}

/** The stages of an attention; all but `output` are `[batch, heads, query, key]`. */
export interface Attended {
  readonly products: Value;
  readonly capped: Value;
  readonly biased: Value;
  readonly probabilities: Value;
  /** `[batch, heads, query, value size]`. */
  readonly output: Value;
}

/** softmax(cap(scale · Q Kᵀ) + bias) V, every stage kept. Throws `REFERENCE_SHAPE`. */
export function attend(c: KernelContext, attention: Attention): Attended {
  const { query, value, softcap = 0, bias, sinks } = attention;
  const products = scoresOf(c, attention);
  const capped = softcap === 0 ? products : mapped(products, (score) => softcap * Math.tanh(score / softcap));
  const masked = Number.NEGATIVE_INFINITY;
  const biased = bias ? mapped(capped, (score, i) => (bias[i] === masked ? masked : score + bias[i]!)) : capped;
  const probabilities = softmaxRows(biased, sinks);
  return { products, capped, biased, probabilities, output: weightedValues(c, query, probabilities, value) };
}

/** scale · Q Kᵀ, `[batch, heads, query, key]`. Throws `REFERENCE_SHAPE`. */
export function scoresOf(c: KernelContext, { query, key, value, scale: given }: Attention): Value {
  const dims = shapeOfScores(c, query, key, value);
  const [batch, heads, queries, keys] = dims as [number, number, number, number];
  const width = query.dims[3]!;
  const group = heads / key.dims[1]!;
  const scale = given ?? 1 / Math.sqrt(width);
  const { data } = zeros(c, query.type, dims);
  if (data.length === 0) return { type: query.type, dims, data };
  for (let row = 0, out = 0; row < batch * heads; row++) {
    for (let i = 0; i < queries; i++) {
      const q = (row * queries + i) * width;
      for (let j = 0; j < keys; j++) {
        const k = (Math.floor(row / group) * keys + j) * width;
        let sum = 0;
        for (let d = 0; d < width; d++) sum += query.data[q + d]! * key.data[k + d]!;
        data[out++] = scale * sum;
      }
    }
  }
  return { type: query.type, dims, data };
}

/** P V, `[batch, heads, query, value size]`. A key of probability 0 adds nothing, whatever its value. */
export function weightedValues(c: KernelContext, query: Value, probabilities: Value, value: Value): Value {
  const [batch, heads, queries, keys] = probabilities.dims as [number, number, number, number];
  const group = evenShare(c, 'query heads', heads, value.dims[1]!);
  const width = value.dims[3]!;
  const dims = [batch, heads, queries, width];
  const { data } = zeros(c, query.type, dims);
  if (data.length === 0) return { type: query.type, dims, data };
  for (let row = 0; row < batch * heads; row++) {
    for (let i = 0; i < queries; i++) {
      const out = (row * queries + i) * width;
      for (let j = 0; j < keys; j++) {
        const weight = probabilities.data[(row * queries + i) * keys + j]!;
        if (weight === 0) continue;
        const v = (Math.floor(row / group) * keys + j) * width;
        for (let d = 0; d < width; d++) data[out + d]! += weight * value.data[v + d]!;
      }
    }
  }
  return { type: query.type, dims, data };
}

/** Checks the operands against each other; `[batch, heads, query, key]`. */
function shapeOfScores(c: KernelContext, query: Value, key: Value, value: Value): number[] {
  expectRank(c, 'queries', query, 4);
  const [batch, heads, queries, width] = query.dims as [number, number, number, number];
  expectDims(c, 'keys', key, [batch, undefined, undefined, width]);
  expectDims(c, 'values', value, [batch, key.dims[1], key.dims[2], undefined]);
  evenShare(c, 'query heads', heads, key.dims[1]!);
  return [batch, heads, queries, key.dims[2]!];
}

/** Softmax of each row of keys of `[batch, heads, query, key]`; a row that is all −∞ becomes zeros. */
export function softmaxRows(scores: Value, sinks?: ArrayLike<number>): Value {
  const [heads, queries, keys] = scores.dims.slice(1) as [number, number, number];
  const data = new Float64Array(scores.data.length);
  for (let row = 0, start = 0; start < data.length; row++, start += keys) {
    const sink = sinks ? sinks[Math.floor(row / queries) % heads]! : Number.NEGATIVE_INFINITY;
    let top = sink;
    for (let j = 0; j < keys; j++) top = Math.max(top, scores.data[start + j]!);
    if (top === Number.NEGATIVE_INFINITY) continue;
    let sum = Math.exp(sink - top);
    for (let j = 0; j < keys; j++) sum += data[start + j] = Math.exp(scores.data[start + j]! - top);
    for (let j = 0; j < keys; j++) data[start + j]! /= sum;
  }
  return { ...scores, data };
}

/** What is added to the scores `[batch, heads, query, key]`: masks are put on one after the other. */
export interface ScoreBias {
  readonly data: Float64Array;
  /** Adds a tensor that broadcasts to the scores. Throws `REFERENCE_SHAPE`. */
  add(mask: Value): void;
  /** Puts `penalty` on the pairs of a query and a key that must not meet. Default penalty −∞. */
  forbid(when: (batch: number, query: number, key: number) => boolean, penalty?: number): void;
}

export function createScoreBias(c: KernelContext, dims: readonly number[]): ScoreBias {
  const [batch, heads, queries, keys] = dims as [number, number, number, number];
  const { data } = zeros(c, 'float32', dims);
  return {
    data,
    add(mask) {
      const lead = dims.length - mask.dims.length;
      const fits = lead >= 0 && mask.dims.every((dim, axis) => dim === 1 || dim === dims[axis + lead]);
      if (!fits) c.misfit(`a mask that broadcasts to [${dims}]`, `[${mask.dims}]`);
      const wide = broadcastTo(mask, dims).data;
      const boolean = mask.type === 'bool';
      for (let i = 0; i < data.length; i++)
        data[i]! += boolean ? (wide[i] === 0 ? Number.NEGATIVE_INFINITY : 0) : wide[i]!;
    },
    forbid(when, penalty = Number.NEGATIVE_INFINITY) {
      if (data.length === 0) return;
      for (let b = 0; b < batch; b++)
        for (let i = 0; i < queries; i++)
          for (let j = 0; j < keys; j++) {
            if (!when(b, i, j)) continue;
            for (let h = 0; h < heads; h++) data[((b * heads + h) * queries + i) * keys + j]! += penalty;
          }
    },
  };
}
