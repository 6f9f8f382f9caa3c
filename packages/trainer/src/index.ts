export * from './bert.ts';
export * from './bert-parameters.ts';
export * from './config.ts';
export type { DropoutSite } from './dropout.ts';
export * from './hf-weights.ts';
export type { Loss } from './loss.ts';
export * from './safetensors.ts';
export * from './schedule.ts';
export * from './training-step.ts';
