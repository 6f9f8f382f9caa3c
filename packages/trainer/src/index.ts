export * from './bert.ts';
export * from './bert-parameters.ts';
export * from './config.ts';
export * from './schedule.ts';
