import { SlmError } from '../errors.ts';
import type { Graph, Model, TensorType, ValueInfo } from '../model.ts';
import type { Finding, Pass } from '../pass.ts';
import { mapSubgraphs } from '../rewrite.ts';
import { formatDims, substitute } from '../types/dims.ts';

/** Which axis, and its size: a symbolic dimension by its name, or an axis of an input. */
export type FreezeAxisOptions = { readonly value: number } & (
  | { readonly symbol: string }
  | { readonly input: string; readonly axis: number }
);

/**
 * Gives a dynamic axis a size. This changes the signature; the shapes that follow are for `simplifyShapes` and
 * `foldConstants` to compute.
 *
 * 1. A symbolic dimension becomes a number wherever its name stands: inputs, outputs, types of intermediate values, in
 *    subgraphs as well, and in sums and products of dimensions (`2*batch`, `past + 1`).
 * 2. An axis of an input that has a name freezes the name, everywhere; one without a name is set there alone.
 * 3. An axis that has this size already is left as it is, and so is a model without the name.
 *
 * Refused with `PASS_OPTIONS`: a size that is no integer of at least 0; an input or axis that is not there; an axis that
 * has another size. Sizes that the graph computes or holds as constants are not changed: a model exported for one
 * batch size stays one.
 */
export function freezeAxis(options: FreezeAxisOptions): Pass {
  const { value } = options;
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new SlmError('PASS_OPTIONS', `freeze-axis, value: expected a size, got ${value}`);
  }
  return {
    name: 'freeze-axis',
    run(model) {
      const findings: Finding[] = [];
      const next =
        'symbol' in options ? freeze(model, options.symbol, value, findings) : atInput(model, options, findings);
      return { model: next, findings };
    },
  };
}

function atInput(
  model: Model,
  { input, axis, value }: { readonly input: string; readonly axis: number; readonly value: number },
  findings: Finding[],
): Model {
  const { inputs } = model.graph;
  const found = inputs.find(({ name }) => name === input);
  if (found === undefined) {
    const names = inputs.map(({ name }) => name).join(', ');
    throw new SlmError('PASS_OPTIONS', `freeze-axis, input: expected one of ${names}, got ${JSON.stringify(input)}`);
  }
  const { type } = found;
  const dims = type?.dims;
  const at = axis < 0 ? axis + (dims?.length ?? 0) : axis;
  if (type === undefined || dims === undefined || !Number.isInteger(at) || at < 0 || at >= dims.length) {
    const where = `freeze-axis, input ${JSON.stringify(input)}`;
    throw new SlmError('PASS_OPTIONS', `${where}: expected an axis of ${formatDims(dims)}, got ${axis}`);
  }
  const dim = dims[at];
  if (typeof dim === 'string') return freeze(model, dim, value, findings);
  if (dim === value) return model;
  if (dim !== undefined) {
    const where = `freeze-axis, input ${JSON.stringify(input)}, axis ${axis}`;
    throw new SlmError('PASS_OPTIONS', `${where}: expected a dynamic axis, got size ${dim}`);
  }
  findings.push({ kind: 'patched', where: input, message: `axis ${at} has size ${value}` });
  const frozen: ValueInfo = { ...found, type: { ...type, dims: dims.with(at, value) } };
  return { ...model, graph: { ...model.graph, inputs: inputs.map((info) => (info === found ? frozen : info)) } };
}

function freeze(model: Model, symbol: string, value: number, findings: Finding[]): Model {
  const sizes = new Map([[symbol, value]]);
  const graph = freezeGraph(model.graph, (type) => {
    const dims = type.dims?.map((dim) => substitute(dim, sizes));
    return dims === undefined || dims.every((next, axis) => next === type.dims![axis]) ? type : { ...type, dims };
  });
  if (graph === model.graph) {
    findings.push({ kind: 'skipped', where: symbol, message: 'no dimension has this name' });
    return model;
  }
  findings.push({ kind: 'patched', where: symbol, message: `is ${value} everywhere` });
  return { ...model, graph };
}

function freezeGraph(graph: Graph, change: (type: TensorType) => TensorType): Graph {
  let changed = false;
  const typeOf = (type: TensorType): TensorType => {
    const next = change(type);
    changed ||= next !== type;
    return next;
  };
  const info = (value: ValueInfo): ValueInfo => {
    const type = value.type && typeOf(value.type);
    return type === value.type || type === undefined ? value : { ...value, type };
  };
  const next: Graph = {
    ...graph,
    inputs: graph.inputs.map(info),
    outputs: graph.outputs.map(info),
    types: new Map(Array.from(graph.types, ([name, type]) => [name, typeOf(type)])),
    nodes: graph.nodes.map((node) => {
      const inner = mapSubgraphs(node, (subgraph) => freezeGraph(subgraph, change));
      changed ||= inner !== node;
      return inner;
    }),
    ...(graph.valueDetails && {
      valueDetails: new Map(Array.from(graph.valueDetails, ([name, value]) => [name, info(value)])),
    }),
  };
  return changed ? next : graph;
}
