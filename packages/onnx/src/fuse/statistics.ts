import type { Tensor } from '../model.ts';
import type { Rewrite, Site } from '../passes/rewrite-rule.ts';
import { numbersOf } from '../passes/rewrite-rule.ts';
import { become, singleAxis } from './fusion.ts';
import { either, type Match, named, number, op, type Pattern, product, sum } from './pattern.ts';

/** The mean of a value along axes, as ReduceMean or as ReduceSum over its count. */
export function mean(of: Pattern): Pattern {
  const total = op('ReduceSum', of);
  return either(op('ReduceMean', of), product(total, number('share')), op('Div', total, number('count')));
}

/** A value as it is, or with its lost axis put back. */
export function kept(pattern: Pattern): Pattern {
  return either(pattern, op('Reshape', pattern), op('Unsqueeze', pattern));
}

/** p². */
export function square(p: Pattern): Pattern {
  return either(op('Pow', p, number(2)), op('Mul', p, p));
}

/** √(variance + ε). */
export function deviation(variance: Pattern): Pattern {
  return op('Sqrt', sum(variance, number('epsilon')));
}

/** 1/√(variance + ε). */
export function inverseDeviation(variance: Pattern): Pattern {
  const root = deviation(variance);
  const power = op('Pow', sum(variance, number('epsilon')), number(-0.5));
  return either(op('Reciprocal', root), op('Div', number(1), root), power);
}

/**
 * The size of the last axis when all reductions of a match go along that axis of `x` alone and the values `names` have it
 * as an axis of size 1; else why not.
 */
export function lastAxis(site: Site, found: Match, names: readonly string[]): number | string {
  const x = site.type(found.values.x!);
  const size = x?.dims?.at(-1);
  if (x?.dims === undefined || typeof size !== 'number') return 'the size of the last axis is not known';
  if (x.type === 'float64') return 'its statistics are of 32 bits, and the input has 64';
  for (const node of found.nodes) {
    if (node.opType !== 'ReduceMean' && node.opType !== 'ReduceSum') continue;
    const axis = singleAxis(site, node, x.dims.length);
    if (axis !== x.dims.length - 1) return `${node.opType} is not along the last axis alone`;
  }
  for (const name of names) {
    const dims = site.dims(found.values[name]!);
    const fits =
      dims?.length === x.dims.length && dims.every((dim, axis) => dim === (axis < dims.length - 1 ? x.dims![axis] : 1));
    if (!fits) return `the shape of ${JSON.stringify(found.values[name])} is not that of the input with 1 at the end`;
  }
  const { share = 1 / size, count = size } = found.numbers;
  return Math.abs(share * size - 1) < 1e-6 && count === size ? size : `a sum is not divided by the size ${size}`;
}

/** A value of dimensions [size], or a constant of at most `rank` axes that has them all in its last, as one of [size]. */
export function vector(
  site: Site,
  value: string,
  size: number,
  rank: number,
): { readonly value: string; readonly constants?: ReadonlyMap<string, Tensor> } | undefined {
  const dims = site.dims(value);
  if (dims?.length === 1 && dims[0] === size) return { value };
  const tensor = site.constant(value);
  if (
    tensor === undefined ||
    tensor.dims.length > rank ||
    tensor.dims.at(-1) !== size ||
    tensor.dims.some((dim, axis) => axis < tensor.dims.length - 1 && dim !== 1)
  )
    return undefined;
  const name = site.fresh(`${value}.vector`);
  return { value: name, constants: new Map([[name, { ...tensor, dims: [size] }]]) };
}

/** A vector of ones in the type of a value. */
export function ones(
  site: Site,
  like: string,
  size: number,
): { readonly value: string; readonly constants: ReadonlyMap<string, Tensor> } {
  const value = site.fresh(`${site.node.outputs[0]}.ones`);
  const type = site.type(like)?.type;
  const data =
    type === 'float16'
      ? new Uint16Array(size).fill(0x3c00)
      : type === 'bfloat16'
        ? new Uint16Array(size).fill(0x3f80)
        : new Float32Array(size).fill(1);
  return { value, constants: new Map([[value, { type: type ?? 'float32', dims: [size], data }]]) };
}

/**
 * Puts a product with a vector into the scale of the normalization before it when that is all ones, and a sum with one
 * into its bias when it has none and may have one.
 */
export function affine(site: Site, operators: readonly string[], hasBias: boolean): Rewrite | undefined {
  const { node } = site;
  if (node.opType !== 'Mul' && !(node.opType === 'Add' && hasBias)) return undefined;
  for (const [inner, other] of [node.inputs, node.inputs.toReversed()] as [string, string][]) {
    const norm = site.producer(inner);
    if (norm === undefined || !operators.includes(norm.opType) || norm.domain !== '' || norm.inputs.length !== 2)
      continue;
    if (site.uses(inner) !== 1 || norm.outputs.some((output, index) => index > 0 && output !== '')) continue;
    const dims = site.dims(inner);
    const size = dims?.at(-1);
    const given = typeof size === 'number' ? vector(site, other, size, dims!.length) : undefined;
    if (given === undefined || site.dims(norm.inputs[1]!)?.[0] !== size) continue;
    const scaled = !numbersOf(site.constant(norm.inputs[1]!))?.every((one) => one === 1);
    if (node.opType === 'Mul' && scaled) continue;
    const inputs = node.opType === 'Mul' ? [norm.inputs[0]!, given.value] : [...norm.inputs, given.value];
    return {
      message: `${node.opType} as the ${node.opType === 'Mul' ? 'scale' : 'bias'} of ${norm.opType}`,
      nodes: [become(site, norm.opType, inputs, norm.attributes)],
      ...(given.constants && { constants: given.constants }),
    };
  }
  return undefined;
}

/** A deviation's variance under a name, so that its shape can be looked at. */
export function namedVariance(pattern: Pattern): Pattern {
  return named('variance', kept(pattern));
}
