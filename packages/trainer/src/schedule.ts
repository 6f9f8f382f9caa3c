import { SlmError } from '@slm-compress/onnx';

/** How the learning rate falls after warm-up: to zero along a line, or along half a cosine. */
export type Schedule = 'linear' | 'cosine';

export interface ScheduleOptions {
  readonly schedule: Schedule;
  /** Highest learning rate. */
  readonly peak: number;
  /** Steps of linear rise: a fraction of all steps when below 1, else a count. */
  readonly warmup: number;
  readonly totalSteps: number;
}

/**
 * The learning rate of a step (counted from 0): rises linearly so that the last warm-up step has the peak, then falls.
 * The last step's rate is above zero. Throws `TRAIN_OPTIONS` for a warm-up that is negative.
 */
export function createSchedule({ schedule, peak, warmup, totalSteps }: ScheduleOptions): (step: number) => number {
  if (!(warmup >= 0)) throw new SlmError('TRAIN_OPTIONS', `train: warmup must be at least 0, got ${warmup}`);
  const rise = Math.min(totalSteps, warmup < 1 ? Math.round(warmup * totalSteps) : Math.round(warmup));
  return (step) => {
    if (step < rise) return (peak * (step + 1)) / rise;
    const progress = Math.min(1, (step - rise) / Math.max(1, totalSteps - rise));
    return peak * (schedule === 'linear' ? 1 - progress : 0.5 * (1 + Math.cos(Math.PI * progress)));
  };
}
