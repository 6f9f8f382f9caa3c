import type { Tensor, Tensors } from '@slm-compress/onnx';
import { elementCount, float32 } from '@slm-compress/onnx';
import { type Arena, type ArenaPlan, planArena, type Region } from './arena.ts';
import type { StepParameter, TrainingStep } from './training-step.ts';

export interface AdamWOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
}

/**
 * Weights, gradients and AdamW moments of a training step as regions of one shared WebAssembly memory.
 * Parameters with weight decay come first, so that one kernel call updates each kind.
 */
export interface OptimizerState {
  readonly arena: Arena;
  /** Parameters by name as tensors over the shared memory: feeds that always hold the present weights. */
  readonly weights: Tensors;
  /** The flat regions: weights, first and second moment. */
  readonly flat: { readonly weights: Float32Array; readonly mean: Float32Array; readonly variance: Float32Array };
  /** Zeroes the gradients. */
  clear(): void;
  /** Adds the gradients of one shard; call it in the order of the shards. `feeds` gives the row ids. */
  accumulate(gradients: Tensors, feeds: Tensors): void;
  /** Norm of the accumulated gradient. */
  norm(): number;
  /** One AdamW step, `count` from 1; gradients are multiplied by `gradientScale` first. */
  update(count: number, learningRate: number, gradientScale: number): void;
  /** Copies of the tensors in a flat array laid out as `flat.weights`, by name. */
  unflatten(flat: Float32Array): ReadonlyMap<string, Tensor>;
}

/**
 * Lays out the state for `step` with the initial weights given. `rows` bounds the gathered rows of one shard;
 * `reserve` adds further regions to the same memory.
 */
export function openOptimizerState<T>(
  step: TrainingStep,
  initial: ReadonlyMap<string, Tensor>,
  { rows, adamw, reserve }: { rows: number; adamw: AdamWOptions; reserve: (plan: ArenaPlan) => T },
): { state: OptimizerState; reserved: T } {
  const ordered = [...step.parameters.filter((p) => p.decay), ...step.parameters.filter((p) => !p.decay)];
  const offsets = new Map<string, number>();
  let total = 0;
  let decayed = 0;
  let scratchLength = 0;
  for (const parameter of ordered) {
    offsets.set(parameter.name, total);
    const count = elementCount(parameter.dims);
    // 16 floats: every tensor starts on a cache line.
    total += Math.ceil(count / 16) * 16;
    if (parameter.decay) decayed = total;
    scratchLength = Math.max(scratchLength, parameter.indices === undefined ? count : rows * parameter.dims.at(-1)!);
  }
  const plan = planArena();
  const [weights, gradients, mean, variance] = [0, 1, 2, 3].map(() => plan.reserve(total)) as [
    Region,
    Region,
    Region,
    Region,
  ];
  const scratch = plan.reserve(scratchLength + 4);
  const ids = plan.reserve(rows);
  const reserved = reserve(plan);
  const arena = plan.open();
  const { kernels } = arena;
  const flat = { weights: arena.floats(weights), mean: arena.floats(mean), variance: arena.floats(variance) };
  const scratchView = arena.floats(scratch);
  const idsView = new Int32Array(arena.buffer, ids.offset, ids.length);
  const views: Record<string, Tensor> = {};
  for (const { name, dims } of ordered) {
    const at = offsets.get(name)!;
    const view = flat.weights.subarray(at, at + elementCount(dims));
    view.set(initial.get(name)!.data as Float32Array);
    views[name] = float32(view, dims);
  }

  const addDense = (parameter: StepParameter, data: Float32Array) => {
    const padded = Math.ceil(data.length / 4) * 4;
    scratchView.fill(0, data.length, padded);
    scratchView.set(data);
    kernels.add(gradients.offset + offsets.get(parameter.name)! * 4, scratch.offset, padded);
  };
  const addRows = (parameter: StepParameter, data: Float32Array, indices: Tensor) => {
    const list = indices.data as BigInt64Array;
    for (let i = 0; i < list.length; i++) idsView[i] = Number(list[i]);
    scratchView.set(data);
    const table = gradients.offset + offsets.get(parameter.name)! * 4;
    kernels.scatterAddRows(table, ids.offset, scratch.offset, list.length, parameter.dims.at(-1)!);
  };

  const state: OptimizerState = {
    arena,
    weights: views,
    flat,
    clear: () => kernels.clear(gradients.offset, total * 4),
    accumulate(made, feeds) {
      for (const parameter of ordered) {
        const data = made[parameter.gradient]!.data as Float32Array;
        if (parameter.indices === undefined) addDense(parameter, data);
        else addRows(parameter, data, feeds[parameter.indices]!);
      }
    },
    norm: () => Math.sqrt(kernels.squaredNorm(gradients.offset, total)),
    update(count, learningRate, gradientScale) {
      const { beta1, beta2, epsilon, weightDecay } = adamw;
      const correction1 = 1 - beta1 ** count;
      const correction2 = 1 - beta2 ** count;
      for (const [from, to, decay] of [
        [0, decayed, weightDecay],
        [decayed, total, 0],
      ] as const) {
        kernels.adamw(
          weights.offset + from * 4,
          gradients.offset + from * 4,
          mean.offset + from * 4,
          variance.offset + from * 4,
          to - from,
          learningRate,
          beta1,
          beta2,
          epsilon,
          decay,
          correction1,
          correction2,
          gradientScale,
        );
      }
    },
    unflatten: (source) =>
      new Map(
        ordered.map(({ name, dims }) => {
          const at = offsets.get(name)!;
          return [name, float32(Float32Array.from(source.subarray(at, at + elementCount(dims))), dims)];
        }),
      ),
  };
  return { state, reserved };
}
