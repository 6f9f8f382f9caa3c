import { SlmError } from '@slm-compress/onnx';

/**
 * How the learning rate goes after warm-up: it falls to the floor along a line or half a cosine, or not at all; `exponential`
 * rises instead, from the floor to the peak by the same factor at each step, as a search for a rate needs it.
 */
export type ScheduleKind = 'linear' | 'cosine' | 'constant' | 'exponential';

export type Schedule =
  | ScheduleKind
  | {
      readonly kind: ScheduleKind;
      /** Of `cosine`: how many times it falls, each time from the peak (Loshchilov and Hutter, 2017); 1 by default. */
      readonly cycles?: number;
      /** Where it falls to, or rises from, as a fraction of the peak; 0 by default, above 0 for `exponential`. */
      readonly floor?: number;
    };

export interface ScheduleOptions {
  readonly schedule: Schedule;
  /** Highest learning rate. */
  readonly peak: number;
  /** Steps of linear rise: a fraction of all steps when below 1, else a count. */
  readonly warmup: number;
  readonly totalSteps: number;
}

const falls: Readonly<Record<ScheduleKind, (progress: number) => number>> = {
  linear: (progress) => 1 - progress,
  cosine: (progress) => 0.5 * (1 + Math.cos(Math.PI * progress)),
  constant: () => 1,
  exponential: (progress) => progress,
};

/**
 * The learning rate of a step (counted from 0): rises linearly so that the last warm-up step has the peak, then falls.
 * The last step's rate is above the floor. Throws `TRAIN_OPTIONS` for a value out of its range.
 */
export function createSchedule({ schedule, peak, warmup, totalSteps }: ScheduleOptions): (step: number) => number {
  const { kind, cycles = 1, floor = 0 } = typeof schedule === 'string' ? { kind: schedule } : schedule;
  const check = (field: string, expected: string, value: unknown, fits: boolean) => {
    if (!fits) throw new SlmError('TRAIN_OPTIONS', `train: ${field} must be ${expected}, got ${String(value)}`);
  };
  check('warmup', 'at least 0', warmup, warmup >= 0);
  check('schedule', Object.keys(falls).join(', '), kind, Object.hasOwn(falls, kind));
  check('cycles', 'a positive integer', cycles, Number.isSafeInteger(cycles) && cycles >= 1);
  check('cycles', '1 unless the schedule is cosine', cycles, cycles === 1 || kind === 'cosine');
  check('floor', 'in [0, 1]', floor, floor >= 0 && floor <= 1);
  check('floor', 'above 0 for exponential', floor, floor > 0 || kind !== 'exponential');
  const rise = Math.min(totalSteps, warmup < 1 ? Math.round(warmup * totalSteps) : Math.round(warmup));
  return (step) => {
    if (step < rise) return (peak * (step + 1)) / rise;
    const progress = Math.min(1, (step - rise) / Math.max(1, totalSteps - rise));
    if (kind === 'exponential') return peak * floor ** (1 - (step - rise) / Math.max(1, totalSteps - 1 - rise));
    const within = progress === 1 ? 1 : (progress * cycles) % 1;
    return peak * (floor + (1 - floor) * falls[kind](within));
  };
}
