import type { AttributeInput } from '../builder.ts';
import { createGraphBuilder } from '../builder.ts';
import { constantTensor } from '../decompose/constant-lookup.ts';
import type { Dim, Graph, Node, Tensor, TensorType } from '../model.ts';
import { int64, scalar } from '../model.ts';
import { isDefaultDomain } from '../operator.ts';
import { freeValues, usedValues } from '../rewrite.ts';
import { foldScales } from './fold-scales.ts';

type Attributes = Readonly<Record<string, AttributeInput>>;

/**
 * Emits the nodes of a backward graph behind a forward graph.
 *
 * Equal nodes are emitted once (value numbering), equal constants are stored once, and shapes known beforehand become
 * constants, so that rules may ask for the same thing twice without making the step slower.
 */
export interface Emitter {
  /** Version of the ai.onnx operator set. */
  readonly opset: number;
  /** Emits one node (or finds an equal one) and returns its only output. Transpositions in a row become one. */
  op(opType: string, inputs: readonly string[], attributes?: Attributes): string;
  /** Like {@link Emitter.op} for `count` outputs. */
  ops(opType: string, inputs: readonly string[], attributes: Attributes, count: number): readonly string[];
  /** A copy under a name of its own. */
  copy(value: string): string;
  /** A rank-0 float32 constant. */
  scalar(value: number): string;
  /** A 1-D int64 constant. */
  ints(values: readonly number[]): string;
  /** A rank-0 int64 constant. */
  integer(value: number): string;
  /** A constant tensor; equal tensors share one initializer. */
  constant(tensor: Tensor): string;
  /** The tensor of an initializer or Constant node, `undefined` for computed values. */
  valueOf(value: string): Tensor | undefined;
  /** The integers of a constant integer tensor. */
  intsOf(value: string | undefined): readonly number[] | undefined;
  type(value: string): TensorType | undefined;
  dims(value: string): readonly Dim[] | undefined;
  rank(value: string): number | undefined;
  setType(value: string, type: TensorType | undefined): void;
  /** True when both shapes are known and equal, symbolic dimensions by name. */
  sameDims(a: string, b: string): boolean;
  /** The shape of a value as a 1-D int64 value: a constant when it is known, else a Shape node. */
  shape(value: string): string;
  /** Reshapes to the shape of `like`, by a constant shape where that is possible. */
  reshapeLike(value: string, like: string): string;
  /** Product of two values; a factor that is the constant one vanishes. */
  mul(a: string, b: string): string;
  /** Sum over constant `axes`. */
  sum(value: string, axes: readonly number[], keepDims: boolean): string;
  /** The value as rows: `[everything before, last dimension]`. */
  rows(value: string): string;
  /** Declares that `rows` holds the elements of `value` as rows already. */
  setRows(value: string, rows: string): void;
  /** Marks a gradient whose shape only broadcasts to the shape of its value. */
  loosen(value: string): string;
  isLoose(value: string): boolean;
  /** The node that computes a value: forward, or emitted. */
  producer(value: string): Node | undefined;
  /** Adds the optional output `index` to a forward node, unless it has it, and returns its name. */
  extraOutput(node: Node, index: number, type: TensorType | undefined): string;
  /** Puts another node in the place of a forward node: one that makes the same outputs, and perhaps more. */
  replaceForward(node: Node, by: Node): void;
  /** A value or node name that is not used yet. */
  fresh(base: string): string;
  /** Runs `body` with node names under `prefix`. */
  scope<T>(prefix: string, body: () => T): T;
  /** Forward nodes, some with extra outputs, then the emitted ones; initializers with the constants added. */
  finish(renames: ReadonlyMap<string, string>): Pick<Graph, 'nodes' | 'initializers' | 'types'>;
  /** True for a value computed by an emitted node. */
  isEmitted(value: string): boolean;
  /** True for a value that `finish` may rename: emitted, and not used inside a subgraph. */
  canRename(value: string): boolean;
}

/** Starts an emitter behind `graph`, which is not changed; `known` are the types of its values. */
export function createEmitter(graph: Graph, opset: number, knownTypes: ReadonlyMap<string, TensorType>): Emitter {
  const builder = createGraphBuilder(graph.name, graph);
  const forwardCount = graph.nodes.length;
  const types = new Map<string, TensorType>(knownTypes);
  const producers = new Map<string, Node>();
  for (const node of graph.nodes) for (const output of node.outputs) if (output !== '') producers.set(output, node);
  const constants = new Map<string, string>();
  const tensors = new Map<string, Tensor>(graph.initializers);
  const known = new Map<string, readonly string[]>();
  const emitted = new Map<string, Node>();
  const transposed = new Map<string, { readonly source: string; readonly perm: readonly number[] }>();
  const loose = new Set<string>();
  const rowsOf = new Map<string, string>();
  const rewritten = new Map<string, Node>();
  const captured = new Set<string>();
  let one = '';

  const emitter: Emitter = {
    opset,
    op: (opType, inputs, attributes) => emitter.ops(opType, inputs, attributes ?? {}, 1)[0]!,
    ops(opType, inputs, attributes, count) {
      const turn = opType === 'Transpose' && Array.isArray(attributes.perm) ? (attributes.perm as number[]) : undefined;
      const earlier = turn && transposed.get(inputs[0]!);
      if (earlier) {
        const perm = turn.map((axis) => earlier.perm[axis]!);
        if (perm.every((axis, at) => axis === at)) return [earlier.source];
        return emitter.ops('Transpose', [earlier.source], { perm }, 1);
      }
      const key = JSON.stringify([opType, inputs, attributes, count], (_, value) =>
        typeof value === 'bigint' ? `${value}` : value instanceof Map ? [...value] : value,
      );
      const found = known.get(key);
      if (found) return found;
      const made = builder.ops(opType, inputs, attributes, { outputs: count });
      for (const graph of graphsOf(attributes)) for (const value of freeValues(graph)) captured.add(value);
      known.set(key, made);
      const node: Node = { name: '', opType, domain: '', inputs, outputs: made, attributes: {} };
      for (const output of made) emitted.set(output, node);
      if (turn) transposed.set(made[0]!, { source: inputs[0]!, perm: turn });
      return made;
    },
    copy(value) {
      const made = builder.op('Identity', [value]);
      emitted.set(made, { name: '', opType: 'Identity', domain: '', inputs: [value], outputs: [made], attributes: {} });
      return made;
    },
    scalar(value) {
      const name = emitter.constant(scalar(value));
      if (value === 1) one = name;
      return name;
    },
    ints: (values) => emitter.constant(int64(values)),
    integer: (value) => emitter.constant(int64([value], [])),
    constant(tensor) {
      const key = `${tensor.type}[${tensor.dims}]${Array.from(tensor.data as ArrayLike<unknown>, String)}`;
      const found = constants.get(key);
      if (found !== undefined) return found;
      const label = tensor.data.length <= 4 ? Array.from(tensor.data as ArrayLike<unknown>, String).join(',') : 'table';
      const name = builder.fresh(`grad/const/${tensor.type === 'float32' ? '' : `${tensor.type}/`}${label}`);
      constants.set(key, name);
      tensors.set(name, tensor);
      types.set(name, { type: tensor.type, dims: tensor.dims });
      return name;
    },
    valueOf(value) {
      const tensor = tensors.get(value);
      if (tensor) return tensor;
      const node = producers.get(value);
      if (node === undefined || !isDefaultDomain(node.domain)) return undefined;
      if (node.opType === 'Identity') return emitter.valueOf(node.inputs[0]!);
      return node.opType === 'Constant' ? constantTensor(node) : undefined;
    },
    intsOf(value) {
      const tensor = value === undefined || value === '' ? undefined : emitter.valueOf(value);
      return tensor && /^u?int(32|64)$/.test(tensor.type)
        ? Array.from(tensor.data as ArrayLike<number | bigint>, Number)
        : undefined;
    },
    type: (value) => types.get(value),
    dims: (value) => types.get(value)?.dims,
    rank: (value) => types.get(value)?.dims?.length,
    setType(value, type) {
      if (type && !types.has(value)) types.set(value, type);
    },
    sameDims(a, b) {
      const [left, right] = [emitter.dims(a), emitter.dims(b)];
      return (
        a === b ||
        (left !== undefined &&
          right !== undefined &&
          left.length === right.length &&
          left.every((dim, axis) => dim !== undefined && dim === right[axis]))
      );
    },
    shape(value) {
      const dims = emitter.dims(value);
      return dims?.every((dim) => typeof dim === 'number') ? emitter.ints(dims) : emitter.op('Shape', [value]);
    },
    reshapeLike(value, like) {
      if (emitter.sameDims(value, like)) return value;
      const from = emitter.dims(value);
      const dims = emitter.dims(like);
      let inferred = 0;
      const target = dims?.map((dim, axis) => {
        if (typeof dim === 'number') return dim;
        if (dim !== undefined && from?.[axis] === dim) return 0;
        inferred++;
        return -1;
      });
      const fixed = target !== undefined && inferred <= 1 && !dims!.includes(0);
      const made = emitter.op('Reshape', [value, fixed ? emitter.ints(target) : emitter.shape(like)]);
      emitter.setType(made, emitter.type(like));
      return made;
    },
    mul(a, b) {
      if (a === one) return b;
      if (b === one) return a;
      return emitter.op('Mul', [a, b]);
    },
    sum: (value, axes, keepDims) =>
      axes.length === 0 ? value : emitter.op('ReduceSum', [value, emitter.ints(axes)], { keepdims: keepDims ? 1 : 0 }),
    rows(value) {
      const dims = emitter.dims(value);
      if (dims?.length === 2) return value;
      const made = rowsOf.get(value);
      if (made !== undefined) return made;
      const width = dims?.at(-1);
      const target =
        typeof width === 'number'
          ? emitter.ints([-1, width])
          : emitter.op(
              'Concat',
              [emitter.ints([-1]), emitter.op('Gather', [emitter.shape(value), emitter.ints([-1])])],
              {
                axis: 0,
              },
            );
      const rows = emitter.op('Reshape', [value, target]);
      emitter.setType(rows, { type: 'float32', dims: [undefined, width] });
      rowsOf.set(value, rows);
      return rows;
    },
    setRows(value, rows) {
      rowsOf.set(value, rows);
    },
    loosen(value) {
      loose.add(value);
      return value;
    },
    isLoose: (value) => loose.has(value),
    producer: (value) => emitted.get(value) ?? producers.get(value),
    extraOutput(node, index, type) {
      const current = rewritten.get(firstOutput(node)) ?? node;
      const outputs = Array.from(
        { length: Math.max(index + 1, current.outputs.length) },
        (_, i) => current.outputs[i] ?? '',
      );
      if (outputs[index] === '') {
        outputs[index] = builder.fresh(`${node.outputs[0]}.${index}`);
        rewritten.set(firstOutput(node), { ...current, outputs });
        emitter.setType(outputs[index], type);
      }
      return outputs[index]!;
    },
    replaceForward(node, by) {
      rewritten.set(firstOutput(node), by);
    },
    fresh: builder.fresh,
    scope: (prefix, body) => builder.scope(prefix, body),
    isEmitted: (value) => emitted.has(value),
    canRename: (value) => emitted.has(value) && !captured.has(value),
    finish(renames) {
      const rename = (value: string) => renames.get(value) ?? value;
      const all = builder.graph().nodes;
      const outputs = new Set(renames.keys());
      const held = new Set([...outputs, ...captured]);
      const backward = withoutDead(foldScales(all.slice(forwardCount), emitter.valueOf, held), outputs);
      const used = new Set(backward.flatMap((node) => [...usedValues(node)]));
      const initializers = new Map(graph.initializers);
      for (const name of constants.values()) if (used.has(name)) initializers.set(name, tensors.get(name)!);
      const forward = graph.nodes.map((node) => rewritten.get(firstOutput(node)) ?? node);
      const renamed = backward.map((node) => ({
        ...node,
        inputs: node.inputs.map(rename),
        outputs: node.outputs.map(rename),
      }));
      return {
        nodes: [...forward, ...renamed],
        initializers,
        types: new Map(graph.types),
      };
    },
  };
  return emitter;
}

function graphsOf(attributes: Attributes): readonly Graph[] {
  return Object.values(attributes).filter(
    (value): value is Graph => typeof value === 'object' && 'nodes' in value && 'initializers' in value,
  );
}

/** What a node goes by: the first output it has. */
function firstOutput(node: Node): string {
  return node.outputs.find((output) => output !== '') ?? '';
}

/** Drops nodes that nothing reads: first halves of merged transpositions. */
function withoutDead(nodes: readonly Node[], outputs: ReadonlySet<string>): readonly Node[] {
  const read = new Set(outputs);
  const kept: Node[] = [];
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((output) => read.has(output))) continue;
    for (const input of usedValues(node)) read.add(input);
    kept.unshift(node);
  }
  return kept;
}
