import type { ClassificationOptions, TrainingData } from '../src/tasks/classification.ts';
import type { TrainOptions } from '../src/train-options.ts';

/** The examples of {@link keywordTraining}. */
export function keywordData(): { train: TrainingData; validation: TrainingData };

/** Options of a small training: which of two keywords does a sequence hold? */
export function keywordTraining(
  overrides?: Partial<TrainOptions>,
  taskOverrides?: Partial<ClassificationOptions>,
): TrainOptions;
