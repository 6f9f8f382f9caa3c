import { describe, expect, it } from 'vitest';
import { applyPass } from '../../test/pass-harness.ts';
import { type AttributeInput, createGraphBuilder, type GraphBuilder } from '../builder.ts';
import { float32, int64, type Model, scalar, type Tensor } from '../model.ts';
import { removeIdentities } from './remove-identities.ts';

const flag = (...values: number[]): Tensor => ({ type: 'bool', dims: [values.length], data: Uint8Array.from(values) });
const truth: Tensor = { type: 'bool', dims: [], data: Uint8Array.of(1) };

interface Case {
  readonly op: string;
  /** Inputs: `x` [2,3] float32, `v` [3] float32, `b` [2] bool, `n` [2] int32, or constants. */
  readonly inputs: readonly (string | Tensor)[];
  readonly attributes?: Record<string, AttributeInput>;
  /** Operators between Abs (of the input) and Neg that are left; none by default. */
  readonly left?: string;
  readonly opset?: number;
  /** A skip in the findings. */
  readonly skip?: string;
}

const feeds = {
  x: float32([1, -2, 3, 0, 5, -6], [2, 3]),
  v: float32([1, 2, 3]),
  b: flag(1, 0),
  n: { type: 'int32', dims: [2], data: Int32Array.of(7, -8) },
} as const;

function build({ op, inputs, attributes = {}, opset = 18 }: Case): Model {
  const g = createGraphBuilder('case');
  for (const [name, { type, dims }] of Object.entries(feeds)) g.input(name, type, dims);
  const names = inputs.map((input) => (typeof input === 'string' ? input : g.constant('c', input)));
  // The value passes through Exp first and Cos last, so that it is neither input nor output; booleans and integers by way of Not and Abs.
  const at = inputs.findIndex((input) => typeof input === 'string' && input !== '');
  const [first, last] = { b: ['Not', 'Not'], n: ['Abs', 'Abs'] }[names[at]!] ?? ['Exp', 'Cos'];
  const made = g.op(op, names.with(at, g.op(first!, [names[at]!])), attributes);
  const end = op === 'Not' || op === 'Abs' ? g.op('Identity', [made]) : g.op(last!, [made]);
  g.output(end, op === 'Cast' || names[at] === 'n' ? 'int32' : names[at] === 'b' ? 'bool' : 'float32', []);
  return withoutOutputTypes(g.model({ opset }));
}

const withoutOutputTypes = (model: Model): Model => ({
  ...model,
  graph: { ...model.graph, outputs: model.graph.outputs.map(({ name }) => ({ name })) },
});

const cases: readonly Case[] = [
  { op: 'Identity', inputs: ['x'] },
  { op: 'Dropout', inputs: ['x'] },
  { op: 'Dropout', inputs: ['x'], attributes: { ratio: { kind: 'float', value: 0.5 } }, opset: 10 },
  ...['Sum', 'Mean', 'Max', 'Min'].map((op) => ({ op, inputs: ['x'] })),
  { op: 'Concat', inputs: ['x'], attributes: { axis: 1 } },
  { op: 'Split', inputs: ['x'], attributes: { num_outputs: 1 } },
  { op: 'Cast', inputs: ['n'], attributes: { to: 6 } },
  { op: 'Cast', inputs: ['n'], attributes: { to: 7 }, left: 'Cast' },
  { op: 'CastLike', inputs: ['x', float32([1])] },
  { op: 'Transpose', inputs: ['x'], attributes: { perm: [0, 1] } },
  { op: 'Transpose', inputs: ['v'] },
  { op: 'Transpose', inputs: ['x'], left: 'Transpose' },
  { op: 'Reshape', inputs: ['x', int64([2, 3])] },
  { op: 'Reshape', inputs: ['x', int64([0, -1])] },
  { op: 'Reshape', inputs: ['x', int64([3, 2])], left: 'Reshape' },
  { op: 'Reshape', inputs: ['x', int64([-1])], left: 'Reshape' },
  { op: 'Flatten', inputs: ['x'] },
  { op: 'Flatten', inputs: ['x'], attributes: { axis: 0 }, left: 'Flatten' },
  { op: 'Expand', inputs: ['x', int64([1, 1])] },
  { op: 'Expand', inputs: ['x', int64([2, 1])] },
  { op: 'Expand', inputs: ['x', int64([1, 1, 1])], left: 'Expand' },
  { op: 'Tile', inputs: ['x', int64([1, 1])] },
  { op: 'Tile', inputs: ['x', int64([1, 2])], left: 'Tile' },
  { op: 'Squeeze', inputs: ['x', int64([])] },
  { op: 'Squeeze', inputs: ['x'] },
  { op: 'Unsqueeze', inputs: ['x', int64([])] },
  { op: 'Pad', inputs: ['x', int64([0, 0, 0, 0])] },
  { op: 'Pad', inputs: ['x', int64([0, 1, 0, 0])], left: 'Pad' },
  { op: 'Slice', inputs: ['x', int64([0, 0]), int64([2 ** 40, 3])] },
  { op: 'Slice', inputs: ['x', int64([0]), int64([2 ** 31]), int64([-1]), int64([1])] },
  { op: 'Slice', inputs: ['x', int64([0]), int64([2])] },
  { op: 'Slice', inputs: ['x', int64([0]), int64([2]), int64([1])], left: 'Slice' },
  { op: 'Slice', inputs: ['x', int64([0]), int64([3]), int64([1]), int64([2])], left: 'Slice' },
  { op: 'Add', inputs: ['x', scalar(0)] },
  { op: 'Add', inputs: [float32([0, 0, 0]), 'x'] },
  { op: 'Add', inputs: ['x', scalar(-0)] },
  { op: 'Add', inputs: ['x', scalar(1)], left: 'Add' },
  { op: 'Add', inputs: ['v', float32([0, 0], [2, 1])], left: 'Add', skip: 'Add by 0 may broadcast to [2,1]' },
  { op: 'Sub', inputs: ['x', scalar(0)] },
  { op: 'Sub', inputs: [scalar(0), 'x'], left: 'Sub' },
  { op: 'Mul', inputs: [scalar(1), 'x'] },
  { op: 'Div', inputs: ['x', float32([1], [1, 1])] },
  { op: 'Div', inputs: [scalar(1), 'x'], left: 'Div' },
  { op: 'Pow', inputs: ['x', int64([1], [])] },
  { op: 'And', inputs: ['b', truth] },
  { op: 'Or', inputs: [flag(0, 0), 'b'] },
  { op: 'Xor', inputs: ['b', flag(0)] },
  { op: 'Xor', inputs: ['b', truth], left: 'Xor' },
  { op: 'Where', inputs: [truth, 'x', scalar(9)] },
  { op: 'Where', inputs: [flag(0, 0, 0), float32([8], [1, 1]), 'x'] },
  { op: 'Where', inputs: [flag(0, 1, 0), scalar(8), 'x'], left: 'Where' },
  { op: 'Where', inputs: [truth, 'v', float32([1, 2], [2, 1])], left: 'Where', skip: 'may broadcast' },
];

describe('remove-identities', () => {
  for (const item of cases) {
    const inputs = item.inputs.map((input) =>
      typeof input === 'string' ? input : `${input.type}[${input.dims}] ${input.data}`,
    );
    it(`${item.op}(${inputs.join('; ')}) ${JSON.stringify(item.attributes ?? {})}: ${item.left ?? 'nothing'} is left`, async () => {
      const { operators, findings } = await applyPass(removeIdentities, build(item), feeds);
      expect(operators.split(' ').slice(1, -1).join(' ')).toBe(item.left ?? '');
      if (item.skip !== undefined) expect(findings.map(({ message }) => message).join()).toContain(item.skip);
    });
  }

  /** Operators left of a chain over `x` [2,3]. */
  const chain = async (make: (g: GraphBuilder, x: string) => string): Promise<string> => {
    const g = createGraphBuilder('chain');
    const end = make(g, g.op('Exp', [g.input('x', 'float32', [2, 3])]));
    g.output(g.op('Cos', [end]), 'float32', []);
    return (await applyPass(removeIdentities, withoutOutputTypes(g.model({ opset: 18 })), { x: feeds.x })).operators;
  };

  it('undoes Neg of Neg, Squeeze of Unsqueeze, Unsqueeze of Squeeze and a Cast there and back; keeps one of a repeated Relu', async () => {
    const axes = (g: GraphBuilder, ...at: number[]) => g.constant('axes', int64(at));
    expect(await chain((g, x) => g.op('Neg', [g.op('Neg', [x])]))).toBe('Exp Cos');
    expect(await chain((g, x) => g.op('Relu', [g.op('Relu', [x])]))).toBe('Exp Relu Cos');
    const wide = (g: GraphBuilder, x: string) => g.op('Unsqueeze', [x, axes(g, 1, -1)]);
    expect(await chain((g, x) => g.op('Squeeze', [wide(g, x), axes(g, 3, 1)]))).toBe('Exp Cos');
    expect(await chain((g, x) => g.op('Squeeze', [wide(g, x), axes(g, 1)]))).toBe('Exp Unsqueeze Squeeze Cos');
    const narrow = (g: GraphBuilder, x: string) => g.op('Squeeze', [g.op('Gather', [x, axes(g, 0)]), axes(g, 0)]);
    expect(await chain((g, x) => g.op('Unsqueeze', [narrow(g, x), axes(g, 0)]))).toBe('Exp Gather Cos');
    expect(await chain((g, x) => g.op('Cast', [g.op('Cast', [x], { to: 11 })], { to: 1 }))).toBe('Exp Cos');
    expect(await chain((g, x) => g.op('Cast', [g.op('Cast', [x], { to: 7 })], { to: 1 }))).toBe('Exp Cast Cast Cos');
    const twice = (g: GraphBuilder, x: string) => g.op('Cast', [g.op('Cast', [x], { to: 11 })], { to: 10 });
    expect(await chain((g, x) => g.op('Cast', [twice(g, x)], { to: 1 }))).toBe('Exp Cast Cast Cos');
  });

  it('keeps a Dropout that trains or whose mask is used', async () => {
    const g = createGraphBuilder('dropout');
    const x = g.input('x', 'float32', [2, 3]);
    const [y, mask] = g.ops('Dropout', [x], {}, { outputs: 2, name: 'masked' });
    const training = g.input('training', 'bool', []);
    const ratio = g.constant('ratio', scalar(0));
    g.output(g.op('Where', [mask!, y!, x]), 'float32', [2, 3]);
    g.output(g.op('Dropout', [x, ratio, training], {}, { name: 'trained' }), 'float32', [2, 3], 'z');
    const given = { x: feeds.x, training: { type: 'bool', dims: [], data: Uint8Array.of(0) } } as const;
    const { operators, findings } = await applyPass(removeIdentities, g.model({ opset: 18 }), given);
    expect(operators).toBe('Dropout Where Dropout');
    expect(
      findings.filter(({ kind }) => kind === 'skipped').map(({ where, message }) => `${where}: ${message}`),
    ).toEqual(['masked: the mask of the Dropout is used', 'trained: the Dropout may be in training mode']);
  });

  it('gives an output its name through the node that makes the value, else keeps an Identity', async () => {
    const g = createGraphBuilder('outputs');
    const x = g.input('x', 'float32', [2, 3]);
    const a = g.op('Exp', [x]);
    const zero = g.constant('zero', scalar(0));
    const used = g.op('Cos', [a]);
    g.output(a, 'float32', [2, 3], 'first');
    g.output(g.op('Add', [a, zero]), 'float32', [2, 3]);
    g.output(x, 'float32', [2, 3], 'input');
    g.output(g.op('Mul', [x, g.constant('one', scalar(1))], {}, { name: 'times' }), 'float32', [2, 3]);
    g.output(used, 'float32', [2, 3]);
    const { model, operators } = await applyPass(removeIdentities, g.model({ opset: 18 }), { x: feeds.x });
    expect(operators).toBe('Exp Cos Identity Identity Identity');
    expect(model.graph.nodes[0]!.outputs).toEqual(['first']);
    expect(model.graph.nodes[1]!.inputs).toEqual(['first']);
    expect(model.graph.nodes.find(({ name }) => name === 'times')!.opType).toBe('Identity');
  });

  it('goes into subgraphs and local functions, and follows values into them', async () => {
    const g = createGraphBuilder('nested');
    const x = g.input('x', 'float32', [2, 3]);
    const same = g.op('Identity', [g.op('Exp', [x])]);
    const branch = createGraphBuilder('branch');
    const inner = branch.op('Relu', [branch.op('Identity', [same], {}, { outputs: ['i1'] })], {}, { outputs: ['i2'] });
    branch.output(branch.op('Identity', [inner], {}, { outputs: ['i3'] }), 'float32', [2, 3]);
    const other = createGraphBuilder('other');
    other.output(other.op('Identity', [same], {}, { outputs: ['o1'] }), 'float32', [2, 3]);
    const branches = { then_branch: branch.graph(), else_branch: other.graph() };
    const chosen = g.op('If', [g.input('c', 'bool', [])], branches);
    g.output(g.op('Twice', [chosen], {}, { domain: 'local' }), 'float32', [2, 3]);
    const node = (opType: string, input: string, output: string) => ({
      name: '',
      opType,
      domain: '',
      inputs: [input],
      outputs: [output],
      attributes: {},
    });
    const whole: Model = {
      ...g.model({ opset: 18, opsets: { local: 1 } }),
      functions: [
        {
          domain: 'local',
          name: 'Twice',
          inputs: ['a'],
          outputs: ['c'],
          attributeNames: [],
          attributes: {},
          nodes: [node('Identity', 'a', 'b'), node('Neg', 'b', 'n'), node('Identity', 'n', 'c')],
          opsets: { '': 18 },
        },
      ],
    };
    for (const choice of [0, 1]) {
      const given = { x: feeds.x, c: { type: 'bool', dims: [], data: Uint8Array.of(choice) } } as const;
      const { model, operators } = await applyPass(removeIdentities, whole, given);
      expect(operators).toBe('Exp If(Relu | Identity) Twice');
      expect(model.functions![0]!.nodes).toEqual([{ ...node('Neg', 'a', 'c') }]);
    }
  });

  it('keeps values with a quantization annotation, and the names in one up to date', async () => {
    const g = createGraphBuilder('annotated');
    const kept = g.op('Identity', [g.op('Exp', [g.input('x', 'float32', [2, 3])])], {}, { name: 'kept' });
    const scale = g.op('Identity', [g.op('Abs', [g.constant('s', scalar(1))], {}, { outputs: ['real'] })]);
    g.output(g.op('Mul', [g.op('Cos', [kept]), scale]), 'float32', [2, 3]);
    const { graph, ...rest } = g.model({ opset: 18 });
    const quantization = [{ tensor: kept, parameters: { SCALE_TENSOR: scale } }];
    const { model, operators } = await applyPass(
      removeIdentities,
      { ...rest, graph: { ...graph, quantization } },
      { x: feeds.x },
    );
    expect(operators).toBe('Exp Identity Abs Cos Mul');
    expect(model.graph.quantization).toEqual([{ tensor: kept, parameters: { SCALE_TENSOR: 'real' } }]);
  });

  it('sees no types where they contradict each other, and says so', () => {
    const g = createGraphBuilder('wrong');
    const x = g.input('x', 'float32', [2, 3]);
    g.output(g.op('Reshape', [g.op('MatMul', [x, x]), g.constant('shape', int64([2, 3]))]), 'float32', [2, 3]);
    const model = g.model({ opset: 18 });
    const result = removeIdentities.run(model);
    expect(result.model).toBe(model);
    expect(result.findings[0]!.message).toMatch(/^types are not known: node "MatMul"/);
  });

  it('does not put a value where a subgraph has another of its name', () => {
    const g = createGraphBuilder('shadow');
    const source = g.op('Exp', [g.input('x', 'float32', [2, 3])], {}, { outputs: ['hidden'] });
    const same = g.op('Identity', [source]);
    const branch = createGraphBuilder('branch');
    branch.constant('hidden', scalar(2));
    branch.output(branch.op('Mul', [same, 'hidden'], {}, { outputs: ['z'] }), 'float32', [2, 3]);
    const branches = { then_branch: branch.graph(), else_branch: branch.graph() };
    g.output(g.op('If', [g.input('c', 'bool', [])], branches), 'float32', [2, 3]);
    const { model, findings } = removeIdentities.run(g.model({ opset: 18 }));
    expect(model.graph.nodes.map(({ opType }) => opType)).toEqual(['Exp', 'Identity', 'If']);
    expect(findings[0]!.message).toContain('a subgraph has a "hidden" of its own');
  });
});
