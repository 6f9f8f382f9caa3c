import { digestOf } from './keys.ts';
import { type Architecture, parentsOf, type Recipe, type Stage } from './schema.ts';

/** Kinds of stages; `report` is the caller's measuring after the stages of a recipe. */
export type StageKind = 'data' | 'tokenizer' | 'baseline' | 'report' | Stage['kind'];

/** One stage of a plan. */
export interface PlannedStage {
  readonly name: string;
  readonly kind: StageKind;
  /** SHA-256 of the options, the parents' keys, the seed and the versions: equal keys mean equal artefacts. */
  readonly key: string;
  /** Names of the stages it needs. */
  readonly needs: readonly string[];
  /** Rough duration in seconds, from `durations` when given, else from a model of the work. */
  readonly estimatedSeconds: number;
  readonly estimate: 'recorded' | 'modelled';
}

export interface PlanInputs {
  /** Digest of the files that the data is read from, or of the npm package's name and version. */
  readonly sourceDigest: string;
  /** Versions of everything whose change may change bytes: packages, engine. */
  readonly versions: Readonly<Record<string, string>>;
  /** Seconds that stages took before, by key or, for another key, by stage name. */
  readonly durations?: Readonly<Record<string, number>>;
  readonly workers?: number;
}

/** Bumped when the implementation of a stage changes what it writes. */
const revisions: Readonly<Record<Exclude<StageKind, 'report'>, number>> = {
  data: 2,
  tokenizer: 1,
  baseline: 1,
  train: 1,
  distill: 1,
  prune: 1,
  quantize: 1,
};

/** The stages of a recipe in the order in which they run, with their keys. Pure: the same inputs give the same plan. */
export function planRecipe(recipe: Recipe, inputs: PlanInputs): readonly PlannedStage[] {
  const planned = new Map<string, PlannedStage>();
  const add = (name: string, kind: Exclude<StageKind, 'report'>, options: unknown, needs: readonly string[]) => {
    const parents = needs.map((need) => planned.get(need)!.key);
    const seed = recipe.seed;
    const key = digestOf({ kind, revision: revisions[kind], options, parents, seed, versions: inputs.versions });
    const recorded = inputs.durations?.[key] ?? inputs.durations?.[name];
    planned.set(name, {
      name,
      kind,
      key,
      needs,
      estimatedSeconds: recorded ?? modelSeconds(recipe, kind, options, inputs.workers ?? 2),
      estimate: recorded === undefined ? 'modelled' : 'recorded',
    });
  };
  add('data', 'data', { ...recipe.data, digest: inputs.sourceDigest }, []);
  add('tokenizer', 'tokenizer', recipe.tokenizer, ['data']);
  add('naive-bayes', 'baseline', {}, ['data']);
  for (const stage of recipe.stages) {
    add(stage.name, stage.kind, withoutRows(stage), ['data', 'tokenizer', ...parentsOf(stage)]);
  }
  return [...planned.values()];
}

/** Options without the names of other rows, whose keys enter as parents. */
function withoutRows(stage: Stage): unknown {
  switch (stage.kind) {
    case 'train':
      return stage.options;
    case 'distill':
      return { ...stage.options, teacher: undefined };
    case 'quantize':
      return { ...stage.options, from: undefined };
    case 'prune': {
      const { recovery } = stage.options;
      const teacher = recovery?.teacher === undefined ? undefined : true;
      return { ...stage.options, from: undefined, recovery: recovery && { ...recovery, teacher } };
    }
  }
}

/**
 * Seconds a stage takes on cores that sustain 40 GFLOPS each, for the 4,000 training texts of 128 tokens that the
 * default recipe has: a forward and a backward pass cost 6 operations per weight and token, plus the attention products.
 */
function modelSeconds(recipe: Recipe, kind: StageKind, options: unknown, workers: number): number {
  const tokens = 4000 * recipe.tokenizer.maxLength * (recipe.data.split.train ?? 0.7);
  const training = (architecture: Architecture, epochs: number) => {
    const { layers, hiddenSize, intermediateSize } = architecture;
    const weights = layers * (4 * hiddenSize ** 2 + 2 * hiddenSize * intermediateSize);
    const attention = layers * 2 * recipe.tokenizer.maxLength * hiddenSize;
    return 2 + (epochs * tokens * 6 * (weights + attention)) / (40e9 * Math.max(1, Math.min(workers, 4)));
  };
  const stage = { kind, options } as Stage;
  switch (stage.kind) {
    case 'train':
      return training(stage.options.architecture, stage.options.epochs);
    case 'distill':
      return training(stage.options.architecture, stage.options.epochs) + 3;
    case 'prune': {
      const recovery = stage.options.recovery;
      const sized = recipe.stages.find((other) => other.kind === 'distill' || other.kind === 'train');
      if (recovery === undefined || sized === undefined || !('architecture' in sized.options)) return 5;
      return 5 + training(sized.options.architecture, recovery.epochs);
    }
    case 'quantize':
      return 3;
    default:
      return kind === 'data' ? 15 : 3;
  }
}
