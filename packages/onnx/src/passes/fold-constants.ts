import { dataTypes } from '../data-type.ts';
import { isSlmError } from '../errors.ts';
import { elementCount, type Node, type Tensor, type TensorType } from '../model.ts';
import { operatorKey } from '../operator.ts';
import type { Pass } from '../pass.ts';
import { evaluateNode, hasReferenceKernel } from '../reference/open-reference.ts';
import { subgraphs } from '../rewrite.ts';
import { inferNode } from '../types/infer-node.ts';
import { knownTensor } from '../types/known-value.ts';
import { asTensor } from '../types/rule.ts';
import { constantTensor } from './constant-tensor.ts';
import { isRandom } from './random-operators.ts';
import { rewriteModel } from './rewrite-model.ts';
import type { Rewrite, RewriteRule, Site } from './rewrite-rule.ts';

export interface FoldConstantsOptions {
  /** Bytes that the fold of one node may add to the model (results less the constants it makes unused), 1 MiB by default. */
  readonly maxBytes?: number;
  /** Operators (`operatorKey`) that stay; by default those that unpack quantized weights. */
  readonly keep?: readonly string[];
}

/** Operators that make large floats of small weights: folding them would undo a quantization. */
export const unpackingOperators: readonly string[] = [
  'DequantizeLinear',
  'com.microsoft.DequantizeLinear',
  'com.microsoft.DequantizeBFP',
];

/** Multiplications or moved elements that one fold may take; the interpreter does some 10 million a second. */
const MAX_WORK = 2 ** 25;

/** Operators of results whose size depends on the elements, and is at most some times that of the inputs. */
const bounded: ReadonlySet<string> = new Set(['Compress', 'NonZero', 'StringSplit', 'Unique']);

/**
 * Computes what depends on constants only, with the reference interpreter:
 *
 * 1. a Constant node becomes an initializer (in a local function, as a graph output and up to IR version 3 it stays a node),
 * 2. a node of which all inputs are constants becomes its results.
 *
 * Refused, with the reason in the findings: operators of `keep`; random operators; results that are larger by more than
 * `maxBytes` than the constants they make unused, or whose size is not known beforehand; computations beyond some
 * 30 million steps; operators or forms that the interpreter does not have; inputs that are defaults of graph inputs (up
 * to IR version 3 every initializer is one), since a run may override them; results that are no tensors. Nodes with
 * subgraphs and sparse initializers stay.
 *
 * Floats are computed as the interpreter does, rounded after every operator: another engine may differ in the last
 * digits for transcendental functions.
 */
export function foldConstants(options: FoldConstantsOptions = {}): Pass {
  const { maxBytes = 2 ** 20, keep = unpackingOperators } = options;
  const kept = new Set(keep);
  const rule: RewriteRule = (site) => {
    const { node } = site;
    if (operatorKey(node) === 'Constant') return liftConstant(site);
    const inputs = node.inputs.filter((input) => input !== '');
    if (subgraphs(node).length > 0 || node.outputs.every((output) => output === '')) return undefined;
    const tensors = node.inputs.map((input) => (input === '' ? undefined : site.constant(input)));
    if (!node.inputs.every((input, index) => input === '' || tensors[index] !== undefined)) {
      const defaults = inputs.find((input) => site.overridable(input));
      const foldable = inputs.every((input) => site.overridable(input) || site.constant(input) !== undefined);
      return foldable && defaults !== undefined
        ? { skip: `input ${JSON.stringify(defaults)} is the default of a graph input, which a run may override` }
        : undefined;
    }
    if (isRandom(site)) return { skip: `${node.opType} draws random numbers` };
    if (kept.has(operatorKey(node))) return { skip: `${node.opType} is kept` };
    if (!hasReferenceKernel(node)) return { skip: `the interpreter has no ${operatorKey(node)}` };
    return tooMuch(site, tensors, maxBytes) ?? fold(site, tensors);
  };
  return { name: 'fold-constants', run: (model) => rewriteModel(model, () => rule) };
}

function liftConstant({ node, constantsAreNodes, isOutput }: Site): Rewrite | undefined {
  const [output] = node.outputs;
  if (constantsAreNodes || output === undefined || isOutput(output)) return undefined;
  const tensor = constantTensor(node);
  if (tensor === undefined) return { skip: 'the value of the Constant is no dense tensor' };
  return { message: 'constant as an initializer', nodes: [], constants: new Map([[output, tensor]]) };
}

function tooMuch(site: Site, tensors: readonly (Tensor | undefined)[], maxBytes: number): Rewrite | undefined {
  const { node } = site;
  const types = resultTypes(node, tensors);
  const inputElements = tensors.reduce((sum, tensor) => sum + (tensor ? elementCount(tensor.dims) : 0), 0);
  const sizes = node.outputs.map((output, index) => (output === '' ? 0 : elementsOf(types?.[index])));
  const known = sizes.every((size) => size !== undefined);
  if (!known && !bounded.has(operatorKey(node))) return { skip: 'the size of the result is not known beforehand' };
  const outputElements = known ? (sizes as number[]).reduce((sum, size) => sum + size, 0) : 8 * inputElements;
  const work = inputElements + outputElements * innerSize(node, tensors);
  if (work > MAX_WORK) return { skip: `computing it takes ${work} steps, more than ${MAX_WORK}` };
  if (!known) return undefined;
  const made = node.outputs.reduce((sum, output, index) => (output === '' ? sum : sum + bytesOf(types![index]!)), 0);
  const spared = [...new Set(node.inputs)].reduce((sum, input, index) => {
    const tensor = tensors[index];
    return tensor !== undefined && site.uses(input) === 1 ? sum + bytesOf(tensor) : sum;
  }, 0);
  if (made - spared <= maxBytes) return undefined;
  return { skip: `the result is ${made - spared} bytes larger than the constants it makes unused` };
}

/** Types of the results by the rule of the operator, the inputs being constants; `undefined` where it has none. */
function resultTypes(
  node: Node,
  tensors: readonly (Tensor | undefined)[],
): readonly (TensorType | undefined)[] | undefined {
  try {
    const input = (index: number) => {
      const tensor = tensors[index];
      return tensor && { type: { type: tensor.type, dims: tensor.dims }, elements: knownTensor(tensor) };
    };
    return inferNode(node, { input }).map(({ type }) => asTensor(type));
  } catch (error) {
    if (!isSlmError(error)) throw error;
    return undefined;
  }
}

function elementsOf(type: TensorType | undefined): number | undefined {
  const { dims } = type ?? {};
  return dims?.every((dim) => typeof dim === 'number') ? elementCount(dims as readonly number[]) : undefined;
}

function bytesOf({ type, dims }: TensorType): number {
  return Math.ceil((elementCount(dims as readonly number[]) * (dataTypes[type].bits || 64)) / 8);
}

/** Products that are summed for one element of the result. */
function innerSize(node: Node, tensors: readonly (Tensor | undefined)[]): number {
  const [a, b] = tensors.map((tensor) => tensor?.dims);
  if (/MatMul|Gemm/.test(node.opType)) return Math.max(1, ...(a?.slice(-2) ?? []));
  if (/Conv/.test(node.opType)) return elementCount(b?.slice(1) ?? []);
  return /Einsum|Attention|GRU|LSTM|RNN|Pool|DFT|Resize|Det/.test(node.opType)
    ? Math.max(1, ...(a ?? []), ...(b ?? []))
    : 1;
}

function fold(site: Site, tensors: readonly (Tensor | undefined)[]): Rewrite {
  const { node, opsets } = site;
  let results: ReturnType<typeof evaluateNode>;
  try {
    results = evaluateNode(node, tensors, { opsets });
  } catch (error) {
    if (!isSlmError(error)) throw error;
    return { skip: error.message };
  }
  const constants = new Map<string, Tensor>();
  for (const [index, output] of node.outputs.entries()) {
    if (output === '') continue;
    const result = results[index];
    if (result === undefined || 'kind' in result) return { skip: 'the result is no tensor' };
    constants.set(output, result);
  }
  return { message: `${node.opType} of constants`, nodes: [], constants };
}
