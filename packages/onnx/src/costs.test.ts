import { describe, expect, it } from 'vitest';
import type { AttributeInput } from './builder.ts';
import { createGraphBuilder } from './builder.ts';
import { multiplyAdds } from './costs.ts';
import type { Dim, TensorType } from './model.ts';

type Dims = readonly Dim[] | undefined;

/** The cost of a node whose inputs and outputs have these sizes; `undefined` among the inputs is one left out. */
function cost(
  key: string,
  inputs: readonly Dims[],
  outputs: readonly Dims[],
  attributes: Record<string, AttributeInput>,
): Dim {
  const dot = key.lastIndexOf('.') + 1;
  const [domain, opType] = [key.slice(0, Math.max(dot - 1, 0)), key.slice(dot)];
  const g = createGraphBuilder('one');
  const names = inputs.map((dims, i) => (dims ? g.input(`i${i}`, 'float32', dims) : ''));
  const made = g.ops(opType, names, attributes, { domain, outputs: outputs.length });
  const types = new Map<string, TensorType>();
  for (const [i, dims] of [...inputs, ...outputs].entries()) {
    if (dims) types.set(i < inputs.length ? `i${i}` : made[i - inputs.length]!, { type: 'float32', dims });
  }
  return multiplyAdds(g.graph().nodes[0]!, types);
}

const [b, s] = ['batch', 'sequence'];

/** Operator, sizes of inputs and outputs, attributes, and the count worked out by hand. */
const rows: readonly (readonly [string, readonly Dims[], readonly Dims[], Record<string, AttributeInput>, Dim])[] = [
  [
    'MatMul',
    [
      [b, s, 8],
      [8, 4],
    ],
    [[b, s, 4]],
    {},
    '32*batch*sequence',
  ],
  ['MatMul', [[8], [8]], [[]], {}, 8],
  ['MatMul', [undefined, [8, 4]], [[b, 4]], {}, undefined],
  [
    'MatMulInteger',
    [
      [2, 3],
      [3, 5],
    ],
    [[2, 5]],
    {},
    30,
  ],
  ['QLinearMatMul', [[2, 3], [], [], [3, 5], [], [], [], []], [[2, 5]], {}, 30],
  [
    'Gemm',
    [
      [3, 2],
      [3, 5],
    ],
    [[2, 5]],
    { transA: 1 },
    30,
  ],
  ['com.microsoft.QGemm', [[2, 3], [], [], [3, 5], [], []], [[2, 5]], {}, 30],
  [
    'com.microsoft.FusedMatMul',
    [
      [7, 3, 2],
      [7, 3, 5],
    ],
    [[7, 2, 5]],
    { transA: 1 },
    7 * 2 * 5 * 3,
  ],
  [
    'com.microsoft.FusedMatMul',
    [
      [3, 7, 2],
      [7, 3, 5],
    ],
    [[7, 2, 5]],
    { transA: 1, transBatchA: 1 },
    7 * 2 * 5 * 3,
  ],
  ['com.microsoft.MatMulNBits', [[b, 64], [5, 2, 16], [10]], [[b, 5]], { K: 64, N: 5, bits: 4 }, '320*batch'],
  ['com.microsoft.DynamicQuantizeMatMul', [[2, 3], [3, 5], []], [[2, 5]], {}, 30],
  [
    'Einsum',
    [
      [b, 3, 4],
      [b, 4, 5],
    ],
    [[b, 3, 5]],
    { equation: 'bij, bjk -> bik' },
    '60*batch',
  ],
  [
    'Einsum',
    [
      [1, 2, 3],
      [6, 3, 5],
    ],
    [[6, 2, 5]],
    { equation: '...ij,...jk' },
    6 * 2 * 3 * 5,
  ],
  ['Einsum', [[2, 3]], [[3, 2]], { equation: 'ij->ji' }, 0],
  ['Einsum', [[2, 3], [3]], [[2]], { equation: 'ij' }, 0],
  ['Einsum', [[2, 3], [3]], [[2]], { equation: 'ijk,k' }, undefined],
  [
    'Conv',
    [
      [b, 6, 9, 9],
      [4, 3, 3, 3],
    ],
    [[b, 4, 7, 7]],
    { group: 2 },
    `${4 * 49 * 27}*batch`,
  ],
  ['QLinearConv', [[1, 2, 4], [], [], [3, 2, 2], [], [], [], []], [[1, 3, 3]], {}, 9 * 4],
  [
    'ConvTranspose',
    [
      [1, 4, 3, 3],
      [4, 2, 2, 2],
    ],
    [[1, 2, 4, 4]],
    {},
    36 * 8,
  ],
  [
    'CausalConvWithState',
    [
      [b, 8, s],
      [8, 1, 4],
    ],
    [[b, 8, s]],
    {},
    '32*batch*sequence',
  ],
  [
    'LSTM',
    [
      [s, b, 10],
      [2, 80, 10],
      [2, 80, 20],
    ],
    [[s, 2, b, 20]],
    {},
    `${2 * 80 * 30}*batch*sequence`,
  ],
  [
    'Attention',
    [
      [b, 4, s, 16],
      [b, 2, s, 16],
      [b, 2, s, 16],
    ],
    [[b, 4, s, 16]],
    {},
    '128*batch*sequence*sequence',
  ],
  [
    'Attention',
    [
      [2, 5, 64],
      [2, 7, 64],
      [2, 7, 32],
    ],
    [[2, 5, 32]],
    {},
    2 * 5 * 7 * (64 + 32),
  ],
  ['Attention', [[1, 2, 3, 8], [1, 2, 3, 8], [1, 2, 3, 8], undefined, [1, 2, 9, 8]], [[1, 2, 3, 8]], {}, 3 * 12 * 32],
  [
    'com.microsoft.MultiHeadAttention',
    [
      [2, 5, 64],
      [2, 7, 64],
      [2, 7, 64],
    ],
    [[2, 5, 64]],
    {},
    2 * 5 * 7 * 128,
  ],
  ['com.microsoft.MultiHeadAttention', [[2, 5, 4, 3, 16]], [[2, 5, 64]], {}, 2 * 5 * 5 * 128],
  [
    'com.microsoft.MultiHeadAttention',
    [
      [2, 5, 64],
      [2, 4, 7, 16],
      [2, 4, 7, 16],
    ],
    [[2, 5, 64]],
    {},
    2 * 5 * 7 * 128,
  ],
  [
    'com.microsoft.GroupQueryAttention',
    [[b, 1, 96]],
    [
      [b, 1, 64],
      [b, 1, 100, 16],
    ],
    {},
    `${2 * 64 * 100}*batch`,
  ],
  ['com.microsoft.GroupQueryAttention', [[2, 3, 96]], [[2, 3, 64]], {}, 2 * 3 * 3 * 128],
  [
    'com.microsoft.Attention',
    [
      [2, 5, 8],
      [8, 24],
    ],
    [[2, 5, 8]],
    {},
    2 * 5 * (8 * 24 + 5 * 16),
  ],
  [
    'com.microsoft.QAttention',
    [
      [2, 5, 8],
      [8, 24],
    ],
    [[2, 5, 8]],
    {},
    2 * 5 * (8 * 24 + 5 * 16),
  ],
  ['Transpose', [[b, s]], [[s, b]], {}, 0],
  ['LayerNormalization', [[b, s]], [[b, s]], {}, 0],
  ['com.microsoft.SkipLayerNormalization', [[b, s]], [[b, s]], {}, 0],
  ['com.microsoft.MoE', [[b, s]], [[b, s]], {}, undefined],
  ['my.own.Thing', [[b, s]], [[b, s]], {}, undefined],
  ['If', [[]], [[b, s]], {}, undefined],
];

describe('multiplyAdds', () => {
  it.each(rows)('%s %#', (key, inputs, outputs, attributes, expected) => {
    expect(cost(key, inputs, outputs, attributes)).toBe(expected);
  });
});
