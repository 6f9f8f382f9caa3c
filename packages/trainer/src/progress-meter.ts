/** Pace of a training. */
export interface Pace {
  readonly usefulTokensPerSecond: number;
  readonly etaMs: number;
}

const WINDOW = 32;

/** Measures pace over the last steps; time between epochs is left out by `resume`. */
export function createProgressMeter(totalSteps: number, now: () => number = () => performance.now()) {
  const recent: { tokens: number; ms: number }[] = [];
  let last = now();
  return {
    /** Starts the clock again after a pause. */
    resume() {
      last = now();
    },
    /** Notes a finished step; `done` counts all steps of the training. */
    step(tokens: number, done: number): Pace {
      const at = now();
      recent.push({ tokens, ms: at - last });
      last = at;
      if (recent.length > WINDOW) recent.shift();
      const ms = recent.reduce((sum, step) => sum + step.ms, 0);
      const useful = recent.reduce((sum, step) => sum + step.tokens, 0);
      return {
        usefulTokensPerSecond: ms > 0 ? (useful * 1000) / ms : 0,
        etaMs: (ms / recent.length) * (totalSteps - done),
      };
    },
  };
}
