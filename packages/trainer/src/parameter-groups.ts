import { SlmError } from '@slm-compress/onnx';

/** What holds for the parameters whose names match. */
export interface ParameterRule {
  /** A name, where `*` stands for any characters: `bert.embeddings.*`. */
  readonly match: string;
  /** The parameters stay as they are. */
  readonly frozen?: boolean;
  /** Multiplies the learning rate. */
  readonly learningRateScale?: number;
  readonly weightDecay?: number;
}

/** How one parameter is updated. */
export interface ParameterSettings {
  readonly frozen: boolean;
  readonly learningRateScale: number;
  readonly weightDecay: number;
}

export interface GroupOptions {
  /** Of matrices and tables; norms and biases (rank 1) have none unless a rule says so. */
  readonly weightDecay: number;
  /** Every field is taken from the first rule that matches and has it. */
  readonly rules?: readonly ParameterRule[];
  /**
   * Layer-wise rate decay (Howard and Ruder, 2018): every layer learns this much slower than the one above it. What
   * stands before the first layer, embeddings, counts as the lowest layer; what stands behind the last, the head, as the
   * highest. 1 by default.
   */
  readonly layerDecay?: number;
}

const layerIndex = /(?:^|[./])(?:layers?|h|blocks?)\.(\d+)[./]/;

/**
 * The settings of every parameter, by name; `parameters` are in graph order.
 * Throws `TRAIN_OPTIONS` for a rule that matches nothing, a value out of range, or when all parameters are frozen.
 */
export function groupParameters(
  parameters: readonly { readonly name: string; readonly dims: readonly number[] }[],
  { weightDecay, rules = [], layerDecay = 1 }: GroupOptions,
): ReadonlyMap<string, ParameterSettings> {
  const fail = (message: string) => {
    throw new SlmError('TRAIN_OPTIONS', `train: ${message}`);
  };
  if (!(layerDecay > 0 && layerDecay <= 1)) fail(`layerDecay must be in (0, 1], got ${layerDecay}`);
  const patterns = rules.map((rule) => {
    const { match, learningRateScale = 1, weightDecay: decay = 0 } = rule;
    const pattern = namePattern(match);
    if (!parameters.some(({ name }) => pattern.test(name))) {
      const some = parameters.slice(0, 3).map(({ name }) => name);
      fail(
        `parameter rule "${match}" must match a parameter, got none of ${parameters.length} (${some.join(', ')}, …)`,
      );
    }
    if (!(learningRateScale >= 0 && Number.isFinite(learningRateScale))) {
      fail(`parameter rule "${match}": learningRateScale must be at least 0, got ${learningRateScale}`);
    }
    if (!(decay >= 0 && Number.isFinite(decay))) {
      fail(`parameter rule "${match}": weightDecay must be at least 0, got ${decay}`);
    }
    return { rule, pattern };
  });
  const layers = parameters.map(({ name }) => layerIndex.exec(name)?.[1]);
  const highest = layers.reduce((most, layer) => (layer === undefined ? most : Math.max(most, Number(layer))), -1);
  const firstLayered = layers.findIndex((layer) => layer !== undefined);
  const depthOf = (index: number): number => {
    const layer = layers[index];
    if (layer !== undefined) return Number(layer) + 1;
    return index < firstLayered ? 0 : highest + 2;
  };
  const settings = new Map<string, ParameterSettings>();
  for (const [index, { name, dims }] of parameters.entries()) {
    const matching = patterns.filter(({ pattern }) => pattern.test(name)).map(({ rule }) => rule);
    const first = <K extends keyof ParameterRule>(key: K) => matching.find((rule) => rule[key] !== undefined)?.[key];
    settings.set(name, {
      frozen: first('frozen') ?? false,
      learningRateScale: (first('learningRateScale') ?? 1) * layerDecay ** (highest + 2 - depthOf(index)),
      weightDecay: first('weightDecay') ?? (dims.length > 1 ? weightDecay : 0),
    });
  }
  if ([...settings.values()].every(({ frozen }) => frozen))
    fail('expected a parameter to train, got all of them frozen');
  return settings;
}

/** Matches whole names; `*` stands for any characters. */
export function namePattern(match: string): RegExp {
  const parts = match.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 's');
}
