import {
  cancelTransposes,
  cleanUpPasses,
  cleanUpRounds,
  convertOpset,
  decomposeOperators,
  foldConstants,
  freezeAxis,
  fuseActivations,
  fuseAttention,
  fuseGelu,
  fuseLayerNormalization,
  fuseOperators,
  fuseRmsNormalization,
  fuseRotaryEmbedding,
  inlineBranches,
  inlineFunctions,
  type Model,
  mergeCommonSubexpressions,
  newestOpset,
  type Pass,
  removeDeadNodes,
  removeIdentities,
  shareInitializers,
  simplifyShapes,
} from '@slm-compress/onnx';
import { UsageError } from './exit-codes.ts';

/** What the passes of a list are made with. */
export interface PassListOptions {
  /** Names of {@link passNames} in the order to run; `clean-up` stands for all of its passes. Clean-up by default. */
  readonly names?: readonly string[];
  /** Sizes by name of a dimension, or by `INPUT.AXIS`; freezes run first unless `names` place them. */
  readonly freeze?: Readonly<Record<string, number>>;
  /** Version to convert ai.onnx to; runs before the others unless `names` place it. */
  readonly opset?: number;
}

type Make = (options: PassListOptions) => readonly Pass[];

const passes: Readonly<Record<string, Make>> = {
  'clean-up': () => cleanUpPasses(),
  'remove-dead-nodes': () => [removeDeadNodes],
  'fold-constants': () => [foldConstants()],
  'inline-branches': () => [inlineBranches],
  'inline-functions': () => [inlineFunctions],
  'remove-identities': () => [removeIdentities],
  'simplify-shapes': () => [simplifyShapes],
  'cancel-transposes': () => [cancelTransposes],
  'merge-common-subexpressions': () => [mergeCommonSubexpressions],
  'share-initializers': () => [shareInitializers],
  'decompose-operators': () => [decomposeOperators()],
  'fuse-operators': () => [fuseOperators()],
  'fuse-layer-normalization': () => [fuseLayerNormalization()],
  'fuse-rms-normalization': () => [fuseRmsNormalization()],
  'fuse-gelu': () => [fuseGelu()],
  'fuse-activations': () => [fuseActivations()],
  'fuse-rotary-embedding': () => [fuseRotaryEmbedding()],
  'fuse-attention': () => [fuseAttention()],
  'freeze-axis': ({ freeze }) => {
    if (freeze === undefined) throw new UsageError('--passes freeze-axis: expected --freeze NAME=SIZE, got none');
    return Object.entries(freeze).map(freezing);
  },
  'convert-opset': ({ opset }) => [convertOpset(opset)],
};

/** What `--passes` knows. */
export const passNames: readonly string[] = Object.keys(passes);

/**
 * The passes to run and how often to go through them: clean-up until nothing changes, a list that was named once.
 * Throws `UsageError` for a name that is not known.
 */
export function passList(options: PassListOptions): { readonly passes: readonly Pass[]; readonly rounds: number } {
  const { names = ['clean-up'], freeze, opset } = options;
  if (opset !== undefined && opset > newestOpset) {
    throw new UsageError(`--opset: expected a version from 1 to ${newestOpset}, got ${opset}`);
  }
  const first = [
    ...(freeze === undefined || names.includes('freeze-axis') ? [] : ['freeze-axis']),
    ...(opset === undefined || names.includes('convert-opset') ? [] : ['convert-opset']),
  ];
  const list = [...first, ...names].flatMap((name) => {
    const make = Object.hasOwn(passes, name) ? passes[name] : undefined;
    if (make === undefined) {
      throw new UsageError(`--passes: expected some of ${passNames.join(', ')}, got ${JSON.stringify(name)}`);
    }
    return make(options);
  });
  return { passes: list, rounds: options.names === undefined ? cleanUpRounds : 1 };
}

/** Throws `UsageError` when `--freeze` names nothing that the model has. */
export function checkFreeze(freeze: Readonly<Record<string, number>>, { graph }: Model): void {
  const shapes = [...graph.inputs, ...graph.outputs].map(({ type }) => type).concat(...graph.types.values());
  const symbols = new Set(shapes.flatMap((type) => type?.dims ?? []).filter((dim) => typeof dim === 'string'));
  const axes = graph.inputs.flatMap(({ name, type }) => (type?.dims ?? []).map((_, axis) => `${name}.${axis}`));
  const unknown = Object.keys(freeze).find((name) => !symbols.has(name) && !axes.includes(name));
  if (unknown === undefined) return;
  const known = symbols.size > 0 ? [...symbols] : axes;
  throw new UsageError(`--freeze: expected ${known.join(', ')} or INPUT.AXIS, got ${JSON.stringify(unknown)}`);
}

/** A dimension of a name, or an axis of an input without one. */
function freezing([name, value]: readonly [string, number]): Pass {
  const [, input, axis] = /^(.+)\.(\d+)$/.exec(name) ?? [];
  return freezeAxis(input === undefined ? { symbol: name, value } : { input, axis: Number(axis), value });
}
