export * from './prune/magnitude.ts';
export * from './quantize/calibrate.ts';
export * from './quantize/granularity.ts';
export * from './quantize/histogram.ts';
export * from './quantize/quantize-static.ts';
export * from './quantize/targets.ts';
