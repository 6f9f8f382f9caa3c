export { isBlank } from './check-call.ts';
export {
  type Classification,
  type Classifier,
  type ClassifierOptions,
  type ClassifyCallOptions,
  openClassifier,
} from './classifier.ts';
export { type ModelFolder, readModelFolder } from './model-folder.ts';
export { openEngine } from './open-engine.ts';
export { type EnginePool, openPool } from './open-pool.ts';
export { type GpuProvider, missingCudaLibraries } from './providers.ts';
export { type ServeOptions, type Server, serve } from './serve.ts';
export type { PoolStats, TaskTiming } from './worker-pool.ts';
