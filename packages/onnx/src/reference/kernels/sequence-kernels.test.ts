import { expect, it } from 'vitest';
import type { AttributeInput } from '../../builder.ts';
import { createGraphBuilder } from '../../builder.ts';
import type { Tensor } from '../../model.ts';
import { float32, int64 } from '../../model.ts';
import { evaluateNode, openReference } from '../open-reference.ts';

const zeros = (...dims: readonly number[]): Tensor =>
  float32(
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => 0),
    dims,
  );

async function run(key: string, inputs: readonly (Tensor | undefined)[], attributes: Record<string, AttributeInput>) {
  const [opType, domain] = [key.replace('com.microsoft.', ''), key.includes('.') ? 'com.microsoft' : ''];
  const g = createGraphBuilder('one');
  const names = inputs.map((tensor, i) => (tensor ? g.constant(`c${i}`, tensor) : ''));
  const [made] = g.ops(opType, names, attributes, { outputs: 1, domain });
  g.output(made!, 'float32', []);
  return (await (await openReference(g.model({ opset: 23, opsets: { 'com.microsoft': 1 } }))).run({}))[made!]!;
}

const uint8 = (elements: readonly number[], dims = [elements.length]): Tensor => ({
  type: 'uint8',
  dims,
  data: Uint8Array.from(elements),
});

const float = (value: number) => ({ kind: 'float', value }) as const;

const third = Math.log(3);
const twoOpen = 2 / (1 + Math.exp(-2));
const image = float32([1, 10, 3, 14], [1, 1, 2, 2]);

/** Operators that ONNX Runtime has no CPU kernel for: inputs, attributes, elements worked out from their documentation. */
const facts: readonly (readonly [
  string,
  readonly (Tensor | undefined)[],
  Record<string, AttributeInput>,
  readonly number[],
])[] = [
  ['SwiGLU', [float32([0, 2]), float32([5, 3])], {}, [0, 3 * twoOpen]],
  [
    'com.microsoft.SwiGLU',
    [float32([0, 9, 5, -3], [1, 4])],
    { limit: float(2.5), activation_beta: float(1.5) },
    [0, -2.5 / (1 + Math.exp(-2.5))],
  ],
  [
    'com.microsoft.BiasAdd',
    [float32([1, 2], [1, 1, 2]), float32([10, 20]), float32([100, 200], [1, 1, 2])],
    {},
    [111, 222],
  ],
  ['com.microsoft.BiasDropout', [float32([1, 2]), float32([10, 20]), float32([100, 100])], {}, [111, 122]],
  ['com.microsoft.BiasSplitGelu', [float32([2, 8], [1, 1, 2]), float32([1, 2])], {}, [30]],
  [
    'com.microsoft.BiasSoftmax',
    [zeros(4, 2), float32([0, third, third, 0], [2, 2])],
    { axis: 1, is_inner_broadcast: 0 },
    [0.25, 0.75, 0.75, 0.25, 0.25, 0.75, 0.75, 0.25],
  ],
  [
    'com.microsoft.BiasSoftmax',
    [zeros(4, 2), float32([0, third, third, 0], [2, 2])],
    { axis: 1, is_inner_broadcast: 1 },
    [0.25, 0.75, 0.25, 0.75, 0.75, 0.25, 0.75, 0.25],
  ],
  [
    'com.microsoft.GroupNorm',
    [image, float32([1, 2]), float32([0, 5])],
    { groups: 2, epsilon: float(1e-9) },
    [-1, 3, 1, 7],
  ],
  [
    'com.microsoft.SkipGroupNorm',
    [float32([1, 2, 3, 6], [1, 1, 2, 2]), float32([1, 2]), float32([0, 5]), float32([1, 2], [1, 2]), float32([3, 4])],
    { groups: 2, epsilon: float(1e-9), activation: 1 },
    [-1, 3, 1, 7].map((x) => x / (1 + Math.exp(-x))),
  ],
  ['com.microsoft.GemmFastGelu', [float32([1], [1, 1]), float32([9], [1, 1]), float32([1])], {}, [10]],
  [
    'com.microsoft.FusedMatMulActivation',
    [float32([1], [1, 1]), float32([-8], [1, 1])],
    { activation: 'LeakyRelu', activation_alpha: float(0.5) },
    [-4],
  ],
  ['com.microsoft.NhwcConv', [image, float32([1, 10], [1, 2, 1, 1])], {}, [101, 143]],
  [
    'com.microsoft.NhwcFusedConv',
    [image, float32([1, 10], [1, 2, 1, 1]), undefined, float32([-200, 1], [1, 1, 2, 1])],
    { activation: 'Relu' },
    [0, 144],
  ],
  ['com.microsoft.MulInteger', [uint8([5, 3]), uint8([2], []), uint8([1]), uint8([4], [])], {}, [-9, -3]],
  [
    'com.microsoft.QLinearReduceMean',
    [uint8([2, 4]), float32([0.5], []), uint8([0], []), float32([0.5], []), uint8([10], [])],
    { axes: [0] },
    [13],
  ],
  [
    'com.microsoft.MoE',
    [
      float32([1], [1, 1]),
      zeros(1, 1),
      float32([2], [1, 1, 1]),
      undefined,
      float32([1], [1, 1, 1]),
      undefined,
      float32([3], [1, 1, 1]),
    ],
    { activation_type: 'swiglu' },
    [3 * twoOpen],
  ],
];

it.each(facts)('%s (%#)', async (key, inputs, attributes, expected) => {
  const got = await run(key, inputs, attributes);
  for (const [i, x] of expected.entries()) expect(Number(got.data[i])).toBeCloseTo(x, 5);
  expect(got.data.length).toBe(expected.length);
});

it('MultiHeadAttention takes queries, keys and values apart or packed', async () => {
  // one sample of two tokens and two heads of one element: [batch, sequence, heads, part, size]
  const packed = [0.5, 3, 7, -1, 2, 8, 1.5, -2, 9, 0.25, 4, 6];
  const part = (index: number, of: number, elements: readonly number[]) => elements.filter((_, i) => i % of === index);
  const [q, k, v] = [0, 1, 2].map((index) => float32(part(index, 3, packed), [1, 2, 2]));
  const pairs = packed.filter((_, i) => i % 3 !== 0);
  const key = 'com.microsoft.MultiHeadAttention';
  const apart = await run(key, [q, k, v], { num_heads: 2 });
  expect(Array.from(apart.data as Float32Array).every((x) => x > 6 && x < 9)).toBe(true);
  expect(await run(key, [float32(packed, [1, 2, 2, 3, 1])], { num_heads: 2 })).toEqual(apart);
  expect(await run(key, [q, float32(pairs, [1, 2, 2, 2, 1])], { num_heads: 2 })).toEqual(apart);
});

/** Malformed nodes: operator, inputs, attributes, code and part of the message. */
const malformed: readonly (readonly [
  string,
  readonly (Tensor | undefined)[],
  Record<string, AttributeInput>,
  string,
  string,
])[] = [
  [
    'Einsum',
    [zeros(2, 3), zeros(4)],
    { equation: 'ij,j->i' },
    'REFERENCE_SHAPE',
    'one size for "j" in "ij,j->i", got 3 and 4',
  ],
  ['Einsum', [zeros(2, 3)], { equation: 'i->i' }, 'REFERENCE_SHAPE', 'axes as the term "i" has letters, got rank 2'],
  ['Einsum', [zeros(2)], { equation: 'i->k' }, 'REFERENCE_UNSUPPORTED', '"k" in the output'],
  ['Einsum', [zeros(2)], { equation: 'i,i->i' }, 'REFERENCE_SHAPE', 'an input 1, got none'],
  ['Einsum', [zeros(2)], { equation: '1' }, 'REFERENCE_UNSUPPORTED', 'the term "1"'],
  ['NegativeLogLikelihoodLoss', [zeros(1, 3), int64([3])], {}, 'REFERENCE_SHAPE', 'targets below 3, got 3 at 0'],
  [
    'SoftmaxCrossEntropyLoss',
    [zeros(3), int64([0])],
    {},
    'REFERENCE_SHAPE',
    'scores of shape [batch, classes, …], got [3]',
  ],
  ['SoftmaxCrossEntropyLoss', [zeros(2, 3), int64([0])], {}, 'REFERENCE_SHAPE', 'targets of shape [2], got [1]'],
  [
    'SoftmaxCrossEntropyLoss',
    [zeros(1, 3), int64([0])],
    { reduction: 'max' },
    'REFERENCE_UNSUPPORTED',
    'the reduction "max"',
  ],
  ['Attention', [zeros(1, 2, 4), zeros(1, 2, 4), zeros(1, 2, 4)], {}, 'REFERENCE_UNSUPPORTED', 'without q_num_heads'],
  [
    'Attention',
    [zeros(1, 2, 5), zeros(1, 2, 4), zeros(1, 2, 4)],
    { q_num_heads: 2 },
    'REFERENCE_SHAPE',
    'divisible by its 2 parts, got 5',
  ],
  [
    'Attention',
    [zeros(1, 3, 2, 4), zeros(1, 2, 2, 4), zeros(1, 2, 2, 4)],
    {},
    'REFERENCE_SHAPE',
    'query heads divisible by its 2 parts, got 3',
  ],
  [
    'Attention',
    [zeros(1, 2, 2, 4), zeros(1, 2, 2, 3), zeros(1, 2, 2, 4)],
    {},
    'REFERENCE_SHAPE',
    'keys of shape [1,?,?,4], got [1,2,2,3]',
  ],
  [
    'Attention',
    [zeros(1, 1, 2, 4), zeros(1, 1, 2, 4), zeros(1, 1, 2, 4), zeros(3, 2)],
    {},
    'REFERENCE_SHAPE',
    'a mask that broadcasts to [1,1,2,2]',
  ],
  [
    'RotaryEmbedding',
    [zeros(1, 1, 2, 4), zeros(5, 2), zeros(5, 2), int64([0, 5], [1, 2])],
    {},
    'REFERENCE_SHAPE',
    'positions below 5, got 5',
  ],
  [
    'RotaryEmbedding',
    [zeros(1, 1, 2, 4), zeros(5, 2), zeros(4, 2), int64([0, 1], [1, 2])],
    {},
    'REFERENCE_SHAPE',
    'the sines of shape [5,2], got [4,2]',
  ],
  [
    'LSTM',
    [zeros(1, 1, 2), zeros(1, 8, 2), zeros(1, 4, 2)],
    { hidden_size: 2 },
    'REFERENCE_SHAPE',
    'R of shape [1,8,2], got [1,4,2]',
  ],
  ['GRU', [zeros(1, 2), zeros(1, 3, 2), zeros(1, 3, 1)], {}, 'REFERENCE_SHAPE', 'X of rank 3'],
  [
    'RNN',
    [zeros(1, 1, 2), zeros(1, 1, 2), zeros(1, 1, 1)],
    { direction: 'up' },
    'REFERENCE_UNSUPPORTED',
    'the direction "up"',
  ],
  [
    'RNN',
    [zeros(1, 1, 2), zeros(1, 1, 2), zeros(1, 1, 1)],
    { activations: ['Wild'] },
    'REFERENCE_UNSUPPORTED',
    'the activation "Wild"',
  ],
  [
    'RNN',
    [zeros(1, 1, 2), zeros(1, 1, 2), zeros(1, 1, 1)],
    { activations: ['Tanh', 'Tanh'] },
    'REFERENCE_SHAPE',
    '1 activations, got 2',
  ],
  [
    'RNN',
    [zeros(1, 1, 2), zeros(1, 1, 2), zeros(1, 1, 1), undefined, int64([9])],
    {},
    'REFERENCE_SHAPE',
    'lengths up to 1, got 9',
  ],
];

it.each(malformed)('%s refuses a malformed node (%#)', async (opType, inputs, attributes, code, message) => {
  await expect(run(opType, inputs, attributes)).rejects.toMatchObject({
    code,
    message: expect.stringContaining(message),
  });
});

/** Tensors without elements whose shapes claim many: a loop over their rows would not end. */
const vast: readonly (readonly [string, string, readonly (readonly number[])[], Record<string, AttributeInput>])[] = [
  [
    'Attention',
    '',
    [
      [2 ** 30, 2 ** 20, 0, 4],
      [2 ** 30, 2 ** 20, 0, 4],
      [2 ** 30, 2 ** 20, 0, 4],
    ],
    {},
  ],
  [
    'Attention',
    '',
    [
      [2 ** 30, 2 ** 20, 4, 0],
      [2 ** 30, 2 ** 20, 4, 0],
      [2 ** 30, 2 ** 20, 4, 0],
    ],
    {},
  ],
  [
    'RotaryEmbedding',
    '',
    [
      [2 ** 30, 2 ** 20, 2, 0],
      [2 ** 30, 2, 0],
      [2 ** 30, 2, 0],
    ],
    {},
  ],
  [
    'LinearAttention',
    '',
    [
      [2 ** 30, 2 ** 20, 0],
      [2 ** 30, 2 ** 20, 0],
      [2 ** 30, 2 ** 20, 0],
    ],
    { q_num_heads: 1, kv_num_heads: 1, update_rule: 'linear' },
  ],
  [
    'CausalConvWithState',
    '',
    [
      [2 ** 50, 1, 0],
      [1, 1, 1],
    ],
    {},
  ],
  [
    'SoftmaxCrossEntropyLoss',
    '',
    [
      [2 ** 30, 0, 2 ** 20],
      [2 ** 30, 2 ** 20],
    ],
    {},
  ],
  [
    'RNN',
    '',
    [
      [2 ** 30, 2 ** 20, 0],
      [1, 1, 0],
      [1, 1, 1],
    ],
    {},
  ],
  [
    'RNN',
    '',
    [
      [2 ** 30, 2 ** 20, 0],
      [1, 0, 0],
      [1, 0, 0],
    ],
    {},
  ],
  ['Einsum', '', [[0, 2 ** 30], [1]], { equation: 'ab,b->b' }],
  ['SkipLayerNormalization', 'com.microsoft', [[2 ** 30, 2 ** 20, 0], [2 ** 30, 2 ** 20, 0], [0]], {}],
];

it.each(vast)('%s ends on tensors without elements (%#)', (opType, domain, shapes, attributes) => {
  const inputs = shapes.map((dims) => ({
    ...zeros(
      Math.min(
        dims.reduce((a, b) => a * b, 1),
        1,
      ),
    ),
    dims,
  }));
  const g = createGraphBuilder('one');
  g.ops(
    opType,
    inputs.map((_, i) => `i${i}`),
    attributes,
    { outputs: 1, domain },
  );
  const [node] = g.model({ opset: 27 }).graph.nodes;
  try {
    const [output] = evaluateNode(node!, inputs, { opsets: { '': 27, 'com.microsoft': 1 } });
    expect(output).toMatchObject({ type: 'float32' });
  } catch (error) {
    expect(error).toMatchObject({ code: 'REFERENCE_SHAPE' });
  }
});
