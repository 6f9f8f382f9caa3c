import { type Dim, int64, type Node, type Tensor } from '../model.ts';
import { fromNumbers, integerRange } from '../number-formats.ts';
import { rowOf } from '../operator.ts';
import type { Pass } from '../pass.ts';
import { intOf } from '../types/rule.ts';
import { valueRules } from '../types/value-rules.ts';
import { reshapeTarget } from './reshape-target.ts';
import { rewriteModel } from './rewrite-model.ts';
import {
  firstOf,
  integersOf,
  numbersOf,
  type Rewrite,
  type RewriteRule,
  type RewriteTable,
  type Site,
  tableRule,
} from './rewrite-rule.ts';

/**
 * Reduces the nodes that compute shapes (Shape → Gather → … → Concat → Reshape), by what type inference knows of sizes:
 *
 * 1. an integer or boolean value whose elements are all known is a constant,
 * 2. a value with the same elements as an earlier one of the graph, sizes by name among them, is that one,
 * 3. the target of a Reshape is a constant, with 0 for sizes that stay at their axis and −1 for one other; that of an
 *    Expand is one where every size is a number or is that of the input,
 * 4. Slice of a Shape, and Gather of one element of it, is a Shape with bounds (opset 15 on),
 * 5. Shape of an operator that keeps the shape is that of its input,
 * 6. Gather of one element of a Concat takes it from the part it is in; Gather of the only element of an Unsqueeze is
 *    what was unsqueezed,
 * 7. a Cast of sizes to int32 and back to int64 is nothing.
 *
 * Refused: values of other types; more than one size of a Reshape that is neither a number nor copied; integers that do
 * not fit their type. A size is what the model declares: a file whose declared dimensions are wrong is not repaired.
 */
export const simplifyShapes: Pass = {
  name: 'simplify-shapes',
  run: (model) => rewriteModel(model, () => firstOf(knownValue, sameElements(), tableRule(rules))),
};

function knownValue(site: Site): Rewrite | undefined {
  const { node } = site;
  const outputs = node.outputs.filter((output) => output !== '');
  if (node.opType === 'Constant' || rowOf(valueRules, node) === undefined) return undefined;
  const constants = new Map<string, Tensor>();
  for (const output of outputs) {
    const tensor = knownTensorOf(site, output);
    if (tensor === undefined) return undefined;
    constants.set(output, tensor);
  }
  const shown = Array.from(constants.values(), ({ data }) => `[${data}]`).join(' and ');
  return constants.size === 0 ? undefined : { message: `${node.opType} that is known: ${shown}`, nodes: [], constants };
}

/** A value whose elements are all known, as a tensor. */
function knownTensorOf(site: Site, value: string): Tensor | undefined {
  const [known, type] = [site.known(value), site.type(value)?.type];
  if (known === undefined || (type !== 'int64' && type !== 'int32' && type !== 'bool')) return undefined;
  const [low, high] = type === 'bool' ? [0, 1] : type === 'int32' ? integerRange('int32')! : safe;
  const { elements } = known;
  const fits = elements.every((element) => typeof element === 'number' && element >= low && element <= high);
  return fits ? fromNumbers(type, known.dims, elements as readonly number[]) : undefined;
}

/** Larger integers are not held exactly by {@link Site.known}. */
const safe = [Number.MIN_SAFE_INTEGER + 1, Number.MAX_SAFE_INTEGER - 1] as const;

/** Finds the first value of a graph with the same elements. */
function sameElements(): RewriteRule {
  const seen = new Map<string, string>();
  return (site) => {
    const { node } = site;
    const [output = ''] = node.outputs;
    if (rowOf(valueRules, node) === undefined || output === '' || node.outputs.length !== 1) return undefined;
    const [known, type] = [site.known(output), site.type(output)?.type];
    if (known === undefined || (type !== 'int64' && type !== 'int32') || known.elements.includes(undefined))
      return undefined;
    if (known.elements.every((element) => typeof element === 'number')) return undefined;
    const key = `${type} ${JSON.stringify(known)}`;
    const first = seen.get(key);
    if (first === undefined) {
      seen.set(key, output);
      return undefined;
    }
    return first === output ? undefined : { message: `[${known.elements.join(', ')}] as ${first}`, alias: [first] };
  };
}

/** Operators whose output has the shape of their first input. */
const shapeKeepers: ReadonlySet<string> = new Set(
  (
    'Abs Acos Acosh Asin Asinh Atan Atanh BitwiseNot Cast Ceil Celu Clip Cos Cosh CumSum DequantizeLinear Dropout Elu Erf Exp ' +
    'Floor Gelu HardSigmoid HardSwish Identity InstanceNormalization IsInf IsNaN LayerNormalization LeakyRelu Log ' +
    'LogSoftmax Mish Neg Not QuantizeLinear RMSNormalization Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh ' +
    'Softmax Softplus Softsign Sqrt Tan Tanh ThresholdedRelu Trilu'
  ).split(' '),
);

const rules: RewriteTable = {
  Cast: (site) => {
    const { node } = site;
    const inner = site.producer(node.inputs[0]!);
    if (inner?.opType !== 'Cast' || inner.domain !== '') return undefined;
    const source = inner.inputs[0]!;
    const [from, middle, to] = [source, node.inputs[0]!, node.outputs[0]!].map((value) => site.type(value)?.type);
    const sizes = site.known(source)?.elements;
    if (from !== 'int64' || middle !== 'int32' || to !== 'int64' || sizes === undefined || sizes.includes(undefined))
      return undefined;
    return { message: 'Cast of sizes to int32 and back', alias: [source] };
  },
  Expand: (site) => {
    const { node } = site;
    const [dims, sizes] = [site.dims(node.inputs[0]!), site.known(node.inputs[1]!)?.elements];
    if (sizes === undefined || site.constant(node.inputs[1]!) !== undefined) return undefined;
    const target = sizes.map((size, axis) => {
      const own = dims?.[axis - sizes.length + dims.length];
      return typeof size === 'number' ? size : size !== undefined && size === own ? 1 : undefined;
    });
    return target.includes(undefined) ? undefined : withTarget(site, target as readonly number[]);
  },
  Gather: firstOf(gatherOfShape, gatherOfConcat, gatherOfUnsqueeze),
  Reshape: (site) => {
    const { node } = site;
    const shape = node.inputs[1] ?? '';
    const sizes = site.known(shape)?.elements;
    if (shape === '' || sizes === undefined || site.constant(shape) !== undefined) return undefined;
    if (intOf(node, 'allowzero', 0) !== 0 && sizes.includes(0)) return undefined;
    const target = reshapeTarget(site.dims(node.inputs[0]!), sizes);
    if (target !== undefined) return withTarget(site, target);
    if (sizes.includes(0)) return undefined;
    const open = sizes.map((size) => size ?? '?').join(', ');
    return { skip: `Reshape to [${open}]: more than one size is neither a number nor copied` };
  },
  Shape: (site) => {
    const { node } = site;
    const inner = site.producer(node.inputs[0]!);
    const keeps = inner?.domain === '' && shapeKeepers.has(inner.opType) && inner.outputs[0] === node.inputs[0];
    if (!keeps) return undefined;
    return { message: `Shape of what ${inner.opType} is given`, nodes: [{ ...node, inputs: [inner.inputs[0]!] }] };
  },
  Slice: (site) => {
    const shape = boundsOfShape(site);
    const [starts, ends] = [integersOf(site, 'starts', 1), integersOf(site, 'ends', 2)];
    const steps = integersOf(site, 'steps', 4);
    if (shape === undefined || !Array.isArray(starts) || !Array.isArray(ends)) return undefined;
    if (starts.length !== 1 || !(steps === 'absent' || (Array.isArray(steps) && steps[0] === 1))) return undefined;
    const length = shape.end - shape.start;
    const bound = (at: number) => Math.min(Math.max(at < 0 ? at + length : at, 0), length);
    const [from, to] = [bound(starts[0]), bound(ends[0])];
    return to < from ? undefined : shapeWithBounds(site, shape, from, to);
  },
  Unsqueeze: (site) => {
    const { node } = site;
    const inner = site.producer(node.inputs[0]!);
    if (inner?.opType !== 'Gather' || inner.domain !== '' || site.dims(node.inputs[0]!)?.length !== 0) return undefined;
    const gather = { ...site, node: inner };
    const [shape, at] = [boundsOfShape(gather), elementOf(gather)];
    return shape && at !== undefined ? shapeWithBounds(site, shape, at, at + 1) : undefined;
  },
};

/** The same node with a constant as second input. */
function withTarget({ node, fresh, type }: Site, target: readonly number[]): Rewrite {
  const name = fresh(`${node.outputs[0]}.shape`);
  const made = type(node.outputs[0]!);
  return {
    message: `${node.opType} to the constant [${target}]`,
    nodes: [{ ...node, inputs: [node.inputs[0]!, name], attributes: withoutZeros(node) }],
    constants: new Map([[name, int64(target)]]),
    ...(made && { types: new Map([[node.outputs[0]!, made]]) }),
  };
}

function withoutZeros(node: Node): Node['attributes'] {
  return Object.fromEntries(Object.entries(node.attributes).filter(([name]) => name !== 'allowzero'));
}

interface ShapeBounds {
  readonly source: string;
  readonly start: number;
  readonly end: number;
}

/** The Shape that makes the first input of a node, with its bounds counted from the front. */
function boundsOfShape({ node, producer, dims, opset }: Site): ShapeBounds | undefined {
  const inner = producer(node.inputs[0]!);
  if (inner?.opType !== 'Shape' || inner.domain !== '' || opset < 15) return undefined;
  const rank = dims(inner.inputs[0]!)?.length;
  if (rank === undefined) return undefined;
  const bound = (at: number) => Math.min(Math.max(at < 0 ? at + rank : at, 0), rank);
  const [start, end] = [bound(intOf(inner, 'start', 0)), bound(intOf(inner, 'end', rank))];
  return { source: inner.inputs[0]!, start, end: Math.max(start, end) };
}

/** The index of a Gather of one element along axis 0, counted from the front. */
function elementOf(site: Site): number | undefined {
  const { node } = site;
  const index = numbersOf(site.constant(node.inputs[1]!));
  const length = site.dims(node.inputs[0]!)?.[0];
  if (index?.length !== 1 || intOf(node, 'axis', 0) !== 0 || typeof length !== 'number') return undefined;
  const at = index[0]! < 0 ? index[0]! + length : index[0]!;
  return at >= 0 && at < length ? at : undefined;
}

function shapeWithBounds({ node }: Site, { source, start }: ShapeBounds, from: number, to: number): Rewrite {
  const [first, last] = [start + from, start + to];
  const shape: Node = {
    ...node,
    opType: 'Shape',
    inputs: [source],
    attributes: { start: { kind: 'int', value: first }, end: { kind: 'int', value: last } },
  };
  return { message: `${node.opType} of Shape as Shape from ${first} to ${last}`, nodes: [shape] };
}

function gatherOfShape(site: Site): Rewrite | undefined {
  const [shape, at] = [boundsOfShape(site), elementOf(site)];
  if (shape === undefined || at === undefined || site.dims(site.node.inputs[1]!)?.length !== 1) return undefined;
  return shapeWithBounds(site, shape, at, at + 1);
}

function gatherOfConcat(site: Site): Rewrite | undefined {
  const { node } = site;
  const inner = site.producer(node.inputs[0]!);
  const at = elementOf(site);
  if (
    inner?.opType !== 'Concat' ||
    inner.domain !== '' ||
    at === undefined ||
    site.dims(inner.outputs[0]!)?.length !== 1
  )
    return undefined;
  let offset = 0;
  for (const part of inner.inputs) {
    const length: Dim = site.dims(part)?.[0];
    if (typeof length !== 'number') return undefined;
    if (at < offset + length) {
      const rank = site.dims(node.inputs[1]!)?.length;
      const message = `Gather of element ${at} of Concat`;
      if (rank === 1 && length === 1) return { message, alias: [part] };
      const index = site.fresh(`${node.outputs[0]}.index`);
      return {
        message,
        nodes: [{ ...node, inputs: [part, index] }],
        constants: new Map([[index, int64([at - offset], rank === 0 ? [] : [1])]]),
      };
    }
    offset += length;
  }
  return undefined;
}

function gatherOfUnsqueeze(site: Site): Rewrite | undefined {
  const { node } = site;
  const inner = site.producer(node.inputs[0]!);
  if (inner?.opType !== 'Unsqueeze' || inner.domain !== '' || site.dims(inner.inputs[0]!)?.length !== 0)
    return undefined;
  if (site.dims(inner.outputs[0]!)?.length !== 1 || elementOf(site) !== 0) return undefined;
  const rank = site.dims(node.inputs[1]!)?.length;
  if (rank === 0) return { message: 'Gather of the only element of Unsqueeze', alias: [inner.inputs[0]!] };
  return rank === 1 ? { message: 'Gather of the only element of Unsqueeze', alias: [node.inputs[0]!] } : undefined;
}
