import type { OpsetStep, StepTable } from './step.ts';
import { inputs } from './steps/inputs.ts';
import { legacy } from './steps/legacy.ts';
import { normalization } from './steps/normalization.ts';
import { other } from './steps/other.ts';
import { resize } from './steps/resize.ts';

/** Every step of every operator, in the order of versions. The versions that need none are in `compatibleVersions`. */
export const opsetSteps: StepTable = merged(legacy, inputs, normalization, resize, other);

function merged(...tables: readonly StepTable[]): StepTable {
  const steps = new Map<string, OpsetStep[]>();
  for (const table of tables) {
    for (const [key, more] of Object.entries(table)) steps.set(key, [...(steps.get(key) ?? []), ...more]);
  }
  const sorted = Array.from(steps, ([key, list]) => [key, list.sort((a, b) => a.to - b.to)] as const);
  return Object.fromEntries(sorted.sort(([a], [b]) => (a < b ? -1 : 1)));
}
