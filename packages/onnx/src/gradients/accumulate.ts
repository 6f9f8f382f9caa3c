import { readAttributes } from '../attribute-reader.ts';
import { copyGraph } from '../decompose/copy-graph.ts';
import type { Graph, Model, Node, Tensor, ValueInfo } from '../model.ts';
import { rowOf } from '../operator.ts';
import { freeValues } from '../rewrite.ts';
import { activeValues } from './activity.ts';
import { materialize } from './broadcast.ts';
import type { Emitter } from './emitter.ts';
import { createEmitter } from './emitter.ts';
import { geluBackward, matchGelu } from './gelu-pattern.ts';
import { typesWithNamedDims } from './name-dims.ts';
import type { BodyRequest, DifferentiatedBody, GradientContext } from './rule.ts';
import { gradients } from './table.ts';

/** What one reverse sweep over a graph needs. */
export interface Sweep {
  readonly graph: Graph;
  readonly emitter: Emitter;
  /** Values that carry gradients. */
  readonly active: ReadonlySet<string>;
  /** Gradients to start from, by value. */
  readonly seeds: ReadonlyMap<string, string>;
  /** The lookups whose table gets the gradient of the gathered rows, by table. */
  readonly sparse?: ReadonlyMap<string, Node>;
  readonly opsets: Model['opsets'];
  refuse(node: Node, reason: string | undefined): never;
}

/** The gradients that a sweep found. */
export interface Swept {
  /** True when the seeds depend on the value. */
  has(value: string): boolean;
  /** The sum of what the value's readers contribute; its shape may only broadcast to the value's. */
  total(value: string): string;
  /** The sum, with exactly the value's shape. */
  full(value: string): string;
  /** The only contribution to a sparse table: the gradient of its gathered rows. */
  rows(value: string): string;
}

/** Goes through the nodes of a graph backwards and adds up the gradients of its values (reverse accumulation). */
export function accumulate(sweep: Sweep): Swept {
  const { graph, emitter, active, sparse } = sweep;
  const contributions = new Map<string, string[]>();
  const contribute = (value: string, gradient: string) => {
    const list = contributions.get(value);
    if (list) list.push(gradient);
    else contributions.set(value, [gradient]);
  };
  for (const [value, gradient] of sweep.seeds) contribute(value, gradient);
  const settled = new Map<string, string>();
  const total = (value: string): string => {
    const found = settled.get(value);
    if (found !== undefined) return found;
    const parts = contributions.get(value)!;
    const sum = parts.length === 1 ? parts[0]! : emitter.op(parts.length === 2 ? 'Add' : 'Sum', parts);
    if (parts.every((part) => emitter.isLoose(part))) emitter.loosen(sum);
    else emitter.setType(sum, emitter.type(value));
    settled.set(value, sum);
    return sum;
  };
  const full = (value: string): string => {
    const gradient = total(value);
    const made = materialize(emitter, gradient, value);
    emitter.setType(made, emitter.type(value));
    return made;
  };
  const swept: Swept = {
    has: (value) => contributions.has(value),
    total,
    full,
    rows: (value) => contributions.get(value)![0]!,
  };

  for (const node of graph.nodes.toReversed()) {
    const reached = node.outputs.some((output) => contributions.has(output) && active.has(output));
    if (!reached) continue;
    const rule = rowOf(gradients, node);
    if (!rule) return sweep.refuse(node, undefined);
    if ('stops' in rule) continue;
    const lookup = sparse?.get(node.inputs[0] ?? '');
    if (lookup && node === lookup) {
      contribute(node.inputs[0]!, full(node.outputs[0]!));
      continue;
    }
    const gelu = matchGelu(node, emitter);
    if (gelu && active.has(gelu.x)) {
      const dy = total(node.outputs[0]!);
      contribute(
        gelu.x,
        emitter.scope(`grad/${node.name}/`, () => geluBackward(emitter, gelu, dy)),
      );
      continue;
    }
    const context = createContext(node, sweep, swept, contribute);
    const made = emitter.scope(`grad/${node.name === '' ? node.outputs[0] : node.name}/`, () => rule.backward(context));
    for (const [index, gradient] of made.entries()) {
      if (gradient !== undefined && context.wants(index)) contribute(node.inputs[index]!, gradient);
    }
  }
  return swept;
}

function createContext(
  node: Node,
  sweep: Sweep,
  { has, total, full }: Swept,
  contribute: (value: string, gradient: string) => void,
): GradientContext {
  const { emitter, active } = sweep;
  return {
    ...readAttributes(node),
    node,
    emitter,
    x: (index = 0) => node.inputs[index] ?? '',
    y: (index = 0) => node.outputs[index] ?? '',
    dy: (index = 0) => full(node.outputs[index]!),
    looseDy: (index = 0) => total(node.outputs[index]!),
    hasDy: (index) => has(node.outputs[index] ?? ''),
    wants: (index) => active.has(node.inputs[index] ?? ''),
    isActive: (value) => active.has(value),
    reached: (graph, sources) => activeValues(graph, sources, emitter.type),
    contribute,
    body: (request) => differentiateBody(sweep, request),
    refuse: (reason) => sweep.refuse(node, reason),
  };
}

/** Differentiates the body of a control-flow node; see {@link GradientContext.body}. */
function differentiateBody(outer: Sweep, request: BodyRequest): DifferentiatedBody {
  const { graph } = request;
  const constants = new Map<string, Tensor>(request.constants);
  const inputs: ValueInfo[] = graph.inputs
    .filter((input) => !constants.has(input.name))
    .map((input) => {
      const type = input.type?.dims === undefined ? (request.types?.get(input.name) ?? input.type) : input.type;
      return type === undefined ? input : { ...input, type };
    });
  for (const name of freeValues(graph)) {
    const tensor = outer.active.has(name) ? undefined : outer.emitter.valueOf(name);
    const type = outer.emitter.type(name);
    if (tensor !== undefined) constants.set(name, tensor);
    else inputs.push({ name, ...(type && { type }) });
  }
  const inner: Graph = { ...graph, inputs, outputs: [], initializers: new Map([...graph.initializers, ...constants]) };
  const model: Model = { irVersion: 10, opsets: outer.opsets, graph: inner, metadata: {} };
  const emitter = createEmitter(inner, outer.emitter.opset, typesWithNamedDims(model));
  for (const [value, seed] of request.seeds) emitter.setType(seed, emitter.type(value));
  const active = activeValues(inner, request.active, emitter.type);
  const seeds = new Map(Array.from(request.seeds).filter(([value]) => active.has(value)));
  const swept = accumulate({ ...outer, graph: inner, emitter, active, seeds, sparse: new Map() });
  const wanted = new Map<string, string>();
  for (const value of request.wanted) {
    if (!swept.has(value) || !active.has(value)) continue;
    const gradient = swept.full(value);
    const taken = Array.from(wanted.values()).includes(gradient);
    wanted.set(value, emitter.isEmitted(gradient) && !taken ? gradient : emitter.copy(gradient));
  }
  const extra = request.extend?.(emitter, (value) => wanted.get(value)) ?? [];
  const outputs = [...wanted.values(), ...extra];
  const parts = emitter.finish(new Map(outputs.map((name) => [name, name])));
  const initializers = new Map(
    Array.from(parts.initializers).filter(([name]) => !constants.has(name) || request.constants?.has(name)),
  );
  const copy = copyGraph(
    { inputs: [], outputs: outputs.map((name) => ({ name })), nodes: parts.nodes, initializers },
    request.names ?? new Map(),
    outer.emitter.fresh,
  );
  const own = new Map(outputs.map((name, index) => [name, copy.outputs[index]!]));
  return {
    nodes: copy.nodes,
    initializers: copy.initializers,
    gradient: (value) => {
      const found = wanted.get(value);
      return found === undefined ? undefined : own.get(found);
    },
    extra: extra.map((name) => own.get(name)!),
  };
}
