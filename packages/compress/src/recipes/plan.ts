import { digestOf } from './keys.ts';
import type { PretrainedFolder } from './pretrained-folder.ts';
import { parentsOf, type Recipe, type Stage, startFolderOf } from './schema.ts';

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
  /** The folders that stages and the tokenizer start from, by the paths that the recipe has. */
  readonly pretrained?: Readonly<Record<string, PretrainedFolder>>;
}

/** Bumped when the implementation of a stage changes what it writes. */
const revisions: Readonly<Record<Exclude<StageKind, 'report'>, number>> = {
  data: 2,
  tokenizer: 1,
  baseline: 2,
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
      estimatedSeconds: recorded ?? modelSeconds(recipe, name, kind, inputs),
      estimate: recorded === undefined ? 'modelled' : 'recorded',
    });
  };
  add('data', 'data', { ...recipe.data, digest: inputs.sourceDigest }, []);
  const digestOfFolder = (path: string) => inputs.pretrained?.[path]?.digest;
  const { tokenizer } = recipe;
  if ('from' in tokenizer) add('tokenizer', 'tokenizer', { ...tokenizer, from: digestOfFolder(tokenizer.from) }, []);
  else add('tokenizer', 'tokenizer', tokenizer, ['data']);
  add('naive-bayes', 'baseline', {}, ['data']);
  for (const stage of recipe.stages) {
    add(stage.name, stage.kind, withoutRows(stage, digestOfFolder), ['data', 'tokenizer', ...parentsOf(stage)]);
  }
  return [...planned.values()];
}

/** Options without the names of other rows, whose keys enter as parents, and with digests for paths. */
function withoutRows(stage: Stage, digestOfFolder: (path: string) => string | undefined): unknown {
  const path = startFolderOf(stage);
  const from = path === undefined ? true : digestOfFolder(path);
  switch (stage.kind) {
    case 'train':
      return { ...stage.options, from: stage.options.from && from };
    case 'distill':
      return { ...stage.options, from: stage.options.from && from, teacher: undefined };
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
function modelSeconds(recipe: Recipe, name: string, kind: StageKind, inputs: PlanInputs): number {
  const { workers = 2, pretrained = {} } = inputs;
  const { maxLength } = recipe.tokenizer;
  const tokens = 4000 * maxLength * (recipe.data.split.train ?? 0.7);
  const shapeOf = (row: string): PretrainedFolder['shape'] => {
    const stage = recipe.stages.find((other) => other.name === row);
    if (stage === undefined) return pretrained[row]?.shape;
    if ('architecture' in stage.options && stage.options.architecture !== undefined) return stage.options.architecture;
    return stage.options.from === undefined ? undefined : shapeOf(stage.options.from);
  };
  const training = (epochs: number) => {
    const shape = shapeOf(name);
    if (shape === undefined) return 5;
    const { layers, hiddenSize, intermediateSize } = shape;
    const weights = layers * (4 * hiddenSize ** 2 + 2 * hiddenSize * intermediateSize);
    const attention = layers * 2 * maxLength * hiddenSize;
    return 2 + (epochs * tokens * 6 * (weights + attention)) / (40e9 * Math.max(1, Math.min(workers, 4)));
  };
  const stage = recipe.stages.find((other) => other.name === name);
  switch (stage?.kind) {
    case 'train':
      return training(stage.options.epochs);
    case 'distill':
      return training(stage.options.epochs) + 3;
    case 'prune':
      return 5 + (stage.options.recovery === undefined ? 0 : training(stage.options.recovery.epochs));
    case 'quantize':
      return 3;
    default:
      return kind === 'data' ? 15 : 3;
  }
}
