import { float } from '../builder.ts';
import { type Dim, int64, type Node, scalar, type Tensor } from '../model.ts';
import { isDefaultDomain } from '../operator.ts';
import type { Pass } from '../pass.ts';
import {
  firstOf,
  integersOf,
  numbersOf,
  permOf,
  type Rewrite,
  type RewriteRule,
  type Site,
  sameDims,
} from '../passes/rewrite-rule.ts';
import { intOf } from '../types/rule.ts';
import { become, fusionPass } from './fusion.ts';

/**
 * Scaled dot-product attention written out becomes Attention (opset 23), in the form that takes and gives [batch,
 * sequence, heads · size]:
 *
 * 1. Softmax(q·kᵀ·scale + mask)·v over [batch, heads, sequence, size], with the scale on the scores, on q or on k, by Mul
 *    or Div of a constant, becomes Attention; masks that are added become one, no lower than -1e38, and one that selects (Where)
 *    scores or a number of -1e30 or less is added as 0 or that number (a row of -∞ alone, NaN written out, weighs all
 *    alike then),
 * 2. keys and values that Unsqueeze, Expand and Reshape repeat for groups of heads are taken as they were before,
 * 3. an Attention between Transposes of heads and sequence loses them: its inputs are what was split into heads,
 *    RotaryEmbedding moves before the split, and one Reshape is left, which goes with the Reshape behind it.
 *
 * Refused, with the reason: an opset below 23, where the written-out form is as fast as com.microsoft.MultiHeadAttention on
 * ONNX Runtime; scores or probabilities that something else uses; masks without the last two dimensions of the scores, or
 * that put greater numbers in place of scores; a Softmax along another axis; probabilities that are changed before the product
 * (guards against NaN).
 */
export function fuseAttention(): Pass {
  return fusionPass('fuse-attention', attentionRule);
}

/** The rule for one walk over one graph, which makes equal masks once. */
export function attentionRule(): RewriteRule {
  const joined = new Map<string, string>();
  return firstOf((site) => writtenOut(site, joined), grouped, withoutSplit, reshapeBack);
}

const HEADS_BACK = '0,2,1,3';

function writtenOut(site: Site, joined: Map<string, string>): Rewrite | undefined {
  const { node } = site;
  if (!isOp(node, 'MatMul')) return undefined;
  const softmax = site.producer(node.inputs[0]!);
  if (softmax === undefined || !isOp(softmax, 'Softmax')) return refuseGuard(site, softmax);
  const rank = site.dims(softmax.inputs[0]!)?.length;
  if (rank !== 4) return undefined;
  const scores = readScores(site, softmax.inputs[0]!);
  if (scores === undefined) return undefined;
  if (typeof scores === 'string') return refuse(scores);
  const axis = intOf(softmax, 'axis', site.opset < 13 ? 1 : -1);
  if (axis !== -1 && axis !== 3) return refuse('the Softmax is not along the last axis');
  const shared = [softmax.outputs[0]!, ...scores.inside].find((value) => site.uses(value) !== 1);
  if (shared !== undefined) return refuse(`${JSON.stringify(shared)} inside it is used elsewhere`);
  const found = site.dims(softmax.inputs[0]!)!;
  if (!covers(site, scores.masks, found)) return refuse('its masks do not have the last two dimensions of the scores');
  const query = unscaled(site, scores.query);
  const key = transposedKey(site, scores.key);
  if (key === undefined) return refuse('the keys are not the Transpose of anything');
  const value = node.inputs[1]!;
  const type = site.type(value)?.type;
  if ([query.value, scores.key, value].some((input) => site.dims(input)?.length !== 4)) return undefined;
  if (type !== 'float32') return refuse(`it is made of float32 only, and this is ${type ?? 'of an unknown type'}`);
  const places = [query.value, scores.key, value].map((input) => site.dims(input)!.slice(0, 2));
  if (!places.every((place) => sameDims(place, places[0])))
    return refuse('batches or heads of q, k and v are not seen to be the same');
  const scale = scores.scale * query.scale * key.scale;
  if (!(scale > 0)) return refuse(`its scale is ${scale}`);
  if (site.opset < 23) return refuse(`needs opset 23, the model has ${site.opset}`);
  const mask = joinMasks(site, scores.masks, joined);
  const inputs = [query.value, key.value, value, ...(mask.value === undefined ? [] : [mask.value])];
  const shown = `Softmax(q·kᵀ·${Number(scale.toPrecision(6))}${mask.value === undefined ? '' : ' + mask'})·v`;
  return {
    message: `${shown} as Attention`,
    nodes: [...key.nodes, ...mask.nodes, become(site, 'Attention', inputs, { scale: float(scale) })],
    constants: mask.constants,
  };
}

/** A value to add to the scores, or a condition outside of which a great negative number stands in their place. */
type Mask = { readonly add: string } | { readonly where: readonly [condition: string, kept: 1 | 2, fill: string] };

/** Added to scores of any size that happen, a number as low as this is the sum. */
const LOWEST = -1e30;

/**
 * ONNX Runtime's Attention gives zeros for rows that are masked by the lowest float32 (or −∞) altogether, where the
 * Softmax weighs all alike. So masks go no lower than this; three of them still have a finite sum.
 */
const FLOOR = -1e38;

interface Scores {
  readonly query: string;
  /** Keys as the product takes them: [batch, heads, size, sequence]. */
  readonly key: string;
  readonly scale: number;
  readonly masks: readonly Mask[];
  /** Values between the product and the Softmax. */
  readonly inside: readonly string[];
}

/** Scores behind masks and a scale; why they are not understood, where that is worth saying. */
function readScores(site: Site, value: string): Scores | string | undefined {
  const node = site.producer(value);
  if (node !== undefined && isOp(node, 'Where')) return readSelected(site, node);
  if (node === undefined || !isOp(node, 'Add')) return readScaled(site, value);
  let refusal: string | undefined;
  for (const [inner, add] of [node.inputs, node.inputs.toReversed()] as [string, string][]) {
    const scores = readScores(site, inner);
    if (isScores(scores)) return { ...scores, masks: [...scores.masks, { add }], inside: [value, ...scores.inside] };
    refusal ??= scores;
  }
  return refusal;
}

function readSelected(site: Site, node: Node): Scores | string | undefined {
  for (const kept of [1, 2] as const) {
    const [inner, fill] = [node.inputs[kept]!, node.inputs[3 - kept]!];
    const scores = readScores(site, inner);
    if (!isScores(scores)) continue;
    const number = numbersOf(site.constant(fill), 1);
    if (number?.length !== 1 || !(number[0]! <= LOWEST))
      return `what its Where puts in place of scores is not as low as ${LOWEST}`;
    const where = [node.inputs[0]!, kept, fill] as const;
    return { ...scores, masks: [...scores.masks, { where }], inside: [node.outputs[0]!, ...scores.inside] };
  }
  return undefined;
}

/** The sum of masks as one value above {@link FLOOR}, with the nodes that make it where no earlier call did. */
function joinMasks(site: Site, masks: readonly Mask[], joined: Map<string, string>) {
  const nodes: Node[] = [];
  const constants = new Map<string, Tensor>();
  const emit = (opType: string, inputs: readonly string[]): string => {
    const key = JSON.stringify([opType, inputs]);
    const known = joined.get(key);
    if (known !== undefined) return known;
    const output = site.fresh(`${inputs.at(-1)}.mask`);
    const name = site.fresh(`${site.node.name}.mask`);
    nodes.push({ name, opType, domain: '', inputs, outputs: [output], attributes: {} });
    joined.set(key, output);
    return output;
  };
  const number = (value: number): string => {
    const known = joined.get(String(value));
    if (known !== undefined) return known;
    const name = site.fresh('mask.number');
    constants.set(name, scalar(value));
    joined.set(String(value), name);
    return name;
  };
  const numberOf = (value: string): number | undefined => numbersOf(site.constant(value), 1)?.[0];
  const above = (value: string): string => {
    const node = site.producer(value);
    const choices = node !== undefined && isOp(node, 'Where') ? node.inputs.slice(1).map(numberOf) : [undefined];
    if (choices.includes(undefined)) return emit('Max', [value, number(FLOOR)]);
    if (choices.every((choice) => choice! >= FLOOR)) return value;
    return emit('Where', [node!.inputs[0]!, ...choices.map((choice) => number(Math.max(choice!, FLOOR)))]);
  };
  const added = masks.map((mask) => {
    if ('add' in mask) return above(mask.add);
    const [condition, kept, fill] = mask.where;
    const choices = [number(0), number(Math.max(numberOf(fill)!, FLOOR))];
    return emit('Where', [condition, ...(kept === 1 ? choices : choices.toReversed())]);
  });
  const value = added.length === 0 ? undefined : added.reduce((sum, mask) => emit('Add', [sum, mask]));
  return { value, nodes, constants };
}

/** True when masks together have the last two dimensions of the scores, and none has a higher rank. */
function covers(site: Site, masks: readonly Mask[], scores: readonly Dim[]): boolean {
  const shapes = masks.map((mask) => site.dims('add' in mask ? mask.add : mask.where[0]));
  if (!shapes.every((dims) => dims?.length === 4)) return false;
  return [2, 3].every(
    (axis) =>
      scores[axis] !== undefined &&
      shapes.every((dims) => dims![axis] === scores[axis] || dims![axis] === 1) &&
      (masks.length === 0 || shapes.some((dims) => dims![axis] === scores[axis])),
  );
}

function isScores(scores: Scores | string | undefined): scores is Scores {
  return typeof scores === 'object';
}

function readScaled(site: Site, value: string): Scores | undefined {
  const { value: product, scale } = unscaled(site, value);
  const node = site.producer(product);
  if (node === undefined || !isOp(node, 'MatMul')) return undefined;
  const inside = product === value ? [value] : [value, product];
  return { query: node.inputs[0]!, key: node.inputs[1]!, scale, masks: [], inside };
}

/** A value before its product with, or quotient by, a constant number. */
function unscaled(site: Site, value: string): { readonly value: string; readonly scale: number } {
  const node = site.producer(value);
  if (node === undefined || !(isOp(node, 'Mul') || isOp(node, 'Div'))) return { value, scale: 1 };
  const orders = isOp(node, 'Mul') ? [node.inputs, node.inputs.toReversed()] : [node.inputs];
  for (const [inner, factor] of orders as [string, string][]) {
    const tensor = site.constant(factor);
    const numbers = tensor !== undefined && tensor.dims.length <= 4 ? numbersOf(tensor, 1) : undefined;
    if (numbers?.length === 1) return { value: inner, scale: isOp(node, 'Mul') ? numbers[0]! : 1 / numbers[0]! };
  }
  return { value, scale: 1 };
}

/** Keys [batch, heads, sequence, size] from the right factor of the product. */
function transposedKey(site: Site, value: string) {
  const outer = unscaled(site, value);
  const turn = site.producer(outer.value);
  if (turn === undefined || !isOp(turn, 'Transpose')) return undefined;
  const perm = permOf(site, turn)?.join();
  const inner = unscaled(site, turn.inputs[0]!);
  const scale = outer.scale * inner.scale;
  if (perm === '0,1,3,2') return { value: inner.value, scale, nodes: [] };
  if (perm !== '0,2,3,1') return undefined;
  const key = site.fresh(`${outer.value}.key`);
  const node: Node = {
    ...turn,
    name: site.fresh(`${turn.name}.key`),
    inputs: [inner.value],
    outputs: [key],
    attributes: { perm: { kind: 'ints', value: [0, 2, 1, 3] } },
  };
  return { value: key, scale, nodes: [node] };
}

/** Case 2: an Attention whose keys and values were repeated for groups of heads. */
function grouped(site: Site): Rewrite | undefined {
  const { node } = site;
  if (!isOp(node, 'Attention') || node.inputs.length > 4 || site.dims(node.inputs[0]!)?.length !== 4) return undefined;
  const [key, value] = [ungrouped(site, node.inputs[1]!), ungrouped(site, node.inputs[2]!)];
  if (key === undefined || value === undefined) return undefined;
  if (site.dims(key)![1] !== site.dims(value)![1]) return undefined;
  const inputs = [node.inputs[0]!, key, value, ...node.inputs.slice(3)];
  return { message: 'keys and values as they are before they are repeated', nodes: [{ ...node, inputs }] };
}

/** [batch, n, sequence, size] of what Unsqueeze, Expand and Reshape repeat to [batch, n · groups, sequence, size]. */
function ungrouped(site: Site, value: string): string | undefined {
  const reshape = site.producer(value);
  const expand = reshape && isOp(reshape, 'Reshape') ? site.producer(reshape.inputs[0]!) : undefined;
  const lift = expand && isOp(expand, 'Expand') ? site.producer(expand.inputs[0]!) : undefined;
  if (lift === undefined || !isOp(lift, 'Unsqueeze')) return undefined;
  const source = lift.inputs[0]!;
  const [from, lifted, wide, to] = [source, lift.outputs[0]!, expand!.outputs[0]!, value].map((at) => site.dims(at));
  const heads = from?.[1];
  const groups = wide?.[2];
  if (from?.length !== 4 || wide?.length !== 5 || typeof heads !== 'number' || typeof groups !== 'number')
    return undefined;
  const [batch, , sequence, size] = from as [Dim, Dim, Dim, Dim];
  const fits =
    sameDims(lifted, [batch, heads, 1, sequence, size]) &&
    sameDims(wide, [batch, heads, groups, sequence, size]) &&
    sameDims(to, [batch, heads * groups, sequence, size]);
  return fits ? source : undefined;
}

/** Case 3: the Transpose behind an Attention of four dimensions. */
function withoutSplit(site: Site): Rewrite | undefined {
  const { node } = site;
  if (!isOp(node, 'Transpose') || permOf(site, node)?.join() !== HEADS_BACK) return undefined;
  const attention = site.producer(node.inputs[0]!);
  if (attention === undefined || !isOp(attention, 'Attention') || attention.inputs.length > 4) return undefined;
  if (attention.outputs.some((output, index) => index > 0 && output !== '')) return undefined;
  if (site.uses(node.inputs[0]!) !== 1) return refuse('its result is used elsewhere, before the Transpose');
  const parts = attention.inputs.slice(0, 3).map((input) => sequenceMajor(site, input));
  const dims = site.dims(node.outputs[0]!);
  const [heads, size] = [dims?.[2], dims?.[3]];
  if (parts.includes(undefined) || typeof heads !== 'number' || typeof size !== 'number')
    return refuse('its inputs are not split into heads by Reshape and Transpose of known sizes');
  const [query, key, value] = parts as [Joined, Joined, Joined];
  const merged = site.fresh(`${node.outputs[0]}.merged`);
  const shape = site.fresh(`${node.outputs[0]}.shape`);
  const attributes: Node['attributes'] = {
    ...attention.attributes,
    q_num_heads: { kind: 'int', value: query.heads },
    kv_num_heads: { kind: 'int', value: key.heads },
  };
  const inputs = [query.value, key.value, value.value, ...attention.inputs.slice(3)];
  return {
    message: 'Attention without Transposes',
    nodes: [
      ...[query, key, value].flatMap(({ nodes }) => nodes),
      { ...attention, name: site.fresh(attention.name), inputs, outputs: [merged], attributes },
      become(site, 'Reshape', [merged, shape]),
    ],
    constants: new Map([
      ...[query, key, value].flatMap(({ constants }) => constants),
      [shape, int64([0, 0, heads, size])],
    ]),
  };
}

/** A value [batch, sequence, heads · size] and what makes it. */
interface Joined {
  readonly value: string;
  readonly heads: number;
  readonly nodes: readonly Node[];
  readonly constants: readonly (readonly [string, Tensor])[];
}

/** A value [batch, heads, sequence, size] before it was split into heads. */
function sequenceMajor(site: Site, value: string): Joined | undefined {
  const node = site.producer(value);
  const dims = site.dims(value);
  const [heads, size] = [dims?.[1], dims?.[3]];
  if (node === undefined || dims?.length !== 4 || typeof heads !== 'number' || typeof size !== 'number')
    return undefined;
  if (isOp(node, 'RotaryEmbedding') && site.uses(value) === 1) {
    const source = sequenceMajor(site, node.inputs[0]!);
    if (source === undefined) return undefined;
    const output = site.fresh(`${value}.joined`);
    const attributes: Node['attributes'] = { ...node.attributes, num_heads: { kind: 'int', value: heads } };
    const inputs = [source.value, ...node.inputs.slice(1)];
    const turned: Node = { ...node, name: site.fresh(node.name), inputs, outputs: [output], attributes };
    return { ...source, value: output, nodes: [...source.nodes, turned] };
  }
  if (!isOp(node, 'Transpose') || permOf(site, node)?.join() !== HEADS_BACK) return undefined;
  const source = node.inputs[0]!;
  const reshape = site.producer(source);
  const joined = [dims[0], dims[2], heads * size];
  if (reshape !== undefined && isOp(reshape, 'Reshape') && sameDims(site.dims(reshape.inputs[0]!), joined))
    return { value: reshape.inputs[0]!, heads, nodes: [], constants: [] };
  const output = site.fresh(`${value}.joined`);
  const shape = site.fresh(`${value}.shape`);
  const join: Node = {
    name: site.fresh(`${node.name}.join`),
    opType: 'Reshape',
    domain: '',
    inputs: [source, shape],
    outputs: [output],
    attributes: {},
  };
  return { value: output, heads, nodes: [join], constants: [[shape, int64([0, 0, heads * size])]] };
}

/** The Reshape behind the one that case 3 leaves: one of them, or none. */
function reshapeBack(site: Site): Rewrite | undefined {
  const { node } = site;
  if (!isOp(node, 'Reshape')) return undefined;
  const inner = site.producer(node.inputs[0]!);
  if (inner === undefined || !isOp(inner, 'Reshape')) return undefined;
  const source = inner.inputs[0]!;
  const maker = site.producer(source);
  if (maker === undefined || !isOp(maker, 'Attention')) return undefined;
  if (sameDims(site.dims(source), site.dims(node.outputs[0]!)))
    return { message: 'Reshape back to Attention', alias: [source] };
  const target = integersOf(site, 'shape', 1);
  const elements = Array.isArray(target) ? target : site.known(node.inputs[1]!)?.elements;
  if (elements === undefined || elements.some((size) => size === undefined || size === 0)) return undefined;
  return { message: 'Reshape of Reshape', nodes: [{ ...node, inputs: [source, ...node.inputs.slice(1)] }] };
}

/** Says so where probabilities pass a guard before the product. */
function refuseGuard(site: Site, node: Node | undefined): Rewrite | undefined {
  if (node === undefined || !isOp(node, 'Where')) return undefined;
  const softmax = node.inputs.slice(1).map((input) => site.producer(input));
  if (!softmax.some((maker) => maker !== undefined && isOp(maker, 'Softmax'))) return undefined;
  return refuse('its probabilities are changed (Where) before the product');
}

function refuse(reason: string): Rewrite {
  return { skip: `Attention: ${reason}` };
}

function isOp(node: Node, opType: string): boolean {
  return node.opType === opType && isDefaultDomain(node.domain);
}
