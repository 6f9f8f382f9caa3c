import type { TrainEvent } from '@slm-compress/trainer';
import type { PlannedStage, StageKind } from './plan.ts';

/** Why a stage runs or does not. */
export type StageStatus = 'cached' | 'run' | 'resume';

/** A stage of a plan next to what its folder holds. */
export interface StageState extends PlannedStage {
  readonly status: StageStatus;
}

/** What a run tells while it works, a union on `kind`. All of it is structured-cloneable. */
export type StageEvent =
  | { readonly kind: 'plan'; readonly run: string; readonly folder: string; readonly stages: readonly StageState[] }
  | {
      readonly kind: 'stage-start';
      readonly stage: string;
      readonly stageKind: StageKind;
      readonly index: number;
      readonly count: number;
    }
  /** How far a part of the stage is; `total` is 0 while unknown. */
  | {
      readonly kind: 'progress';
      readonly stage: string;
      readonly phase: string;
      readonly done: number;
      readonly total: number;
    }
  | { readonly kind: 'train'; readonly stage: string; readonly event: TrainEvent }
  | { readonly kind: 'note'; readonly stage: string; readonly message: string }
  | {
      readonly kind: 'stage-end';
      readonly stage: string;
      readonly status: 'done' | 'cached';
      readonly seconds: number;
      readonly metrics: Metrics;
    };

/** Figures of a stage by name, as its manifest keeps them. */
export type Metrics = Readonly<Record<string, number>>;
