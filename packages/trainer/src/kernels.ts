import { readFileSync } from 'node:fs';

/** The WebAssembly kernels of `assembly/kernels.ts`. Pointers are byte offsets into the memory, multiples of 16. */
export interface Kernels {
  clear(target: number, bytes: number): void;
  add(target: number, source: number, count: number): void;
  axpy(target: number, source: number, count: number, scale: number): void;
  scale(target: number, count: number, factor: number): void;
  squaredNorm(source: number, count: number): number;
  scatterAddRows(table: number, ids: number, source: number, rows: number, width: number): void;
  adamw(
    weights: number,
    gradients: number,
    mean: number,
    variance: number,
    count: number,
    learningRate: number,
    beta1: number,
    beta2: number,
    epsilon: number,
    decay: number,
    correction1: number,
    correction2: number,
    gradientScale: number,
  ): void;
  sgd(
    weights: number,
    gradients: number,
    velocity: number,
    count: number,
    learningRate: number,
    momentum: number,
    nesterov: number,
  ): void;
  lerp(target: number, source: number, count: number, share: number): void;
  dropoutMask(target: number, count: number, key: number, threshold: number): void;
}

let compiled: WebAssembly.Module | undefined;

/** Instantiates the kernels over `memory`, which must be shared. The module is compiled once per process. */
export function openKernels(memory: WebAssembly.Memory): Kernels {
  compiled ??= new WebAssembly.Module(readFileSync(new URL('../dist/kernels.wasm', import.meta.url)));
  return new WebAssembly.Instance(compiled, { env: { memory } }).exports as unknown as Kernels;
}
