import { dataTypes } from '../data-type.ts';
import type { DataType, Node } from '../model.ts';
import type { Pass } from '../pass.ts';
import { intOf } from '../types/rule.ts';
import { isInferenceDropout } from './random-operators.ts';
import { rewriteModel } from './rewrite-model.ts';
import {
  firstOf,
  integersOf,
  isIdentityPerm,
  numbersOf,
  permOf,
  type Rewrite,
  type RewriteRule,
  type RewriteTable,
  type Site,
  sameDims,
  tableRule,
} from './rewrite-rule.ts';

/**
 * Removes nodes that give back what they are given:
 *
 * 1. Identity; Dropout in inference form whose mask nothing uses; Sum, Mean, Max, Min and Concat of one input; Split
 *    into one part,
 * 2. Cast and CastLike to the type the value has; a Cast back from a type that holds every value of the first; a Cast
 *    after such a Cast (one is left),
 * 3. Transpose that moves nothing; Reshape, Flatten, Expand and Tile to the shape the value has; Squeeze and Unsqueeze
 *    of no axis, and one that undoes the other; Pad by nothing; Slice of everything,
 * 4. Add and Sub of zeros, Mul, Div and Pow by ones, And with true, Or and Xor with false, Where with a condition that
 *    is all true or all false, when broadcasting leaves the shape (Add of +0 turns a −0 into +0, which is equal),
 * 5. Neg of Neg, Not of Not; Abs, Ceil, Floor, Relu, Round or Sign of the same.
 *
 * Refused, silently where nothing is known: shapes that are not known to stay. With the reason: a Dropout whose mask is
 * used or that may be training; a constant that would broadcast; a value with a quantization annotation; an Identity
 * that gives an input, an initializer, another output or an outer value the name of an output.
 */
export const removeIdentities: Pass = {
  name: 'remove-identities',
  run: (model) => rewriteModel(model, () => tableRule(rules)),
};

const unary: RewriteRule = (site) => pass(site, `${site.node.opType} that changes nothing`);
const single: RewriteRule = (site) =>
  site.node.inputs.length === 1 ? pass(site, `${site.node.opType} of one input`) : undefined;
const sameShape: RewriteRule = (site) =>
  sameDims(site.dims(site.node.inputs[0]!), site.dims(site.node.outputs[0]!))
    ? pass(site, `${site.node.opType} to the same shape`)
    : undefined;
const twice: RewriteRule = (site) => {
  const inner = before(site);
  return inner?.opType === site.node.opType ? pass(site, `${site.node.opType} of ${inner.opType}`) : undefined;
};
const undone: RewriteRule = (site) => {
  const inner = before(site);
  return inner?.opType === site.node.opType ? pass(site, `${site.node.opType} twice`, inner.inputs[0]!) : undefined;
};

const rules: RewriteTable = {
  Abs: twice,
  Add: firstOf(neutral(1, 0), neutral(0, 0)),
  And: firstOf(neutral(1, 1), neutral(0, 1)),
  Cast: firstOf(
    castTo(({ node }) => intOf(node, 'to', 0) as number),
    castOfCast,
  ),
  CastLike: (site) => {
    const [from, to] = [site.type(site.node.inputs[0]!), site.type(site.node.inputs[1]!)];
    return from !== undefined && from.type === to?.type ? pass(site, 'CastLike to the same type') : undefined;
  },
  Ceil: twice,
  Concat: single,
  Div: neutral(1, 1),
  Dropout: (site) => {
    const [, mask = ''] = site.node.outputs;
    if (!isInferenceDropout(site)) return { skip: 'the Dropout may be in training mode' };
    return mask !== '' && site.uses(mask) > 0
      ? { skip: 'the mask of the Dropout is used' }
      : pass(site, 'Dropout in inference');
  },
  Expand: firstOf(sameShape, (site) => {
    const shape = numbersOf(site.constant(site.node.inputs[1]!));
    const rank = site.dims(site.node.inputs[0]!)?.length;
    const ones = shape?.every((size) => size === 1) && (shape.length === 0 || (rank ?? 0) >= shape.length);
    return ones ? pass(site, 'Expand by ones') : undefined;
  }),
  Flatten: (site) => {
    const axis = intOf(site.node, 'axis', 1);
    const flat = site.dims(site.node.inputs[0]!)?.length === 2 && (axis === 1 || axis === -1);
    return flat ? pass(site, 'Flatten of a matrix') : sameShape(site);
  },
  Floor: twice,
  Identity: unary,
  Max: single,
  Mean: single,
  Min: single,
  Mul: firstOf(neutral(1, 1), neutral(0, 1)),
  Neg: undone,
  Not: undone,
  Or: firstOf(neutral(1, 0), neutral(0, 0)),
  Pad: (site) => {
    const pads = integersOf(site, 'pads', 1);
    return Array.isArray(pads) && pads.every((pad) => pad === 0) ? pass(site, 'Pad by nothing') : undefined;
  },
  Pow: neutral(1, 1),
  Relu: twice,
  Reshape: firstOf(sameShape, (site) => {
    const { node } = site;
    const [dims, target] = [site.dims(node.inputs[0]!), integersOf(site, 'shape', 1)];
    if (dims === undefined || !Array.isArray(target) || target.length !== dims.length) return undefined;
    const copies = intOf(node, 'allowzero', 0) === 0;
    const open = target.filter((size, axis) => !(size === 0 && copies) && size !== dims[axis]);
    return open.length === 0 || (open.length === 1 && open[0] === -1)
      ? pass(site, 'Reshape to the same shape')
      : undefined;
  }),
  Round: twice,
  Sign: twice,
  Slice: sliceOfAll,
  Split: (site) => (site.node.outputs.length === 1 ? pass(site, 'Split into one part') : undefined),
  Squeeze: firstOf(noAxes, inverse('Unsqueeze')),
  Sub: neutral(1, 0),
  Sum: single,
  Tile: (site) => {
    const repeats = numbersOf(site.constant(site.node.inputs[1]!));
    return repeats?.every((count) => count === 1) ? pass(site, 'Tile once') : undefined;
  },
  Transpose: (site) => {
    const perm = permOf(site, site.node);
    return perm !== undefined && isIdentityPerm(perm) ? pass(site, 'Transpose that moves nothing') : undefined;
  },
  Unsqueeze: firstOf(noAxes, inverse('Squeeze')),
  Where: (site) => {
    const condition = numbersOf(site.constant(site.node.inputs[0]!));
    if (condition === undefined || condition.length === 0) return undefined;
    const all = condition.every((value) => value !== 0) ? 1 : condition.every((value) => value === 0) ? 2 : 0;
    if (all === 0) return undefined;
    const same = sameDims(site.dims(site.node.inputs[all]!), site.dims(site.node.outputs[0]!));
    if (!same) return { skip: 'the condition or the other value may broadcast' };
    return pass(site, `Where that is always ${all === 1}`, site.node.inputs[all]!);
  },
  Xor: firstOf(neutral(1, 0), neutral(0, 0)),
};

function pass(site: Site, message: string, value = site.node.inputs[0] ?? ''): Rewrite | undefined {
  return value === '' ? undefined : { message, alias: [value] };
}

/** The node that makes the first input, of ai.onnx. */
function before(site: Site): Node | undefined {
  const inner = site.producer(site.node.inputs[0]!);
  return inner?.domain === '' ? inner : undefined;
}

/** A constant `value` everywhere as input `index` of two, that leaves the shape of the other input. */
function neutral(index: 0 | 1, value: number): RewriteRule {
  return (site) => {
    const { node } = site;
    const other = node.inputs[1 - index]!;
    const constant = site.constant(node.inputs[index] ?? '');
    const numbers = numbersOf(constant);
    if (constant === undefined || numbers === undefined || numbers.length === 0) return undefined;
    if (!numbers.every((number) => number === value)) return undefined;
    const dims = site.dims(other);
    const lead = (dims?.length ?? 0) - constant.dims.length;
    const stays =
      constant.dims.length === 0 ||
      (lead >= 0 && constant.dims.every((size, axis) => size === 1 || size === dims?.[axis + lead]));
    if (!stays) return { skip: `${node.opType} by ${value} may broadcast to [${constant.dims}]` };
    return pass(site, `${node.opType} ${index === 0 ? 'to' : 'by'} ${value}`, other);
  };
}

function castTo(target: (site: Site) => number): RewriteRule {
  return (site) => {
    const from = site.type(site.node.inputs[0]!)?.type;
    return from !== undefined && dataTypes[from].number === target(site)
      ? pass(site, `Cast to ${from}, which it is`)
      : undefined;
  };
}

/** Types that hold every value of a type. */
const holders: Readonly<Partial<Record<DataType, readonly DataType[]>>> = {
  bool: ['uint8', 'int8', 'uint16', 'int16', 'int32', 'int64', 'uint32', 'uint64', 'float16', 'float32', 'float64'],
  uint8: ['uint16', 'int16', 'int32', 'int64', 'uint32', 'uint64', 'float16', 'float32', 'float64'],
  int8: ['int16', 'int32', 'int64', 'float16', 'float32', 'float64'],
  uint16: ['int32', 'int64', 'uint32', 'uint64', 'float32', 'float64'],
  int16: ['int32', 'int64', 'float32', 'float64'],
  int32: ['int64', 'float64'],
  uint32: ['int64', 'uint64', 'float64'],
  float16: ['float32', 'float64'],
  bfloat16: ['float32', 'float64'],
  float32: ['float64'],
};

function castOfCast(site: Site): Rewrite | undefined {
  const { node } = site;
  const inner = before(site);
  if (inner?.opType !== 'Cast') return undefined;
  const source = inner.inputs[0]!;
  const [from, middle, to] = [site.type(source), site.type(node.inputs[0]!), site.type(node.outputs[0]!)];
  if (from === undefined || middle === undefined || to === undefined) return undefined;
  if (!holders[from.type]?.includes(middle.type)) return undefined;
  if (from.type === to.type) return pass(site, `Cast to ${middle.type} and back`, source);
  // Texts of numbers differ by their type, and so do results that do not fit.
  const exact =
    holders[from.type]?.includes(to.type) || (/^float/.test(from.type) && /^float(16|32|64)$/.test(to.type));
  if (!exact) return undefined;
  return { message: `Cast by way of ${middle.type}`, nodes: [{ ...node, inputs: [source] }] };
}

/** Squeeze or Unsqueeze of no axis. */
function noAxes(site: Site): Rewrite | undefined {
  const { node } = site;
  const axes = integersOf(site, 'axes', 1);
  if (Array.isArray(axes)) return axes.length === 0 ? pass(site, `${node.opType} of no axis`) : undefined;
  const dims = site.dims(node.inputs[0]!);
  const none = node.opType === 'Squeeze' && axes === 'absent' && dims?.every((d) => typeof d === 'number' && d !== 1);
  return none ? pass(site, 'Squeeze of no axis') : undefined;
}

/** Squeeze of the axes that an Unsqueeze made, or the other way round. */
function inverse(opType: 'Squeeze' | 'Unsqueeze'): RewriteRule {
  return (site) => {
    const { node } = site;
    const inner = before(site);
    if (inner?.opType !== opType) return undefined;
    const [outerAxes, innerAxes] = [integersOf(site, 'axes', 1), integersOf({ ...site, node: inner }, 'axes', 1)];
    if (!Array.isArray(outerAxes) || !Array.isArray(innerAxes)) return undefined;
    const source = inner.inputs[0]!;
    const rank = (opType === 'Unsqueeze' ? site.dims(node.inputs[0]!) : site.dims(source))?.length;
    if (rank === undefined && [...outerAxes, ...innerAxes].some((axis) => axis < 0)) return undefined;
    const wrapped = (axes: readonly number[]) =>
      axes
        .map((axis) => (axis < 0 ? axis + (rank ?? 0) : axis))
        .toSorted((a, b) => a - b)
        .join();
    return wrapped(outerAxes) === wrapped(innerAxes) ? pass(site, `${node.opType} of ${opType}`, source) : undefined;
  };
}

/** Ends at or beyond this mean the end of an axis of any size. */
const FAR = 2 ** 31 - 1;

function sliceOfAll(site: Site): Rewrite | undefined {
  const { node } = site;
  const [starts, ends] = [integersOf(site, 'starts', 1), integersOf(site, 'ends', 2)];
  const [axes, steps] = [integersOf(site, 'axes', 3), integersOf(site, 'steps', 4)];
  if (!Array.isArray(starts) || !Array.isArray(ends) || axes === undefined || steps === undefined) return undefined;
  const dims = site.dims(node.inputs[0]!);
  const all = starts.every((start: number, index: number) => {
    const axis = axes === 'absent' ? index : axes[index]!;
    const size = dims?.at(axis);
    const end = ends[index]!;
    const whole = end >= FAR || (typeof size === 'number' && end >= size);
    return start === 0 && whole && (steps === 'absent' || steps[index] === 1);
  });
  return all ? pass(site, 'Slice of everything') : undefined;
}
