import { describe, expect, it } from 'vitest';
import { checkModel } from '../check/check-model.ts';
import type { Dim, Graph, LocalFunction, Model, Node, Tensor, TensorType } from '../model.ts';
import { int64 } from '../model.ts';
import { inferTypes } from './infer.ts';

function node(
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Node['attributes'] = {},
  domain = '',
): Node {
  return { name: '', opType, domain, inputs, outputs, attributes };
}

const int = (value: number) => ({ kind: 'int', value }) as const;
const ints = (...value: number[]) => ({ kind: 'ints', value }) as const;

function graph(inputs: readonly string[], nodes: readonly Node[], outputs: readonly string[]): Graph {
  return {
    name: `${outputs}`,
    inputs: inputs.map((name) => ({ name })),
    outputs: outputs.map((name) => ({ name })),
    nodes,
    initializers: new Map(),
    types: new Map(),
  };
}

const subgraph = (...body: Parameters<typeof graph>) => ({ kind: 'graph', value: graph(...body) }) as const;

/** A model of nodes that see x [n, 4] and y [n, m] of float32, c [] of bool, and some constants. */
function model(nodes: readonly Node[], outputs: readonly string[], functions: readonly LocalFunction[] = []): Model {
  const typed = (name: string, type: TensorType['type'], dims: readonly Dim[]) => ({ name, type: { type, dims } });
  const constants = new Map<string, Tensor>([
    ['yes', { type: 'bool', dims: [], data: Uint8Array.of(1) }],
    ['one', int64([1], [])],
  ]);
  return {
    irVersion: 10,
    opsets: { '': 21, local: 1 },
    metadata: {},
    functions,
    graph: {
      ...graph([], nodes, outputs),
      inputs: [typed('x', 'float32', ['n', 4]), typed('y', 'float32', ['n', 'm']), typed('c', 'bool', [])],
      initializers: constants,
    },
  };
}

function typesOf(nodes: readonly Node[], outputs: readonly string[], functions: readonly LocalFunction[] = []) {
  const whole = model(nodes, outputs, functions);
  checkModel(whole);
  const inferred = inferTypes(whole);
  expect(inferTypes(inferred)).toBe(inferred);
  return inferred.graph.outputs.map(({ type, container }) => type ?? container);
}

describe('If', () => {
  const branches = {
    then_branch: subgraph([], [node('Relu', ['x'], ['a'])], ['a']),
    else_branch: subgraph([], [node('Relu', ['y'], ['b'])], ['b']),
  };
  it('has what its branches have in common', () => {
    expect(typesOf([node('If', ['c'], ['z'], branches)], ['z'])).toEqual([{ type: 'float32', dims: ['n', undefined] }]);
  });
  it('has the type of the branch that is taken', () => {
    expect(typesOf([node('If', ['yes'], ['z'], branches)], ['z'])).toEqual([{ type: 'float32', dims: ['n', 4] }]);
  });
  it('keeps the types inside its branches', () => {
    const inferred = inferTypes(model([node('If', ['c'], ['z'], branches)], ['z']));
    const then = inferred.graph.nodes[0]!.attributes.then_branch;
    expect(then?.kind === 'graph' && then.value.outputs[0]!.type).toEqual({ type: 'float32', dims: ['n', 4] });
  });
});

describe('Loop', () => {
  const loop = (body: readonly Node[], outputs: readonly string[], carried: readonly string[] = ['x']) =>
    node('Loop', ['one', 'c', ...carried], outputs, {
      body: subgraph(
        ['i', 'k', ...carried.map((_, at) => `s${at}`)],
        [...body, node('Identity', ['k'], ['k2'])],
        ['k2', ...outputs.map((_, at) => `t${at}`)],
      ),
    });
  it('carries shapes that hold, and stacks what its body gives', () => {
    const body = [node('Add', ['s0', 'x'], ['t0']), node('ReduceSum', ['s0'], ['t1'], { keepdims: int(0) })];
    expect(typesOf([loop(body, ['z', 'all'])], ['z', 'all'])).toEqual([
      { type: 'float32', dims: ['n', 4] },
      { type: 'float32', dims: [undefined] },
    ]);
  });
  it('forgets the sizes that grow, and what follows from them', () => {
    const body = [
      node('Concat', ['s0', 'x'], ['t0'], { axis: int(0) }),
      node('MatMul', ['s0', 'q'], ['u']),
      node('Identity', ['u'], ['t1']),
    ];
    const q = node('Transpose', ['x'], ['q'], { perm: ints(1, 0) });
    expect(typesOf([q, loop(body, ['z', 'all'])], ['z', 'all'])).toEqual([
      { type: 'float32', dims: [undefined, 4] },
      { type: 'float32', dims: [undefined, undefined, 'n'] },
    ]);
  });
  it('forgets a rank that grows', () => {
    const body = [node('Unsqueeze', ['s0', 'axis'], ['t0'])];
    const axis = node('Constant', [], ['axis'], { value_ints: ints(0) });
    expect(typesOf([axis, loop(body, ['z'])], ['z'])).toEqual([{ type: 'float32' }]);
  });
  it('is inferred in bounded time however deep loops nest', () => {
    let inner: readonly Node[] = [node('Concat', ['s0', 's0'], ['z0'], { axis: int(0) })];
    for (let depth = 1; depth <= 40; depth++) {
      const body = graph(
        [`i${depth}`, `k${depth}`, `s${depth - 1}`],
        [...inner, node('Identity', [`k${depth}`], [`e${depth}`])],
        [`e${depth}`, `z${depth - 1}`],
      );
      inner = [node('Loop', ['', 'c', `s${depth}`], [`z${depth}`], { body: { kind: 'graph', value: body } })];
    }
    const outermost = { ...inner[0]!, inputs: ['', 'c', 'x'] };
    expect(inferTypes(model([outermost], ['z40'])).graph.outputs[0]!.type).toEqual({
      type: 'float32',
      dims: [undefined, 4],
    });
  });
});

it('Scan takes its inputs apart and puts its outputs together', () => {
  const body = subgraph(
    ['sum', 'row'],
    [node('Add', ['sum', 'row'], ['next']), node('ReduceSum', ['row'], ['total'], { keepdims: int(0) })],
    ['next', 'total'],
  );
  const zero = node('ReduceSum', ['y', 'axes'], ['zero'], { keepdims: int(0) });
  const axes = node('Constant', [], ['axes'], { value_ints: ints(1) });
  const scan = node('Scan', ['zero', 'y'], ['last', 'totals'], {
    body,
    num_scan_inputs: int(1),
    scan_input_axes: ints(1),
  });
  expect(typesOf([axes, zero, scan], ['last', 'totals'])).toEqual([
    { type: 'float32', dims: ['n'] },
    { type: 'float32', dims: ['m'] },
  ]);
});

describe('local functions', () => {
  const double: LocalFunction = {
    domain: 'local',
    name: 'Stack',
    inputs: ['a'],
    outputs: ['b'],
    attributeNames: ['along'],
    attributes: {},
    opsets: { '': 21, local: 1 },
    nodes: [node('Concat', ['a', 'a'], ['b'], { axis: { kind: 'ref', value: 'along', type: 2 } })],
  };
  it('are inferred through their bodies, with the attributes of the call', () => {
    const calls = [0, 1].map((axis) => node('Stack', ['x'], [`z${axis}`], { along: int(axis) }, 'local'));
    expect(typesOf(calls, ['z0', 'z1'], [double])).toEqual([
      { type: 'float32', dims: ['2*n', 4] },
      { type: 'float32', dims: ['n', 8] },
    ]);
  });
  it('give up where calls multiply or never end', () => {
    const calling = (name: string, callee: string): LocalFunction => ({
      ...double,
      name,
      attributeNames: [],
      nodes: [node(callee, ['a'], ['t'], {}, 'local'), node(callee, ['t'], ['b'], {}, 'local')],
    });
    const chain = Array.from({ length: 30 }, (_, at) => calling(`F${at}`, `F${at + 1}`));
    const call = node('F0', ['x'], ['z'], {}, 'local');
    const inferred = inferTypes(model([call], ['z'], [...chain, calling('F30', 'F0')]));
    expect(inferred.graph.outputs[0]!.type).toBeUndefined();
  });
});

describe('sequences and optionals', () => {
  it('know what they hold', () => {
    const nodes = [
      node('SequenceConstruct', ['x', 'y'], ['both']),
      node('SequenceInsert', ['both', 'x'], ['three']),
      node('SequenceAt', ['three', 'one'], ['item']),
      node('ConcatFromSequence', ['three'], ['joined'], { axis: int(1) }),
      node('SplitToSequence', ['x', 'one'], ['rows'], { axis: int(0) }),
      node('SequenceAt', ['rows', 'one'], ['row']),
      node('Optional', ['x'], ['perhaps']),
      node('OptionalGetElement', ['perhaps'], ['there']),
    ];
    expect(typesOf(nodes, ['three', 'item', 'joined', 'row', 'there'])).toEqual([
      { kind: 'sequence', element: { type: 'float32', dims: ['n', undefined] } },
      { type: 'float32', dims: ['n', undefined] },
      { type: 'float32', dims: ['n', undefined] },
      { type: 'float32', dims: [1, 4] },
      { type: 'float32', dims: ['n', 4] },
    ]);
  });
  it('are mapped by a subgraph', () => {
    const body = subgraph(['each'], [node('Shape', ['each'], ['size'])], ['size']);
    const nodes = [node('SequenceConstruct', ['x', 'y'], ['both']), node('SequenceMap', ['both'], ['sizes'], { body })];
    expect(typesOf(nodes, ['sizes'])).toEqual([{ kind: 'sequence', element: { type: 'int64', dims: [2] } }]);
  });
});
