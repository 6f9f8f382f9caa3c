import { isSlmError } from '../errors.ts';
import { type Attribute, elementCount, int64, type Node, type Tensor } from '../model.ts';
import { isDefaultDomain, rowOf } from '../operator.ts';
import { evaluateNode } from '../reference/open-reference.ts';
import { intOf } from '../types/rule.ts';
import { isInferenceDropout } from './random-operators.ts';
import { composePerms, integersOf, isIdentityPerm, permOf, type Site } from './rewrite-rule.ts';

/** Nodes that give a transposed value without a Transpose. The last one makes it; without nodes `value` is it. */
export interface TransposePlan {
  readonly value: string;
  readonly nodes: readonly Node[];
  readonly constants: ReadonlyMap<string, Tensor>;
  /** Transposes that are undone. */
  readonly cancelled: number;
}

/** What becomes of a node when its output is transposed by `perm`: which inputs are transposed too, and the rest. */
interface Row {
  readonly transposed: readonly number[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
  /** Other constants as inputs. */
  readonly integers?: readonly (readonly [input: number, values: readonly number[]])[];
}
type RowRule = (site: Site, perm: readonly number[]) => Row | undefined;

/** Nodes that one plan may have. */
const MAX_NODES = 24;
/** Elements of a constant that is transposed for a plan. */
const MAX_ELEMENTS = 2 ** 20;

/**
 * Plans how to have `value` transposed by `perm` when that undoes a Transpose at the start of every branch in front of
 * it; `undefined` when it does not, or when a value in between is used elsewhere too.
 */
export function pullTranspose(site: Site, value: string, perm: readonly number[]): TransposePlan | undefined {
  const nodes: Node[] = [];
  const constants = new Map<string, Tensor>();
  const done = new Map<string, string>();
  let cancelled = 0;

  const pull = (name: string): string | undefined => {
    const known = done.get(name);
    if (known !== undefined) return known;
    const result = pullConstant(name) ?? pullNode(name);
    if (result !== undefined) done.set(name, result);
    return result;
  };
  const pullConstant = (name: string): string | undefined => {
    const tensor = site.constant(name);
    if (tensor === undefined) return undefined;
    const count = elementCount(tensor.dims);
    if (count === 1 && tensor.dims.length <= perm.length) return name;
    if (tensor.dims.length > perm.length || count > MAX_ELEMENTS || /^string|^complex/.test(tensor.type))
      return undefined;
    const dims = [...Array<number>(perm.length - tensor.dims.length).fill(1), ...tensor.dims];
    const transposed = transposedTensor({ type: tensor.type, data: tensor.data, dims }, perm, site);
    if (transposed === undefined) return undefined;
    const fresh = site.fresh(`${name}.transposed`);
    constants.set(fresh, transposed);
    return fresh;
  };
  const pullNode = (name: string): string | undefined => {
    const dims = site.dims(name);
    if (dims !== undefined && dims.length <= perm.length && dims.every((dim) => dim === 1)) {
      // A single number is the same in every order; with a lower rank it broadcasts to any shape.
      if (dims.length < perm.length) return name;
    }
    const node = site.producer(name);
    if (node === undefined || !isDefaultDomain(node.domain)) return undefined;
    if (node.opType === 'Transpose') {
      const first = permOf(site, node);
      if (first?.length !== perm.length || !isIdentityPerm(composePerms(first, perm))) return undefined;
      cancelled++;
      return node.inputs[0];
    }
    if (site.uses(name) !== 1 || node.outputs[0] !== name || nodes.length >= MAX_NODES) return undefined;
    const at: Site = { ...site, node };
    const row = rowOf(transposeRows, node)?.(at, perm);
    if (row === undefined || Object.values(node.attributes).some(({ kind }) => kind === 'ref')) return undefined;
    const inputs = [...node.inputs];
    for (const index of row.transposed) {
      const input = node.inputs[index]!;
      // Broadcasting aligns axes at the end: an input of lower rank is another shape after the move.
      const isSame = site.dims(input)?.length === perm.length || site.constant(input) !== undefined;
      const pulled = isSame || site.dims(input)?.length === 0 ? pull(input) : undefined;
      if (pulled === undefined) return undefined;
      inputs[index] = pulled;
    }
    for (const [index, values] of row.integers ?? []) {
      const fresh = site.fresh(`${name}.axes`);
      constants.set(fresh, int64(values));
      while (inputs.length < index) inputs.push('');
      inputs[index] = fresh;
    }
    const output = site.fresh(name);
    nodes.push({
      ...node,
      name: site.fresh(node.name || node.opType),
      inputs,
      outputs: [output],
      attributes: { ...node.attributes, ...row.attributes },
    });
    return output;
  };

  const result = pull(value);
  return result === undefined || cancelled === 0 ? undefined : { value: result, nodes, constants, cancelled };
}

/** A constant transposed, where the interpreter has its type. */
function transposedTensor(tensor: Tensor, perm: readonly number[], { opsets }: Site): Tensor | undefined {
  const attributes: Node['attributes'] = { perm: { kind: 'ints', value: perm } };
  const node: Node = { name: '', opType: 'Transpose', domain: '', inputs: ['x'], outputs: ['y'], attributes };
  try {
    const [result] = evaluateNode(node, [tensor], { opsets });
    return result === undefined || 'kind' in result ? undefined : result;
  } catch (error) {
    if (isSlmError(error)) return undefined;
    throw error;
  }
}

const first: RowRule = () => ({ transposed: [0] });
const all: RowRule = ({ node }) => ({ transposed: node.inputs.map((_, index) => index) });

/** Softmax and the like along one axis. */
const alongAxis: RowRule = (site, perm) => {
  if (site.opset < 13) return undefined;
  return { transposed: [0], attributes: axisAttribute(intOf(site.node, 'axis', -1), perm) };
};

const reduce: RowRule = (site, perm) => {
  const { node } = site;
  if (intOf(node, 'keepdims', 1) === 0) return undefined;
  const axes = integersOf(site, 'axes', 1);
  if (axes === undefined) return undefined;
  if (axes === 'absent') return { transposed: [0] };
  const moved = axes.map((axis: number) => movedAxis(axis, perm));
  return Object.hasOwn(node.attributes, 'axes')
    ? { transposed: [0], attributes: { axes: { kind: 'ints', value: moved } } }
    : { transposed: [0], integers: [[1, moved]] };
};

const quantized: RowRule = (site, perm) => {
  const { node } = site;
  const rank = site.dims(node.inputs[1] ?? '')?.length;
  if (intOf(node, 'block_size', 0) !== 0) return undefined;
  if (rank === 0) return { transposed: [0] };
  return rank === 1 && site.opset >= 13
    ? { transposed: [0], attributes: axisAttribute(intOf(node, 'axis', 1), perm) }
    : undefined;
};

const each = (names: string, rule: RowRule): Record<string, RowRule> =>
  Object.fromEntries(names.split(' ').map((name) => [name, rule]));

/** Operators that a Transpose can be moved through, by what becomes of their axes. */
const transposeRows: Readonly<Record<string, RowRule>> = {
  ...each('Abs Acos Acosh Asin Asinh Atan Atanh BitwiseNot Cast Ceil Celu Clip Cos Cosh Elu Erf Exp Floor Gelu', first),
  ...each('HardSigmoid HardSwish Identity IsInf IsNaN LeakyRelu Log Mish Neg Not Reciprocal Relu Round Selu', first),
  ...each('Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Swish Tan Tanh ThresholdedRelu', first),
  ...each('Add And BitwiseAnd BitwiseOr BitwiseXor Div Equal Greater GreaterOrEqual Less LessOrEqual Max Mean', all),
  ...each('Min Mod Mul Or PRelu Pow Sub Sum Where Xor', all),
  ...each('Hardmax LogSoftmax Softmax', alongAxis),
  ...each('ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin', reduce),
  ...each('ReduceProd ReduceSum ReduceSumSquare', reduce),
  ...each('DequantizeLinear QuantizeLinear', quantized),
  Concat: (site, perm) => {
    const everyRank = site.node.inputs.every((input) => site.dims(input)?.length === perm.length);
    if (!everyRank) return undefined;
    const attributes = axisAttribute(intOf(site.node, 'axis', 0), perm);
    return { transposed: site.node.inputs.map((_, index) => index), attributes };
  },
  Dropout: (site) => (isInferenceDropout(site) && site.node.outputs.length === 1 ? { transposed: [0] } : undefined),
  Pad: (site, perm) => {
    const pads = integersOf(site, 'pads', 1);
    if (!Array.isArray(pads) || (site.node.inputs[3] ?? '') !== '' || pads.length !== 2 * perm.length) return undefined;
    const moved = [...perm.map((axis) => pads[axis]!), ...perm.map((axis) => pads[axis + perm.length]!)];
    return Object.hasOwn(site.node.attributes, 'pads')
      ? { transposed: [0], attributes: { pads: { kind: 'ints', value: moved } } }
      : { transposed: [0], integers: [[1, moved]] };
  },
  Slice: (site, perm) => {
    const starts = integersOf(site, 'starts', 1);
    const axes = integersOf(site, 'axes', 3);
    if (!Array.isArray(starts) || axes === undefined) return undefined;
    const moved = (axes === 'absent' ? starts.map((_: number, index: number) => index) : axes).map((axis: number) =>
      movedAxis(axis, perm),
    );
    return Object.hasOwn(site.node.attributes, 'starts')
      ? { transposed: [0], attributes: { axes: { kind: 'ints', value: moved } } }
      : { transposed: [0], integers: [[3, moved]] };
  },
};

/** Where an axis of a value is after the value is transposed. */
function movedAxis(axis: number, perm: readonly number[]): number {
  return perm.indexOf(axis < 0 ? axis + perm.length : axis);
}

function axisAttribute(axis: number, perm: readonly number[]): Readonly<Record<string, Attribute>> {
  return { axis: { kind: 'int', value: movedAxis(axis, perm) } };
}
