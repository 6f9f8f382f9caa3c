export * from './builder.ts';
export * from './engine.ts';
export * from './errors.ts';
export * from './model.ts';
export * from './pass.ts';
export * from './rng.ts';
