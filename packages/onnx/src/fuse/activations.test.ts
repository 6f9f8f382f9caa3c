import { describe, expect, it } from 'vitest';
import { applyPass } from '../../test/pass-harness.ts';
import { createGraphBuilder, float, type GraphBuilder } from '../builder.ts';
import { addGradients } from '../gradients/add-gradients.ts';
import { float32, scalar } from '../model.ts';
import { constantNode } from '../passes/constant-tensor.ts';
import { openReference } from '../reference/open-reference.ts';
import { fuseActivations } from './activations.ts';
import type { FuseTarget } from './fusion.ts';
import { fuseGelu } from './gelu.ts';

const x = float32(
  Array.from({ length: 12 }, (_, i) => (i - 6) * 0.9),
  [3, 4],
);
type Make = (g: GraphBuilder, x: string) => string;
const c = (g: GraphBuilder, value: number) => g.constant('c', scalar(value));
const mul = (g: GraphBuilder, a: string, b: string) => g.op('Mul', [a, b]);
const add = (g: GraphBuilder, a: string, b: string) => g.op('Add', [a, b]);
const slope = Math.sqrt(2 / Math.PI);

function build(make: Make, opset: number) {
  const g = createGraphBuilder('activation');
  g.output(make(g, g.input('x', 'float32', ['rows', 4])), 'float32', ['rows', 4]);
  return g.model({ opset });
}

const gate: Make = (g, v) => add(g, g.op('Erf', [g.op('Div', [v, c(g, Math.SQRT2)])]), c(g, 1));
const product: Make = (g, v) => add(g, c(g, 1), g.op('Erf', [mul(g, c(g, Math.SQRT1_2), v)]));
const tanh = (g: GraphBuilder, v: string) => add(g, c(g, 1), g.op('Tanh', [v]));
const pow: Make = (g, v) => mul(g, g.op('Pow', [v, c(g, 3)]), c(g, 0.044715));
const jaxCube: Make = (g, v) => mul(g, v, mul(g, v, mul(g, c(g, 0.044715), v)));
const squareFirst: Make = (g, v) => mul(g, c(g, 0.044715), mul(g, v, mul(g, v, v)));

const gelus: readonly (readonly [string, 'none' | 'tanh', Make])[] = [
  ['x·gate·½', 'none', (g, v) => mul(g, mul(g, v, gate(g, v)), c(g, 0.5))],
  ['½·(x·gate), by 1/√2', 'none', (g, v) => mul(g, c(g, 0.5), mul(g, v, product(g, v)))],
  ['(½·x)·gate', 'none', (g, v) => mul(g, mul(g, c(g, 0.5), v), gate(g, v))],
  ['x·(½·gate)', 'none', (g, v) => mul(g, v, mul(g, c(g, 0.5), product(g, v)))],
  [
    '½·x·(1 + tanh), cube by Pow',
    'tanh',
    (g, v) => mul(g, mul(g, v, c(g, 0.5)), tanh(g, mul(g, add(g, v, pow(g, v)), c(g, slope)))),
  ],
  [
    'x·(½·(1 + tanh)), cube by Mul',
    'tanh',
    (g, v) => mul(g, v, mul(g, c(g, 0.5), tanh(g, mul(g, c(g, slope), add(g, v, jaxCube(g, v)))))),
  ],
  [
    'cube from the square',
    'tanh',
    (g, v) => mul(g, c(g, 0.5), mul(g, v, tanh(g, mul(g, c(g, slope), add(g, squareFirst(g, v), v))))),
  ],
  [
    'x(1 + 0.044715·x²)',
    'tanh',
    (g, v) => {
      const inner = add(g, c(g, 1), mul(g, c(g, 0.044715), mul(g, v, v)));
      return mul(g, mul(g, c(g, 0.5), v), tanh(g, mul(g, mul(g, c(g, slope), v), inner)));
    },
  ],
  [
    'constants multiplied in advance',
    'tanh',
    (g, v) => {
      const inner = add(g, mul(g, mul(g, v, v), c(g, slope * 0.044715)), c(g, slope));
      return mul(g, mul(g, v, tanh(g, mul(g, v, inner))), c(g, 0.5));
    },
  ],
];

const skippedBy = (findings: readonly { kind: string; message: string }[]) =>
  findings.flatMap(({ kind, message }) => (kind === 'skipped' ? [message] : []));

describe('fuse-gelu', () => {
  it.each(gelus)('finds %s (%s)', async (_, approximate, make) => {
    const fused = await applyPass(fuseGelu(), build(make, 20), { x });
    expect(fused.operators).toBe('Gelu');
    expect(fused.model.graph.nodes[0]!.attributes).toEqual(
      approximate === 'none' ? {} : { approximate: { kind: 'string', value: 'tanh' } },
    );
    const microsoft = await applyPass(fuseGelu('onnxruntime'), build(make, 17), { x });
    expect(microsoft.operators).toBe(approximate === 'none' ? 'Gelu' : 'FastGelu');
    expect(microsoft.model.opsets).toEqual({ '': 17, 'com.microsoft': 1 });
    const older = await applyPass(fuseGelu(), build(make, 17), { x });
    expect(skippedBy(older.findings)).toEqual(['Gelu: needs opset 20, the model has 17']);
  });

  it('refuses a gate that is used elsewhere, other constants and constants of a higher rank', async () => {
    const shared: Make = (g, v) => {
      const open = gate(g, v);
      return add(g, open, mul(g, mul(g, v, open), c(g, 0.5)));
    };
    const used = await applyPass(fuseGelu(), build(shared, 20), { x });
    expect(skippedBy(used.findings).join()).toMatch(/^Gelu: ".*" inside it is used elsewhere$/);
    const other: Make = (g, v) => mul(g, mul(g, v, gate(g, v)), c(g, 0.51));
    expect((await applyPass(fuseGelu(), build(other, 20), { x })).findings).toEqual([]);
    const g = createGraphBuilder('ranked');
    const v = g.input('x', 'float32', [4]);
    g.output(mul(g, mul(g, v, gate(g, v)), g.constant('half', float32([0.5], [1, 1]))), 'float32', [1, 4]);
    const ranked = await applyPass(fuseGelu(), g.model({ opset: 20 }), { x: float32([1, -2, 3, 0.5]) });
    expect(skippedBy(ranked.findings).join()).toMatch(/may broadcast/);
  });

  it('goes into local functions, and declares what they use', async () => {
    const inner = createGraphBuilder('body');
    const y = gelus[0]![2](inner, inner.input('v', 'float32', []));
    const body = inner.graph();
    const constants = Array.from(body.initializers, ([name, tensor]) => constantNode(name, name, tensor));
    const local = { domain: 'local', name: 'Act', inputs: ['v'], outputs: [y], attributeNames: [], attributes: {} };
    const g = createGraphBuilder('call');
    g.output(g.op('Act', [g.input('x', 'float32', ['rows', 4])], {}, { domain: 'local' }), 'float32', ['rows', 4]);
    const model = {
      ...g.model({ opset: 17, opsets: { local: 1 } }),
      functions: [{ ...local, nodes: [...constants, ...body.nodes], opsets: { '': 17 } }],
    };
    const { model: fused } = await applyPass(fuseGelu('onnxruntime'), model, { x });
    expect(fused.functions![0]!.nodes.map(({ opType }) => opType)).toEqual(['Gelu']);
    expect([fused.opsets['com.microsoft'], fused.functions![0]!.opsets]).toEqual([1, { '': 17, 'com.microsoft': 1 }]);
  });

  it('leaves gradients what they were', async () => {
    for (const [, , make] of [gelus[0]!, gelus[4]!]) {
      const gradientOf = async (fuse: boolean) => {
        const g = createGraphBuilder('loss');
        const y = make(g, g.input('x', 'float32', [3, 4]));
        g.output(g.op('ReduceSum', [mul(g, y, y)], { keepdims: 0 }), 'float32', [], 'loss');
        const model = g.model({ opset: 20 });
        const forward = fuse ? fuseGelu().run(model).model : model;
        const { model: backward } = addGradients(forward, { loss: 'loss', parameters: ['x'] });
        const engine = await openReference(backward);
        return Array.from((await engine.run({ x }))['grad/x']!.data as Float32Array);
      };
      const [plain, fused] = [await gradientOf(false), await gradientOf(true)];
      for (const [index, value] of fused.entries()) expect(value).toBeCloseTo(plain[index]!, 4);
    }
  });
});

describe('fuse-activations', () => {
  const cases: readonly (readonly [string, FuseTarget, Make, string])[] = [
    [
      'Where(x > 0, x, αx)',
      'portable',
      (g, v) => g.op('Where', [g.op('Greater', [v, c(g, 0)]), v, mul(g, v, c(g, 0.1))]),
      'LeakyRelu',
    ],
    [
      'Where(0 > x, αx, x)',
      'portable',
      (g, v) => g.op('Where', [g.op('Greater', [c(g, 0), v]), mul(g, c(g, 0.1), v), v]),
      'LeakyRelu',
    ],
    ['Max(x, αx)', 'portable', (g, v) => g.op('Max', [mul(g, v, c(g, 0.2)), v]), 'LeakyRelu'],
    ['Max(x, 2x)', 'portable', (g, v) => g.op('Max', [v, mul(g, v, c(g, 2))]), 'Mul Max'],
    [
      'Where(x > 0, αx, x)',
      'portable',
      (g, v) => g.op('Where', [g.op('Greater', [v, c(g, 0)]), mul(g, v, c(g, 0.1)), v]),
      'Greater Mul Where',
    ],
    [
      'Where(x > 1, x, αx)',
      'portable',
      (g, v) => g.op('Where', [g.op('Greater', [v, c(g, 1)]), v, mul(g, v, c(g, 0.1))]),
      'Greater Mul Where',
    ],
    [
      'x·Clip(x + 3, 0, 6)/6',
      'portable',
      (g, v) => g.op('Div', [mul(g, v, g.op('Clip', [add(g, v, c(g, 3)), c(g, 0), c(g, 6)])), c(g, 6)]),
      'HardSwish',
    ],
    [
      'x·(Clip(3 + x, 0, 6)/6)',
      'portable',
      (g, v) => mul(g, v, g.op('Div', [g.op('Clip', [add(g, c(g, 3), v), c(g, 0), c(g, 6)]), c(g, 6)])),
      'HardSwish',
    ],
    ['x·Sigmoid(x)', 'onnxruntime', (g, v) => mul(g, v, g.op('Sigmoid', [v])), 'QuickGelu'],
    ['x·Sigmoid(1.702x)', 'onnxruntime', (g, v) => mul(g, g.op('Sigmoid', [mul(g, v, c(g, 1.702))]), v), 'QuickGelu'],
    ['x·Sigmoid(x) anywhere', 'portable', (g, v) => mul(g, v, g.op('Sigmoid', [v])), 'Sigmoid Mul'],
    ['log(1 + eˣ)', 'onnxruntime', (g, v) => g.op('Log', [add(g, g.op('Exp', [v]), c(g, 1))]), 'Exp Add Log'],
    [
      'x·tanh(Softplus(x))',
      'onnxruntime',
      (g, v) => mul(g, v, g.op('Tanh', [g.op('Softplus', [v])])),
      'Softplus Tanh Mul',
    ],
    [
      'x·HardSigmoid(x)',
      'onnxruntime',
      (g, v) => mul(g, v, g.op('HardSigmoid', [v], { alpha: float(1 / 6) })),
      'HardSigmoid Mul',
    ],
  ];
  it.each(cases)('makes of %s (%s)', async (_, target, make, operators) => {
    expect((await applyPass(fuseActivations(target), build(make, 18), { x })).operators).toBe(operators);
  });

  it('says why not', async () => {
    const steep: Make = (g, v) => g.op('Max', [v, mul(g, v, c(g, 2))]);
    const reasons = async (make: Make, opset = 18) =>
      skippedBy((await applyPass(fuseActivations(), build(make, opset), { x })).findings).join();
    expect(await reasons(steep)).toBe('LeakyRelu: its slope 2 is not between 0 and 1');
    const old: Make = (g, v) => g.op('Div', [mul(g, v, g.op('Clip', [add(g, v, c(g, 3)), c(g, 0), c(g, 6)])), c(g, 6)]);
    expect(await reasons(old, 13)).toBe('HardSwish: needs opset 14, the model has 13');
    const shared: Make = (g, v) => {
      const low = mul(g, v, c(g, 0.2));
      return add(g, low, g.op('Max', [v, low]));
    };
    expect(await reasons(shared)).toContain('used elsewhere');
  });
});
