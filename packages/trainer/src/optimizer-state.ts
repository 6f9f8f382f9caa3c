import type { Tensor, Tensors } from '@slm-compress/onnx';
import { elementCount, float32 } from '@slm-compress/onnx';
import { type Arena, type ArenaPlan, planArena, type Region } from './arena.ts';
import type { ResolvedOptimizer } from './optimizer.ts';
import type { ParameterSettings } from './parameter-groups.ts';
import type { StepParameter, TrainingStep } from './training-step.ts';

/**
 * Weights, gradients and the optimizer's moments of a training step as regions of one shared WebAssembly memory.
 * Parameters with equal settings are neighbours, the most decayed first, so that one kernel call updates each kind.
 */
export interface OptimizerState {
  readonly arena: Arena;
  /** Parameters by name as tensors over the shared memory: feeds that always hold the present weights. */
  readonly weights: Tensors;
  /** What validation and the result use: the average of the weights where one is kept, else the weights. */
  readonly evaluated: { readonly tensors: Tensors; readonly flat: Float32Array };
  /**
   * The flat regions by name: `weights`, the optimizer's moments, and `average`, the exponential moving average of the
   * weights, where one is kept.
   */
  readonly flat: Readonly<Record<string, Float32Array>> & { readonly weights: Float32Array };
  /** Zeroes the gradients. */
  clear(): void;
  /** Adds the gradients of one shard; call it in the order of the shards. `feeds` gives the row ids. */
  accumulate(gradients: Tensors, feeds: Tensors): void;
  /** Norm of the accumulated gradient. */
  norm(): number;
  /** One optimizer step, `count` from 1; gradients are multiplied by `gradientScale` first. */
  update(count: number, learningRate: number, gradientScale: number): void;
  /** Copies of the tensors in a flat array laid out as `flat.weights`, by name. */
  unflatten(flat: Float32Array): ReadonlyMap<string, Tensor>;
}

export interface StateOptions<T> {
  /** Gathered rows that are added at once; shards may have more. */
  readonly rows: number;
  readonly optimizer: ResolvedOptimizer;
  /** Of every parameter, by name. */
  readonly settings: ReadonlyMap<string, ParameterSettings>;
  /** Keeps an exponential moving average of the weights with this decay. */
  readonly averageDecay?: number;
  /** Adds further regions to the same memory. */
  readonly reserve: (plan: ArenaPlan) => T;
}

/**
 * Lays out the state for `step` with the initial weights given. Throws `TRAIN_MEMORY` when it does not fit.
 */
export function openOptimizerState<T>(
  step: TrainingStep,
  initial: ReadonlyMap<string, Tensor>,
  { rows, optimizer, settings, averageDecay, reserve }: StateOptions<T>,
): { state: OptimizerState; reserved: T } {
  const settingsOf = (parameter: StepParameter) => settings.get(parameter.name)!;
  const ordered = [...step.parameters].sort((p, q) => {
    const [a, b] = [settingsOf(p), settingsOf(q)];
    return b.weightDecay - a.weightDecay || b.learningRateScale - a.learningRateScale;
  });
  const offsets = new Map<string, number>();
  const groups: { from: number; to: number; settings: ParameterSettings }[] = [];
  let total = 0;
  let scratchLength = 0;
  for (const parameter of ordered) {
    offsets.set(parameter.name, total);
    const count = elementCount(parameter.dims);
    const own = settingsOf(parameter);
    const last = groups.at(-1);
    const joins =
      last?.settings.weightDecay === own.weightDecay && last.settings.learningRateScale === own.learningRateScale;
    if (!joins) groups.push({ from: total, to: total, settings: own });
    // 16 floats: every tensor starts on a cache line.
    total += Math.ceil(count / 16) * 16;
    groups.at(-1)!.to = total;
    const sparse = parameter.gradients.some(({ indices }) => indices !== undefined);
    const dense = parameter.gradients.some(({ indices }) => indices === undefined);
    scratchLength = Math.max(scratchLength, dense ? count : 0, sparse ? rows * widthOf(parameter) : 0);
  }
  const plan = planArena();
  const weights = plan.reserve(total);
  const gradients = plan.reserve(total);
  const moments = optimizer.moments.map(() => plan.reserve(total));
  const average = averageDecay === undefined ? undefined : plan.reserve(total);
  const scratch = plan.reserve(scratchLength + 4);
  const ids = plan.reserve(rows);
  const reserved = reserve(plan);
  const arena = plan.open();
  const { kernels } = arena;
  const flat: Record<string, Float32Array> & { weights: Float32Array } = { weights: arena.floats(weights) };
  for (const [i, name] of optimizer.moments.entries()) flat[name] = arena.floats(moments[i]!);
  const scratchView = arena.floats(scratch);
  const idsView = new Int32Array(arena.buffer, ids.offset, ids.length);
  const viewsOf = (region: Float32Array): Tensors =>
    Object.fromEntries(
      ordered.map(({ name, dims }) => {
        const at = offsets.get(name)!;
        return [name, float32(region.subarray(at, at + elementCount(dims)), dims)];
      }),
    );
  const views = viewsOf(flat.weights);
  for (const { name } of ordered) (views[name]!.data as Float32Array).set(initial.get(name)!.data as Float32Array);
  let evaluated = { tensors: views, flat: flat.weights };
  if (average) {
    flat.average = arena.floats(average);
    flat.average.set(flat.weights);
    evaluated = { tensors: viewsOf(flat.average), flat: flat.average };
  }

  const addDense = (parameter: StepParameter, data: Float32Array) => {
    const padded = Math.ceil(data.length / 4) * 4;
    scratchView.fill(0, data.length, padded);
    scratchView.set(data);
    kernels.add(gradients.offset + offsets.get(parameter.name)! * 4, scratch.offset, padded);
  };
  const addRows = (parameter: StepParameter, data: Float32Array, indices: Tensor) => {
    const list = indices.data as BigInt64Array;
    const width = widthOf(parameter);
    const table = gradients.offset + offsets.get(parameter.name)! * 4;
    for (let from = 0; from < list.length; from += rows) {
      const piece = list.subarray(from, from + rows);
      for (let i = 0; i < piece.length; i++) idsView[i] = Number(piece[i]);
      scratchView.set(data.subarray(from * width, (from + piece.length) * width));
      kernels.scatterAddRows(table, ids.offset, scratch.offset, piece.length, width);
    }
  };

  const state: OptimizerState = {
    arena,
    weights: views,
    evaluated,
    flat,
    clear: () => kernels.clear(gradients.offset, total * 4),
    accumulate(made, feeds) {
      for (const parameter of ordered) {
        for (const { output, indices } of parameter.gradients) {
          const data = made[output]!.data as Float32Array;
          if (indices === undefined) addDense(parameter, data);
          else addRows(parameter, data, feeds[indices]!);
        }
      }
    },
    norm: () => Math.sqrt(kernels.squaredNorm(gradients.offset, total)),
    update(count, learningRate, gradientScale) {
      for (const { from, to, settings: own } of groups) {
        const at = (region: Region) => region.offset + from * 4;
        const range = {
          weights: at(weights),
          gradients: at(gradients),
          moments: moments.map(at),
          count: to - from,
          learningRate: learningRate * own.learningRateScale,
          weightDecay: own.weightDecay,
        };
        optimizer.update(kernels, range, count, gradientScale);
      }
      // The first steps are averaged over those there are (as in TensorFlow's ExponentialMovingAverage).
      if (average) {
        const decay = Math.min(averageDecay!, (1 + count) / (10 + count));
        kernels.lerp(average.offset, weights.offset, total, 1 - decay);
      }
    },
    unflatten: (source) => new Map(Object.entries(viewsOf(Float32Array.from(source)))),
  };
  return { state, reserved };
}

/** Floats in a row of a table. */
function widthOf({ dims }: StepParameter): number {
  return elementCount(dims.slice(1));
}
