import type { Tensor } from '../../../src/model.ts';
import type { Case, Cases } from '../finite-differences.ts';

const lengths: Tensor = { type: 'int32', dims: [2], data: Int32Array.of(3, 2) };
const [steps, texts, width, hidden] = [3, 2, 3, 2];

/** How much of the operator a case uses: X, W and R alone; biases and starts; and lengths of the texts. */
type Extent = 'bare' | 'full' | 'lengths';

function layer(
  opType: string,
  gates: number,
  direction: string,
  extent: Extent,
  more: Record<string, number> = {},
): Case {
  const directions = direction === 'bidirectional' ? 2 : 1;
  const starts = opType === 'LSTM' ? 2 : 1;
  const batchFirst = more.layout === 1;
  const state = batchFirst ? [texts, directions, hidden] : [directions, texts, hidden];
  const shapes = [
    batchFirst ? [texts, steps, width] : [steps, texts, width],
    [directions, gates * hidden, width],
    [directions, gates * hidden, hidden],
    ...(extent === 'bare' ? [] : [[directions, 2 * gates * hidden], ...Array.from({ length: starts }, () => state)]),
  ];
  return {
    shapes,
    build: (g, x) => {
      const sizes = extent === 'lengths' ? g.constant('lengths', lengths) : '';
      const inputs = [x[0]!, x[1]!, x[2]!, x[3] ?? '', sizes, x[4] ?? '', ...(starts === 2 ? [x[5] ?? ''] : [])];
      const outputs = extent === 'bare' ? 1 : starts + 1;
      return g.ops(opType, inputs, { hidden_size: hidden, direction, ...more }, { outputs });
    },
    ...(batchFirst && { notOnOrt: 'ONNX Runtime has no batch-first form' }),
  };
}

const all = (opType: string, gates: number, more: Record<string, number> = {}): readonly Case[] => [
  layer(opType, gates, 'forward', 'bare', more),
  layer(opType, gates, 'reverse', 'lengths', more),
  layer(opType, gates, 'bidirectional', 'lengths', more),
  layer(opType, gates, 'bidirectional', 'full', { ...more, layout: 1 }),
];

/** Recurrent layers: every direction, biases, starts, lengths, both layouts, one output alone. */
export const recurrentCases: Cases = {
  RNN: all('RNN', 1),
  GRU: [
    ...all('GRU', 3),
    ...all('GRU', 3, { linear_before_reset: 1 }),
    {
      shapes: [
        [steps, texts, width],
        [1, 6, width],
        [1, 6, hidden],
      ],
      build: (g, x) => g.ops('GRU', x, { hidden_size: hidden, activations: ['Sigmoid', 'Relu'] }, { outputs: 2 }),
    },
  ],
  LSTM: [
    ...all('LSTM', 4),
    {
      shapes: [
        [steps, texts, width],
        [1, 8, width],
        [1, 8, hidden],
      ],
      build: (g, x) => g.ops('LSTM', x, { hidden_size: hidden }, { outputs: ['', 'last', ''] })[1]!,
    },
  ],
};
