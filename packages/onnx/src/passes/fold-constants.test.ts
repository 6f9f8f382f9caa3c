import { describe, expect, it } from 'vitest';
import { applyPass } from '../../test/pass-harness.ts';
import { type AttributeInput, createGraphBuilder, type GraphBuilder } from '../builder.ts';
import { float32, int64, type Model, scalar, type Tensor } from '../model.ts';
import { foldConstants } from './fold-constants.ts';

const x = float32([1, 2, 3], [3]);

/** A model that adds what `make` makes of constants to the input `x` [3]. */
function adding(make: (g: GraphBuilder) => string, opset = 18): Model {
  const g = createGraphBuilder('fold');
  g.output(g.op('Add', [g.input('x', 'float32', [3]), make(g)]), 'float32', [3], 'y');
  return g.model({ opset, opsets: { 'com.microsoft': 1 } });
}

const left = 'Add Identity';
const reasons = (findings: readonly { kind: string; where: string; message: string }[]) =>
  findings.filter(({ kind }) => kind === 'skipped').map(({ where, message }) => `${where}: ${message}`);

describe('fold-constants', () => {
  it('computes nodes of constants, and what depends on them', async () => {
    const model = adding((g) => {
      const sum = g.op('Add', [g.constant('a', float32([1, 2, 3])), g.constant('b', scalar(10))]);
      return g.op('Mul', [g.op('Neg', [sum]), g.constant('two', scalar(2))], {}, { outputs: ['product'] });
    });
    const result = await applyPass(foldConstants(), model, { x });
    expect(result.operators).toBe(left);
    expect(result.model.graph.initializers).toEqual(new Map([['product', float32([-22, -24, -26])]]));
    expect(result.findings.map(({ message }) => message)).toEqual([
      'Add of constants',
      'Neg of constants',
      'Mul of constants',
    ]);
  });

  it('turns Constant nodes of every form into initializers', async () => {
    const big = 2n ** 60n + 1n;
    const forms: readonly (readonly [Record<string, AttributeInput>, Tensor])[] = [
      [{ value: float32([4]) }, float32([4])],
      [{ value_float: { kind: 'float', value: 2 } }, scalar(2)],
      [{ value_floats: { kind: 'floats', value: [1, 2] } }, float32([1, 2])],
      [{ value_int: 3 }, int64([3], [])],
      [{ value_ints: [3, 4] }, int64([3, 4])],
      [{ value_int: { kind: 'int', value: big } }, { type: 'int64', dims: [], data: BigInt64Array.of(big) }],
      [{ value_string: 'é' }, { type: 'string', dims: [], data: ['é'] }],
      [{ value_strings: ['a', 'b'] }, { type: 'string', dims: [2], data: ['a', 'b'] }],
    ];
    for (const [attributes, tensor] of forms) {
      const g = createGraphBuilder('constant');
      const made = g.op('Constant', [], attributes, { outputs: ['made'] });
      g.output(g.op('Concat', [made, g.input('z', tensor.type, [])]), tensor.type, []);
      const { model } = foldConstants().run(g.model({ opset: 18 }));
      expect(model.graph.initializers.get('made')).toEqual(tensor);
      expect(model.graph.nodes.length).toBe(1);
    }
    const g = createGraphBuilder('sparse');
    const made = g.op('Constant', [], { sparse_value: { kind: 'raw', value: Uint8Array.of() } });
    g.output(g.op('Neg', [made]), 'float32', []);
    const { model, findings } = foldConstants().run(g.model({ opset: 18 }));
    expect(model.graph.nodes.length).toBe(2);
    expect(reasons(findings)).toEqual(['Constant: the value of the Constant is no dense tensor']);
  });

  it('keeps what an output names as a Constant node', async () => {
    const g = createGraphBuilder('outputs');
    g.output(g.op('Neg', [g.constant('a', scalar(1))], {}, { outputs: ['y'] }), 'float32', []);
    const { model, operators } = await applyPass(foldConstants(), g.model({ opset: 18 }));
    expect(operators).toBe('Constant');
    expect(model.graph.nodes[0]!.outputs).toEqual(['y']);
  });

  it('makes no initializers up to IR version 3, where each is an input', async () => {
    const older = { ...adding((g) => g.op('Neg', [g.op('Constant', [], { value: x })]), 9), irVersion: 3 };
    const { model, operators } = await applyPass(foldConstants(), older, { x });
    expect(operators).toBe('Constant Add Identity');
    expect(model.graph.initializers.size).toBe(0);
  });

  it('computes all outputs of a node, and leaves those out that are left out', async () => {
    const g = createGraphBuilder('split');
    const source = g.constant('a', float32([1, 5, 3, 4]));
    const [values, indices] = g.ops('TopK', [source, g.constant('k', int64([3]))], {}, { outputs: 2 });
    const product = g.op('Mul', [g.input('x', 'float32', [3]), values!]);
    g.output(g.op('Add', [product, g.op('Cast', [indices!], { to: 1 })]), 'float32', [3], 'y');
    expect((await applyPass(foldConstants(), g.model({ opset: 18 }), { x })).operators).toBe('Mul Add Identity');
  });

  it('sees outer constants in subgraphs, and keeps constants of functions as nodes', async () => {
    const g = createGraphBuilder('nested');
    const outer = g.constant('outer', scalar(2));
    const branch = (name: string, value: number) => {
      const inner = createGraphBuilder(name);
      const made = inner.op('Mul', [
        outer,
        inner.op('Constant', [], { value: scalar(value) }, { outputs: [`${name}.c`] }),
      ]);
      inner.output(inner.op('Mul', ['x', made], {}, { outputs: [`${name}.y`] }), 'float32', [3]);
      return inner.graph();
    };
    const input = g.input('x', 'float32', [3]);
    const branches = { then_branch: branch('then', 3), else_branch: branch('else', 4) };
    const chosen = g.op('If', [g.input('c', 'bool', [])], branches);
    g.output(g.op('Scaled', [chosen, input], {}, { domain: 'local' }), 'float32', [3]);
    const body = createGraphBuilder('body');
    const factor = body.op('Neg', [body.op('Constant', [], { value: scalar(5) })], {}, { outputs: ['five'] });
    body.op('Mul', ['a', factor], {}, { outputs: ['m'] });
    body.op('Add', ['m', 'b'], {}, { outputs: ['r'] });
    const local = {
      domain: 'local',
      name: 'Scaled',
      inputs: ['a', 'b'],
      outputs: ['r'],
      attributeNames: [],
      attributes: {},
    };
    const functions = [{ ...local, nodes: body.graph().nodes, opsets: { '': 18 } }];
    const model: Model = { ...g.model({ opset: 18, opsets: { local: 1 } }), functions };
    const c: Tensor = { type: 'bool', dims: [], data: Uint8Array.of(1) };
    const result = await applyPass(foldConstants(), model, { x, c });
    expect(result.operators).toBe('If(Mul | Mul) Scaled');
    expect(result.model.functions![0]!.nodes.map(({ opType }) => opType)).toEqual(['Constant', 'Mul', 'Add']);
  });

  it('skips with a reason what would undo a quantization, what is random, and what the interpreter does not have', async () => {
    const weight: Tensor = { type: 'int8', dims: [3], data: Int8Array.of(1, -2, 3) };
    const unpacked = adding((g) => g.op('DequantizeLinear', [g.constant('w', weight), g.constant('s', scalar(0.5))]));
    const kept = await applyPass(foldConstants(), unpacked, { x });
    expect(reasons(kept.findings)).toEqual(['DequantizeLinear: DequantizeLinear is kept']);
    expect((await applyPass(foldConstants({ keep: [] }), unpacked, { x })).operators).toBe(left);
    const cases: readonly (readonly [string, Model])[] = [
      ['RandomNormal: RandomNormal draws random numbers', adding((g) => g.op('RandomNormal', [], { shape: [3] }))],
      [
        'com.microsoft.Unheard: the interpreter has no com.microsoft.Unheard',
        adding((g) =>
          g.op('Unheard', [g.constant('a', x)], {}, { domain: 'com.microsoft', name: 'com.microsoft.Unheard' }),
        ),
      ],
    ];
    for (const [reason, model] of cases) {
      const { model: next, findings } = foldConstants().run(model);
      expect(next).toBe(model);
      expect(reasons(findings)).toEqual([reason]);
    }
  });

  it('skips results that are too large, and computations that take too long, without computing them', async () => {
    const expanded = (size: number) =>
      adding((g) => {
        const made = g.op('ConstantOfShape', [g.constant('shape', int64([size]))], {}, { name: 'fill' });
        return g.op('ReduceSum', [made]);
      });
    expect((await applyPass(foldConstants(), expanded(1000), { x })).operators).toBe(left);
    const folded = (size: number, maxBytes?: number) =>
      foldConstants(maxBytes === undefined ? {} : { maxBytes }).run(expanded(size)).findings;
    expect(reasons(folded(1000, 3000))).toEqual([
      'fill: the result is 3992 bytes larger than the constants it makes unused',
    ]);
    expect(reasons(folded(2 ** 40))).toEqual([`fill: computing it takes ${2 ** 40 + 1} steps, more than ${2 ** 25}`]);
    const square = { type: 'float32', dims: [512, 512], data: new Float32Array(512 * 512) } as const;
    const product = adding((g) => {
      const pair = [g.constant('a', square), g.constant('b', square)];
      return g.op('ReduceSum', [g.op('MatMul', pair, {}, { name: 'heavy' })], { keepdims: 0 });
    });
    expect(reasons(foldConstants().run(product).findings)[0]).toMatch(/^heavy: computing it takes \d+ steps/);
    // A constant that nothing else uses makes room for its successor.
    const turned = adding((g) => g.op('Transpose', [g.constant('a', float32([1, 2, 3], [3, 1]))]));
    expect((await applyPass(foldConstants({ maxBytes: 0 }), turned, { x })).operators).toBe(left);
  });

  it('does not take the default of a graph input for a constant', async () => {
    const g = createGraphBuilder('default');
    const w = g.constant('w', x);
    const made = g.op('Neg', [w], {}, { name: 'minus' });
    g.output(g.op('Add', [g.input('x', 'float32', [3]), made]), 'float32', [3]);
    const { graph, ...rest } = g.model({ opset: 18 });
    const model = {
      ...rest,
      graph: { ...graph, inputs: [...graph.inputs, { name: w, type: { type: 'float32', dims: [3] } as const }] },
    };
    const result = foldConstants().run(model);
    expect(result.model).toBe(model);
    expect(reasons(result.findings)).toEqual([
      'minus: input "w" is the default of a graph input, which a run may override',
    ]);
  });

  it('says why a computation failed', () => {
    const model = adding((g) =>
      g.op('Gather', [g.constant('a', x), g.constant('i', int64([7]))], {}, { name: 'beyond' }),
    );
    const { model: next, findings } = foldConstants().run(model);
    expect(next).toBe(model);
    expect(reasons(findings)[0]).toMatch(/^beyond: reference, node "beyond" \(Gather\)/);
  });
});
