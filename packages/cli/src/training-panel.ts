import type { TrainEvent } from '@slm-compress/trainer';
import { formatBytes, formatSeconds } from './output.ts';

export type StepEvent = Extract<TrainEvent, { readonly kind: 'step' }>;
export type ValidationEvent = Extract<TrainEvent, { readonly kind: 'validation' }>;

/** What a panel shows of a training; steps and validations in their order. */
export interface PanelState {
  readonly steps: readonly StepEvent[];
  readonly validations: readonly ValidationEvent[];
  /** Resident memory of the process that trains, if it is known. */
  readonly memoryBytes?: number;
}

const bars = '▁▂▃▄▅▆▇█';

/** The means of `values` over `width` stretches of equal length (fewer when there are fewer values), as bars. */
export function sparkline(values: readonly number[], width: number): string {
  const columns = Math.min(width, values.length);
  const means = Array.from({ length: columns }, (_, column) => {
    const from = Math.floor((column * values.length) / columns);
    const to = Math.floor(((column + 1) * values.length) / columns);
    return values.slice(from, to).reduce((sum, value) => sum + value, 0) / (to - from);
  });
  const [low, high] = [Math.min(...means), Math.max(...means)];
  const level = (mean: number) => (high > low ? Math.round((7 * (mean - low)) / (high - low)) : 0);
  return means.map((mean) => bars[level(mean)]).join('');
}

/** Lines that say where a training stands, each at most `width` columns wide. */
export function panelLines({ steps, validations, memoryBytes }: PanelState, width: number): readonly string[] {
  const last = steps.at(-1);
  if (last === undefined) return [];
  const losses = steps.map(({ loss }) => loss);
  const recent = losses.slice(-20);
  const mean = recent.reduce((sum, loss) => sum + loss, 0) / recent.length;
  const room = Math.max(8, Math.min(60, width - 30));
  const figures = [
    `rate ${last.learningRate.toExponential(2)}`,
    `gradient norm ${last.gradientNorm.toFixed(3)}`,
    `${Math.round(last.usefulTokensPerSecond).toLocaleString('en')} tokens/s`,
    ...(memoryBytes === undefined ? [] : [formatBytes(memoryBytes)]),
  ];
  const done = Math.floor((100 * last.step) / last.totalSteps);
  const lines = [
    `  loss ${mean.toFixed(4).padStart(9)}  ${sparkline(losses, room)}`,
    ...(validations.length === 0 ? [] : [`  ${validationText(validations, room)}`]),
    `  ${figures.join('   ')}`,
    `  step ${last.step} of ${last.totalSteps} (${done} %), epoch ${last.epoch}   ${formatSeconds(last.etaMs / 1000)} left`,
  ];
  return lines.map((line) => line.slice(0, width));
}

function validationText(validations: readonly ValidationEvent[], room: number): string {
  const { validationLoss, metrics } = validations.at(-1)!;
  const best = validations.findLast(({ best }) => best)!;
  const figures = Object.entries(metrics).map(([name, value]) => `${name} ${value.toFixed(4)}`);
  const line = sparkline(
    validations.map(({ validationLoss }) => validationLoss),
    Math.min(12, room),
  );
  return `validated ${validationLoss.toFixed(4)}  ${line}  ${figures.join('  ')}  best at step ${best.step}`;
}
