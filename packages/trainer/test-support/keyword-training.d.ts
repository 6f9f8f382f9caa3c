import type { TrainOptions } from '../src/train-options.ts';

/** Options of a small training: which of two keywords does a sequence hold? */
export function keywordTraining(overrides?: Partial<TrainOptions>): TrainOptions;
