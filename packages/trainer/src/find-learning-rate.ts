import { isSlmError, SlmError } from '@slm-compress/onnx';
import { train } from './train.ts';
import type { TrainOptions } from './train-options.ts';

export interface RateSearchOptions
  extends Omit<
    TrainOptions,
    'learningRate' | 'schedule' | 'warmup' | 'maxSteps' | 'validateEverySteps' | 'checkpointDir'
  > {
  /** Lowest and highest rate tried; 1e-6 and 1 by default. */
  readonly from?: number;
  readonly to?: number;
  /** Steps of the sweep; 100 by default, fewer where the epochs have fewer. */
  readonly steps?: number;
  readonly onStep?: (point: RatePoint) => void;
}

/** A step of the sweep. */
export interface RatePoint {
  readonly rate: number;
  readonly loss: number;
  /** Mean of the losses so far in which each weighs a tenth less than the next. */
  readonly smoothed: number;
}

export interface RateSearch {
  readonly points: readonly RatePoint[];
  /** Where the smoothed loss falls fastest with the logarithm of the rate, before it is lowest. */
  readonly steepest: number;
  /** Where it is lowest. */
  readonly lowest: number;
  /** A rate to begin with: a tenth of `lowest`. */
  readonly suggested: number;
  /** Whether the sweep ended because the loss rose to four times its lowest or was not finite. */
  readonly exploded: boolean;
}

const SMOOTHING = 0.9;
const EXPLODED = 4;

/**
 * Looks for a learning rate (Smith, 2017): trains a copy of the model while the rate rises by the same factor at each step, and
 * says where the loss falls and where it explodes. The model and its checkpoints are not touched; the same options find the
 * same rate. Throws SlmError `TRAIN_OPTIONS` for bounds out of order, and as `train` does but for a training that diverges.
 */
export async function findLearningRate(options: RateSearchOptions): Promise<RateSearch> {
  const { from = 1e-6, to = 1, steps = 100, onStep, ...training } = options;
  if (!(from > 0 && from < to && to < Number.POSITIVE_INFINITY)) {
    throw new SlmError('TRAIN_OPTIONS', `rate search: expected 0 < from < to, got ${from} and ${to}`);
  }
  const points: RatePoint[] = [];
  let mean = 0;
  let least = Number.POSITIVE_INFINITY;
  let exploded = false;
  const schedule = { kind: 'exponential', floor: from / to } as const;
  const run = train({ ...training, learningRate: to, schedule, warmup: 0, maxSteps: steps });
  try {
    for await (const event of run) {
      if (event.kind !== 'step') continue;
      mean = SMOOTHING * mean + (1 - SMOOTHING) * event.loss;
      const smoothed = mean / (1 - SMOOTHING ** event.step);
      const point = { rate: event.learningRate, loss: event.loss, smoothed };
      points.push(point);
      onStep?.(point);
      least = Math.min(least, smoothed);
      exploded = smoothed > EXPLODED * least;
      // The validation that would follow the last step tells nothing of a rate.
      if (exploded || event.step === event.totalSteps) break;
    }
  } catch (error) {
    if (!isSlmError(error) || error.code !== 'TRAINING_DIVERGED' || points.length === 0) throw error;
    exploded = true;
  }
  const bottom = points.reduce((a, b) => (b.smoothed < a.smoothed ? b : a));
  const lowest = bottom.rate;
  const falling = points.slice(0, points.indexOf(bottom) + 1);
  return { points, lowest, steepest: steepestOf(falling), suggested: lowest / 10, exploded };
}

/** The rate of the steepest fall between points two apart. */
function steepestOf(points: readonly RatePoint[]): number {
  let found = points[0]!.rate;
  let slope = 0;
  for (let at = 1; at + 1 < points.length; at++) {
    const change = points[at + 1]!.smoothed - points[at - 1]!.smoothed;
    if (change < slope) [slope, found] = [change, points[at]!.rate];
  }
  return found;
}
