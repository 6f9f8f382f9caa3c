import type { Model, Tensor, ValueInfo } from './model.ts';

/** What a model takes and gives. */
export interface Signature {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
}

export interface RunOptions {
  /** Cancels the run: rejects with the signal's reason, at the latest when the current operator run ends. */
  readonly signal?: AbortSignal;
  /** Names of the outputs to compute; all of them when absent. */
  readonly outputs?: readonly string[];
}

/** Tensors by value name. */
export type Tensors = Readonly<Record<string, Tensor>>;

/**
 * Something that runs one model: an ONNX Runtime session, a pool of worker threads, the reference interpreter.
 *
 * Feeds may be backed by a SharedArrayBuffer; they are read, not kept, and must not change until `run` settles.
 * The tensors returned belong to the caller.
 */
export interface Engine extends AsyncDisposable {
  readonly signature: Signature;
  run(feeds: Tensors, options?: RunOptions): Promise<Tensors>;
}

/** How a session is opened. */
export interface EngineOptions {
  /** What computes; `cpu` by default. A GPU that can't be had is an error, never the CPU instead. */
  readonly provider?: 'cpu' | 'webgpu' | 'cuda';
  /** Threads inside one operator; 1 by default (one single-thread session per core scales better). */
  readonly intraOpThreads?: number;
  /** Graph optimisation of the engine; `all` by default. */
  readonly optimization?: 'none' | 'basic' | 'extended' | 'all';
  /** Reuse of memory by pattern; off saves 25–40 % of a training step's peak memory. */
  readonly memoryPattern?: boolean;
  /** Path to write the engine's own optimised graph to, for inspection. */
  readonly optimizedModelPath?: string;
}

/** How a pool of engines is opened. */
export interface PoolOptions extends EngineOptions {
  /** Worker threads, one session each; the number of available cores by default. */
  readonly workers?: number;
  /** Runs that may wait for a worker; one more rejects with code `QUEUE_FULL`. Unbounded by default. */
  readonly maxQueue?: number;
}

/** Opens an engine on a model, or on the path of an `.onnx` file. */
export type OpenEngine = (model: Model | string, options?: EngineOptions) => Promise<Engine>;

/**
 * Opens a pool of engines. It is an `Engine`: every `run` goes to a free worker, off the calling thread.
 * Feeds backed by a SharedArrayBuffer reach the worker without a copy in the calling thread.
 */
export type OpenPool = (model: Model | string, options?: PoolOptions) => Promise<Engine>;
