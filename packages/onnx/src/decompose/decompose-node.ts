import { readAttributes } from '../attribute-reader.ts';
import { createGraphBuilder } from '../builder.ts';
import { dataTypes } from '../data-type.ts';
import type { DataType, Dim, Node, Tensor, TensorType } from '../model.ts';
import { int64 } from '../model.ts';
import { inferNode } from '../types/infer-node.ts';
import { knownTensor } from '../types/known-value.ts';
import { asTensor, type KnownValue } from '../types/rule.ts';
import { copyGraph } from './copy-graph.ts';
import type { DecomposeContext, Decomposition, Size } from './rule.ts';

/** What a decomposition may know of the graph around the node. */
export interface DecomposeScope {
  /** Version of the ai.onnx operator set. */
  readonly opset: number;
  /** Types of the values before the node; the types of emitted values are added. */
  readonly types: Map<string, TensorType>;
  /** The tensor of an initializer or Constant node. */
  valueOf(value: string): Tensor | undefined;
  /** A value or node name that nothing in the graph has. */
  fresh(base: string): string;
}

/** The nodes in place of one, or why it stays. */
export type Decomposed =
  | { readonly nodes: readonly Node[]; readonly initializers: ReadonlyMap<string, Tensor> }
  | { readonly refused: string };

class Refused extends Error {}

/** Applies a decomposition to a node. The outputs keep their names; names of new values are made by `scope.fresh`. */
export function decomposeNode(node: Node, rule: Decomposition, scope: DecomposeScope): Decomposed {
  const nodes: Node[] = [];
  const initializers = new Map<string, Tensor>();
  try {
    const results = rule(createContext(node, scope, nodes, initializers));
    return { nodes: withOutputs(node, nodes, results, scope), initializers };
  } catch (error) {
    if (error instanceof Refused) return { refused: error.message };
    throw error;
  }
}

/** Gives the results the names of the node's outputs, through Identity where a result is not one emitted value. */
function withOutputs(
  node: Node,
  nodes: readonly Node[],
  results: readonly (string | undefined)[],
  scope: DecomposeScope,
): readonly Node[] {
  const made = new Set(nodes.flatMap((emitted) => emitted.outputs));
  const renames = new Map<string, string>();
  const copies: Node[] = [];
  for (const [index, output] of node.outputs.entries()) {
    const result = results[index];
    if (output === '') continue;
    if (result === undefined) throw new Refused(`its output ${index}`);
    if (made.has(result) && !renames.has(result)) renames.set(result, output);
    else copies.push({ ...identity(result, output), name: scope.fresh(`${output}.copy`) });
  }
  const rename = (value: string) => renames.get(value) ?? value;
  return [...nodes, ...copies].map((emitted) => {
    const hit = [...emitted.inputs, ...emitted.outputs].some((value) => renames.has(value));
    return hit ? { ...emitted, inputs: emitted.inputs.map(rename), outputs: emitted.outputs.map(rename) } : emitted;
  });
}

function identity(input: string, output: string): Node {
  return { name: '', opType: 'Identity', domain: '', inputs: [input], outputs: [output], attributes: {} };
}

function createContext(
  node: Node,
  scope: DecomposeScope,
  nodes: Node[],
  initializers: Map<string, Tensor>,
): DecomposeContext {
  const label = node.name === '' ? (node.outputs[0] ?? node.opType) : node.name;
  const { types } = scope;
  const known = new Map<string, KnownValue>();
  const emitted = new Map<string, readonly string[]>();
  const constants = new Map<string, string>();
  const learn = (made: Node) => {
    const input = (index: number) => {
      const value = made.inputs[index]!;
      return { type: types.get(value), elements: knownOf(value) };
    };
    for (const [index, found] of inferNode(made, { input, version: scope.opset }).entries()) {
      const output = made.outputs[index]!;
      const type = asTensor(found.type);
      if (type !== undefined && output !== '') types.set(output, type);
      if (found.elements !== undefined) known.set(output, found.elements);
    }
  };
  const knownOf = (value: string): KnownValue | undefined => {
    const tensor = known.has(value) ? undefined : context.valueOf(value);
    return tensor === undefined ? known.get(value) : knownTensor(tensor);
  };
  const refuse = (reason: string): never => {
    throw new Refused(reason);
  };
  const byAxes = (opType: string, value: string, axes: readonly number[]): string =>
    scope.opset >= 13 ? context.op(opType, [value, context.vector(axes)]) : context.op(opType, [value], { axes });

  const context: DecomposeContext = {
    ...readAttributes(node),
    node,
    opset: scope.opset,
    refuse,
    x: (index = 0) => node.inputs[index] ?? '',
    has: (index) => (node.inputs[index] ?? '') !== '',
    wants: (output) => (node.outputs[output] ?? '') !== '',
    type: (value) => types.get(value)?.type ?? 'float32',
    dims: (value) => types.get(value)?.dims,
    rank: (value) => types.get(value)?.dims?.length ?? refuse(`the rank of "${value}" must be known`),
    valueOf: (value) => initializers.get(value) ?? scope.valueOf(value),
    op: (opType, inputs, attributes) => context.ops(opType, inputs, attributes ?? {}, 1)[0]!,
    ops(opType, inputs, attributes, count) {
      const key = JSON.stringify([opType, inputs, attributes, count]);
      const found = emitted.get(key);
      if (found) return found;
      const builder = createGraphBuilder('');
      const outputs = Array.from({ length: count }, (_, index) =>
        scope.fresh(`${label}/${opType}${count === 1 ? '' : `.${index}`}`),
      );
      builder.ops(opType, inputs, attributes, { outputs });
      const made = { ...builder.graph().nodes[0]!, name: scope.fresh(`${label}/${opType}.node`) };
      nodes.push(made);
      emitted.set(key, outputs);
      learn(made);
      return outputs;
    },
    scalar(value, like = context.x()) {
      const type = context.type(like);
      if (type === 'float64') return context.constant({ type, dims: [], data: Float64Array.of(value) });
      const single = context.constant({ type: 'float32', dims: [], data: Float32Array.of(value) });
      return type === 'float32' ? single : context.cast(single, type);
    },
    vector: (values) =>
      values.every(Number.isSafeInteger)
        ? context.constant(int64(values))
        : refuse(`[${values}] where sizes that are whole numbers are needed`),
    constant(tensor) {
      const key = `${tensor.type}[${tensor.dims}]${Array.from(tensor.data as ArrayLike<unknown>, String)}`;
      const found = tensor.data.length > 64 ? undefined : constants.get(key);
      if (found !== undefined) return found;
      const name = scope.fresh(`${label}/const`);
      constants.set(key, name);
      initializers.set(name, tensor);
      types.set(name, { type: tensor.type, dims: tensor.dims });
      return name;
    },
    size(value, axis) {
      const dim: Dim = context.dims(value)?.at(axis);
      if (typeof dim === 'number') return dim;
      if (axis >= 0 && scope.opset >= 15) return context.op('Shape', [value], { start: axis, end: axis + 1 });
      return context.op('Gather', [context.op('Shape', [value]), context.vector([axis])]);
    },
    shape(sizes) {
      if (sizes.every((size) => typeof size === 'number')) return context.vector(sizes);
      const parts: string[] = [];
      for (let at = 0; at < sizes.length; ) {
        const size = sizes[at]!;
        if (typeof size === 'string') {
          parts.push(size);
          at++;
          continue;
        }
        const run: number[] = [];
        for (; typeof sizes[at] === 'number'; at++) run.push(sizes[at] as number);
        parts.push(context.vector(run));
      }
      return parts.length === 1 ? parts[0]! : context.op('Concat', parts, { axis: 0 });
    },
    reshape: (value, sizes) => context.op('Reshape', [value, context.shape(sizes)]),
    transpose: (value, perm) => context.op('Transpose', [value], { perm }),
    unsqueeze: (value, axes) => byAxes('Unsqueeze', value, axes),
    squeeze: (value, axes) => byAxes('Squeeze', value, axes),
    split(value, sizes, axis) {
      return scope.opset >= 13
        ? context.ops('Split', [value, context.vector(sizes)], { axis }, sizes.length)
        : context.ops('Split', [value], { axis, split: sizes }, sizes.length);
    },
    cast: (value, type) =>
      types.get(value)?.type === type ? value : context.op('Cast', [value], { to: dataTypes[type as DataType].number }),
    reduce(opType, value, axes, keep = true) {
      const keepdims = keep ? 1 : 0;
      if (axes === undefined) return context.op(opType, [value], { keepdims });
      const byInput = scope.opset >= (opType === 'ReduceSum' ? 13 : 18);
      return byInput
        ? context.op(opType, [value, context.vector(axes)], { keepdims })
        : context.op(opType, [value], { axes, keepdims });
    },
    count(size: Size) {
      const integer = (value: number) => context.constant(int64([value], []));
      if (typeof size === 'number' && size <= 64) return context.vector(Array.from({ length: size }, (_, at) => at));
      const end = typeof size === 'number' ? integer(size) : context.squeeze(size, [0]);
      return context.op('Range', [integer(0), end, integer(1)]);
    },
    inline(graph) {
      const copy = copyGraph(graph, new Map(), (name) => scope.fresh(`${label}/${name}`));
      for (const [name, tensor] of copy.initializers) {
        initializers.set(name, tensor);
        types.set(name, { type: tensor.type, dims: tensor.dims });
      }
      for (const inner of copy.nodes) {
        nodes.push(inner);
        learn(inner);
      }
      return copy.outputs;
    },
  };
  return context;
}
