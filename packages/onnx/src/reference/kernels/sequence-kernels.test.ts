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

async function run(
  opType: string,
  inputs: readonly (Tensor | undefined)[],
  attributes: Record<string, AttributeInput>,
) {
  const g = createGraphBuilder('one');
  const names = inputs.map((tensor, i) => (tensor ? g.constant(`c${i}`, tensor) : ''));
  const [made] = g.ops(opType, names, attributes, { outputs: 1 });
  g.output(made!, 'float32', []);
  return (await (await openReference(g.model({ opset: 23 }))).run({}))[made!]!;
}

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
