import type { Graph, Node, Tensor, TensorType, ValueInfo } from '../../model.ts';
import { freeValues } from '../../rewrite.ts';
import type { Emitter } from '../emitter.ts';
import type { GradientContext, GradientRule } from '../rule.ts';

/** Nodes with subgraphs: the backward graph computes their bodies once more, so that nothing of them has to be kept. */
export const controlFlow: Readonly<Record<string, GradientRule>> = {
  If: { backward: conditional },
  Scan: { backward: scan },
  Loop: { backward: loop },
};

function bodyOf(c: GradientContext, name: string): Graph {
  const attribute = c.node.attributes[name];
  return attribute?.kind === 'graph' ? attribute.value : c.refuse(`no graph in attribute ${name}`);
}

/** Zeros in the shape and type of `like`. */
function zeros(e: Emitter, like: string): string {
  const made = e.op('ConstantOfShape', [e.shape(like)]);
  const type = e.type(like)?.type ?? 'float32';
  return type === 'float32' ? made : e.op('CastLike', [made, like]);
}

/** An If whose branches differentiate those of the forward node; each gives every gradient, zeros where it has none. */
function conditional(c: GradientContext): readonly undefined[] {
  const { emitter: e } = c;
  const branches = ['then_branch', 'else_branch'].map((name) => bodyOf(c, name));
  const taken = [...new Set(branches.flatMap((graph) => [...freeValues(graph)]))].filter((value) => c.isActive(value));
  const outputs = c.node.outputs.flatMap((_, index) => (c.hasDy(index) ? [index] : []));
  const made = branches.map((graph) => {
    const seeds = new Map<string, string>();
    for (const index of outputs) {
      const name = graph.outputs[index]?.name ?? c.refuse('a branch with fewer outputs than the node');
      const found = seeds.get(name);
      seeds.set(name, found === undefined ? c.dy(index) : e.op('Add', [found, c.dy(index)]));
    }
    return c.body({
      graph,
      active: taken,
      seeds,
      wanted: taken,
      extend: (inner, gradient) => taken.map((value) => gradient(value) ?? zeros(inner, value)),
    });
  });
  if (taken.length === 0) return [];
  const [thenBranch, elseBranch] = made.map((body, index) =>
    subgraph(`${branches[index]!.name}.gradient`, [], body.nodes, body.initializers, body.extra),
  );
  const results = e.ops('If', [c.x()], { then_branch: thenBranch!, else_branch: elseBranch! }, taken.length);
  for (const [index, value] of taken.entries()) {
    e.setType(results[index]!, e.type(value));
    c.contribute(value, results[index]!);
  }
  return [];
}

function subgraph(
  name: string,
  inputs: readonly ValueInfo[],
  nodes: readonly Node[],
  initializers: ReadonlyMap<string, Tensor>,
  outputs: readonly string[],
): Graph {
  return { name, inputs, outputs: outputs.map((value) => ({ name: value })), nodes, initializers, types: new Map() };
}

/** A loop as the backward graph sees it: what its body reads and makes in each round. */
interface Rounds {
  readonly body: Graph;
  /** Values carried from round to round: where they start, and the number of the node's output that gives their end. */
  readonly carried: readonly {
    readonly input: string;
    readonly start: string;
    readonly end: string;
    readonly output: number;
  }[];
  /** Values read slice by slice: the axis, and true when the first round reads the last slice. */
  readonly scanned: readonly {
    readonly input: string;
    readonly source: string;
    readonly axis: number;
    readonly reversed: boolean;
  }[];
  /** Values collected slice by slice. */
  readonly collected: readonly {
    readonly value: string;
    readonly output: number;
    readonly axis: number;
    readonly reversed: boolean;
  }[];
  /** Inputs of the body that are the same in every round. */
  readonly constants: ReadonlyMap<string, Tensor>;
}

/** Refuses a body that does not take what the node gives, or gives less than the node carries on. */
function checkBody(c: GradientContext, body: Graph, inputs: number, outputs: number): void {
  if (outputs < 0 || body.inputs.length !== inputs || body.outputs.length < outputs) {
    c.refuse(`a body of ${body.inputs.length} inputs and ${body.outputs.length} outputs for ${inputs} and ${outputs}`);
  }
}

function scan(c: GradientContext): readonly undefined[] {
  const body = bodyOf(c, 'body');
  const scans = c.int('num_scan_inputs', 0);
  const states = c.node.inputs.length - scans;
  checkBody(c, body, c.node.inputs.length, states);
  const list = (name: string, length: number) => c.ints(name) ?? Array.from({ length }, () => 0);
  const collected = body.outputs.length - states;
  const [inAxes, inTurned] = [list('scan_input_axes', scans), list('scan_input_directions', scans)];
  const [outAxes, outTurned] = [list('scan_output_axes', collected), list('scan_output_directions', collected)];
  return backwardRounds(c, {
    body,
    carried: Array.from({ length: states }, (_, at) => ({
      input: body.inputs[at]!.name,
      start: c.x(at),
      end: body.outputs[at]!.name,
      output: at,
    })),
    scanned: Array.from({ length: scans }, (_, at) => ({
      input: body.inputs[states + at]!.name,
      source: c.x(states + at),
      axis: inAxes[at]!,
      reversed: inTurned[at] === 1,
    })),
    collected: Array.from({ length: collected }, (_, at) => ({
      value: body.outputs[states + at]!.name,
      output: states + at,
      axis: outAxes[at]!,
      reversed: outTurned[at] === 1,
    })),
    constants: new Map(),
  });
}

function loop(c: GradientContext): readonly undefined[] {
  const body = bodyOf(c, 'body');
  const states = c.node.inputs.length - 2;
  checkBody(c, body, states + 2, states + 1);
  const yes: Tensor = { type: 'bool', dims: [], data: Uint8Array.of(1) };
  return backwardRounds(c, {
    body,
    carried: Array.from({ length: states }, (_, at) => ({
      input: body.inputs[at + 2]!.name,
      start: c.x(at + 2),
      end: body.outputs[at + 1]!.name,
      output: at,
    })),
    scanned: [],
    collected: body.outputs.slice(states + 1).map(({ name }, at) => ({
      value: name,
      output: states + at,
      axis: 0,
      reversed: false,
    })),
    constants: new Map([[body.inputs[1]!.name, yes]]),
  });
}

/**
 * Reverse accumulation through the rounds of a Scan or Loop: the forward node also collects what it carries into each
 * round (and a Loop its round numbers); a Scan reads that from the last round to the first, computes the body once more,
 * and carries the gradients of the carried values and the sums of those of outer values. What is carried must keep its
 * shape from round to round.
 */
function backwardRounds(c: GradientContext, rounds: Rounds): readonly undefined[] {
  const { emitter: e } = c;
  const { body, scanned, collected } = rounds;
  const outer = [...freeValues(body)].filter((value) => c.isActive(value));
  const sliced = scanned.filter(({ source }) => c.isActive(source));
  const active = activeCarried(
    c,
    rounds,
    outer,
    sliced.map(({ input }) => input),
  );
  const seeded = collected.filter(({ output }) => c.hasDy(output));

  const saved = saveRounds(c, rounds);
  const fresh = (name: string) => e.fresh(`${c.node.name || c.y()}.gradient/${name}`);
  const names = new Map(body.inputs.map((input) => [input.name, fresh(input.name)]));
  for (const name of rounds.constants.keys()) names.delete(name);
  const seeds = new Map<string, string>();
  const bodyInputs: string[] = [];
  const taken = (value: string, gradient: string) => {
    const found = seeds.get(value);
    if (found !== undefined) c.refuse(`the body gives "${value}" more than once`);
    seeds.set(value, gradient);
  };

  const states: string[] = [];
  const stateNames = active.map(({ end, output, start }) => {
    const name = fresh(`d${end}`);
    states.push(c.hasDy(output) ? c.dy(output) : zeros(e, start));
    taken(end, name);
    return name;
  });
  const sums = outer.map((value) => {
    states.push(zeros(e, value));
    return fresh(`sum.${value}`);
  });
  bodyInputs.push(...stateNames, ...sums);
  const axes: number[] = [];
  const directions: number[] = [];
  const sources: string[] = [];
  const read = (inner: string, source: string, axis: number, reversed: boolean) => {
    bodyInputs.push(inner);
    sources.push(source);
    axes.push(axis);
    directions.push(reversed ? 0 : 1);
  };
  for (const [input, source] of saved) read(names.get(input)!, source, 0, false);
  for (const { input, source, axis, reversed } of scanned) read(names.get(input)!, source, axis, reversed);
  for (const { value, output, axis, reversed } of seeded) {
    const name = fresh(`d${value}`);
    read(name, c.dy(output), axis, reversed);
    taken(value, name);
  }

  const made = c.body({
    graph: body,
    active: [...active.map(({ input }) => input), ...outer, ...sliced.map(({ input }) => input)],
    seeds,
    wanted: [...active.map(({ input }) => input), ...outer, ...sliced.map(({ input }) => input)],
    constants: rounds.constants,
    types: typesInside(c, rounds),
    names,
    extend: (inner, gradient) => [
      ...active.map(({ input }, at) => inner.copy(gradient(input) ?? zeros(inner, stateNames[at]!))),
      ...outer.map((value, at) => {
        const found = gradient(value);
        return found === undefined ? inner.copy(sums[at]!) : inner.op('Add', [sums[at]!, found]);
      }),
      ...sliced.map(({ input }) => inner.copy(gradient(input) ?? zeros(inner, input))),
    ],
  });
  const inputs = bodyInputs.map((name): ValueInfo => ({ name }));
  const graph = subgraph(`${body.name}.gradient`, inputs, made.nodes, made.initializers, made.extra);
  const results = e.ops(
    'Scan',
    [...states, ...sources],
    {
      body: graph,
      num_scan_inputs: sources.length,
      ...(axes.some((axis) => axis !== 0) ? { scan_input_axes: axes } : {}),
      scan_input_directions: directions,
      ...(sliced.some(({ axis }) => axis !== 0) ? { scan_output_axes: sliced.map(({ axis }) => axis) } : {}),
      ...(sliced.length > 0 ? { scan_output_directions: sliced.map(({ reversed }) => (reversed ? 0 : 1)) } : {}),
    },
    states.length + sliced.length,
  );
  const targets = [...active.map(({ start }) => start), ...outer, ...sliced.map(({ source }) => source)];
  for (const [index, value] of targets.entries()) {
    e.setType(results[index]!, e.type(value));
    if (c.isActive(value)) c.contribute(value, results[index]!);
  }
  return [];
}

/** The carried values that depend on something active: at the start, or through other carried values. */
function activeCarried(
  c: GradientContext,
  { body, carried }: Rounds,
  outer: readonly string[],
  sliced: readonly string[],
): Rounds['carried'] {
  let found = carried.filter(({ start }) => c.isActive(start));
  for (;;) {
    const sources = [...outer, ...sliced, ...found.map(({ input }) => input)];
    const reached = c.reached(body, sources);
    const next = carried.filter((one) => found.includes(one) || reached.has(one.end));
    if (next.length === found.length) return next.filter(({ start }) => isFloat(c, start));
    found = next;
  }
}

/** The types of the body's inputs, from what the node is given. */
function typesInside(c: GradientContext, { carried, scanned }: Rounds): ReadonlyMap<string, TensorType> {
  const types = new Map<string, TensorType>();
  for (const { input, start } of carried) {
    const type = c.emitter.type(start);
    if (type) types.set(input, type);
  }
  for (const { input, source, axis } of scanned) {
    const type = c.emitter.type(source);
    const at = axis < 0 ? axis + (type?.dims?.length ?? 0) : axis;
    if (type) types.set(input, { type: type.type, ...(type.dims && { dims: type.dims.toSpliced(at, 1) }) });
  }
  return types;
}

const isFloat = (c: GradientContext, value: string): boolean => /float/.test(c.emitter.type(value)?.type ?? 'float32');

/**
 * Makes the forward node collect what its body is given in each round, but for what it scans; returns where each of
 * those inputs is found.
 */
function saveRounds(
  c: GradientContext,
  { body, carried, constants, scanned }: Rounds,
): readonly (readonly [string, string])[] {
  const { emitter: e } = c;
  const own = new Set(scanned.map(({ input }) => input));
  const kept = body.inputs.map((input) => input.name).filter((name) => !own.has(name) && !constants.has(name));
  const inside = kept.map((name) => e.fresh(`${name}.round`));
  const copies = kept.map(
    (name, index): Node => ({
      name: e.fresh(`${name}.keep`),
      opType: 'Identity',
      domain: '',
      inputs: [name],
      outputs: [inside[index]!],
      attributes: {},
    }),
  );
  const graph: Graph = {
    ...body,
    nodes: [...body.nodes, ...copies],
    outputs: [...body.outputs, ...inside.map((name) => ({ name }))],
  };
  const made = kept.map((name) => e.fresh(`${c.node.name || c.y()}.${name}`));
  const starts = new Map(carried.map(({ input, start }) => [input, e.type(start)]));
  for (const [index, name] of kept.entries()) {
    const type = starts.get(name);
    if (type) e.setType(made[index]!, { type: type.type, ...(type.dims && { dims: [undefined, ...type.dims] }) });
  }
  const padded = Array.from(
    { length: body.outputs.length - (constants.size > 0 ? 1 : 0) },
    (_, at) => c.node.outputs[at] || e.fresh(`${c.y()}.${at}`),
  );
  const longer = (name: string) => {
    const list = c.ints(name);
    return list && { [name]: { kind: 'ints' as const, value: [...list, ...kept.map(() => 0)] } };
  };
  e.replaceForward(c.node, {
    ...c.node,
    outputs: [...padded, ...made],
    attributes: {
      ...c.node.attributes,
      body: { kind: 'graph', value: graph },
      ...longer('scan_output_axes'),
      ...longer('scan_output_directions'),
    },
  });
  return kept.map((name, index) => [name, made[index]!]);
}
