export * from './distribution.ts';
export * from './latency.ts';
export * from './machine.ts';
export * from './process.ts';
export * from './ratio.ts';
export * from './throughput.ts';
