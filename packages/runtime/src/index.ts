export { openEngine } from './open-engine.ts';
export { type EnginePool, openPool } from './open-pool.ts';
export type { PoolStats } from './worker-pool.ts';
