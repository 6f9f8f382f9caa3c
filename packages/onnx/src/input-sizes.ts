import { isSlmError, SlmError } from './errors.ts';
import type { Dim, Model } from './model.ts';
import { substitute } from './types/dims.ts';
import { inferTypes } from './types/infer.ts';

/** Sizes by name of a symbolic dimension, or by `INPUT.AXIS` (`pixels.2`) for a dimension that has no name. */
export type InputSizes = Readonly<Record<string, number>>;

/** Sizes that names suggest, first match wins. */
const suggestions: readonly (readonly [RegExp, number])[] = [
  [/past|cache/i, 0],
  [/batch|^[nb]$/i, 1],
  [/seq|len|token|time|target|source|^[stl]$/i, 128],
  [/height|width|^[hw]$/i, 224],
];

/**
 * A size for every dimension of the inputs that is not a number: the given one, else what its name suggests (1 for a
 * batch, 128 for a sequence, 0 for what a cache already holds, 224 for a side of an image), else what its place does.
 *
 * Throws `SIZES_UNKNOWN` where `given` names a dimension that no input has.
 */
export function inputSizes(model: Model, given: InputSizes = {}): InputSizes {
  const sizes = new Map<string, number>();
  const constants = model.graph.initializers;
  for (const { name: input, type } of model.graph.inputs) {
    if (constants.has(input)) continue;
    const dims = type?.dims ?? [];
    for (const [axis, dim] of dims.entries()) {
      if (typeof dim === 'number') continue;
      const place = `${input}.${axis}`;
      const names = dim === undefined ? [place] : namesOf(dim);
      for (const name of names) {
        const own = Object.hasOwn(given, name) ? given[name] : undefined;
        if (!sizes.has(name)) sizes.set(name, own ?? suggested(dim === undefined ? '' : name, axis, dims.length));
      }
    }
  }
  const unknown = Object.keys(given).find((name) => !sizes.has(name));
  if (unknown !== undefined) {
    const known = [...sizes.keys()].join(', ') || 'none: the inputs have fixed sizes';
    throw new SlmError('SIZES_UNKNOWN', `sizes, "${unknown}": expected a dimension of the inputs (${known})`);
  }
  return Object.fromEntries(sizes);
}

/**
 * As {@link inputSizes}, with the sizes that were not given halved as often as it takes for the shapes of the model to
 * agree (a table of 24 positions takes no sequence of 128). The sizes as they were where none agree.
 */
export function fittingSizes(model: Model, given: InputSizes = {}): InputSizes {
  const first = inputSizes(model, given);
  let sizes = first;
  for (let attempt = 0; attempt < 8; attempt++) {
    if (infers(bindInputs(model, sizes))) return sizes;
    sizes = halvedSizes(sizes, given);
  }
  return first;
}

/** Half of every size above 1 that was not given. */
export function halvedSizes(sizes: InputSizes, given: InputSizes): InputSizes {
  return Object.fromEntries(
    Object.entries(sizes).map(([name, size]) => [name, size > 1 && !Object.hasOwn(given, name) ? size >> 1 : size]),
  );
}

function infers(model: Model): boolean {
  try {
    inferTypes(model);
    return true;
  } catch (error) {
    if (isSlmError(error)) return false;
    throw error;
  }
}

/** The model with these sizes in its inputs; what was inferred before is dropped. */
export function bindInputs(model: Model, sizes: InputSizes): Model {
  const known = new Map(Object.entries(sizes));
  const inputs = model.graph.inputs.map((input) => {
    const dims = input.type?.dims;
    if (input.type === undefined || dims === undefined) return input;
    const bound = dims.map(
      (dim, axis): Dim => (dim === undefined ? known.get(`${input.name}.${axis}`) : substitute(dim, known)),
    );
    return { ...input, type: { type: input.type.type, dims: bound } };
  });
  return { ...model, graph: { ...model.graph, inputs, types: new Map() } };
}

/** The names in a dimension such as `past + sequence`; the whole text where it is no arithmetic of names. */
function namesOf(dim: string): readonly string[] {
  const names = dim.match(/[A-Za-z_][\w.:-]*/g) ?? [];
  const zeros = new Map(names.map((name) => [name, 1]));
  return names.length > 0 && typeof substitute(dim, zeros) === 'number' ? names : [dim];
}

function suggested(name: string, axis: number, rank: number): number {
  const found = suggestions.find(([pattern]) => pattern.test(name));
  if (found !== undefined) return found[1];
  if (axis === 0) return 1;
  if (rank === 4 && axis > 1) return 224;
  return axis === 1 ? 128 : 1;
}
