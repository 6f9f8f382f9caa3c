import type { CleaningStep } from './steps.ts';

/** The steps of a data set that names none: readable, normalised text of at most 10,000 characters; empty rows are dropped. */
export const standardCleaning: readonly CleaningStep[] = [
  { step: 'invisible' },
  { step: 'white-space' },
  { step: 'unicode' },
  { step: 'cut', maxCharacters: 10_000 },
  { step: 'drop-empty' },
];
