import { float } from '../../../src/builder.ts';
import { int64 } from '../../../src/model.ts';
import { type Case, type Cases, one, op, positive } from '../finite-differences.ts';

/** x, scale, bias, mean, variance. */
const batch = (shape: readonly number[], more: Partial<Case> = {}): Case => {
  const channels = [shape[1]!];
  return one([shape, channels, channels, channels, channels], op('BatchNormalization', { epsilon: float(1e-2) }), {
    draw: (x, index) => (index === 4 ? positive(x) : x),
    unranked: true,
    ...more,
  });
};
const training = (shape: readonly number[]): Case =>
  batch(shape, {
    build: (g, x) =>
      g.ops('BatchNormalization', x, { training_mode: 1, epsilon: float(1e-2) }, { outputs: 3 }).slice(0, 1),
    wanted: [0, 1, 2],
  });

/** Softmax family and normalizations. */
export const normalizationCases: Cases = {
  Softmax: [
    one([[2, 3, 4]], op('Softmax'), { unranked: true }),
    one([[2, 3, 4]], op('Softmax', { axis: 1 })),
    one([[2, 3]], op('Softmax', { axis: 0 }), { opset: 13 }),
  ],
  LogSoftmax: [one([[2, 5]], op('LogSoftmax'), { unranked: true }), one([[3, 2]], op('LogSoftmax', { axis: 0 }))],
  LayerNormalization: [
    one([[2, 3, 4], [4], [4]], op('LayerNormalization', { epsilon: float(1e-3) }), { unranked: true }),
    one([[3, 4], [4]], op('LayerNormalization')),
    one(
      [
        [2, 3, 4],
        [3, 4],
        [3, 4],
      ],
      op('LayerNormalization', { axis: 1 }),
    ),
    one([[2, 3, 4], [4], [1]], op('LayerNormalization', { axis: -2 }), { unranked: true }),
    one([[2, 3], [1]], op('LayerNormalization'), { opset: 18 }),
    one(
      [
        [2, 3],
        [2, 3],
      ],
      op('LayerNormalization', { axis: 0 }),
    ),
  ],
  RMSNormalization: [
    one([[2, 3, 4], [4]], op('RMSNormalization', { epsilon: float(1e-3) }), { opset: 23, unranked: true }),
    one(
      [
        [2, 3, 2],
        [3, 2],
      ],
      op('RMSNormalization', { axis: 1 }),
      { opset: 23 },
    ),
    one([[2, 3, 2], [2]], op('RMSNormalization', { axis: -2 }), { opset: 23, unranked: true }),
  ],
  BatchNormalization: [batch([2, 3, 2, 2]), batch([3, 2]), training([2, 2, 3]), training([4, 2])],
  LRN: [
    one([[1, 4, 2, 1]], op('LRN', { size: 3, alpha: float(0.7), beta: float(0.6), bias: float(1.5) }), {
      unranked: true,
    }),
    one([[2, 5, 2]], op('LRN', { size: 4, alpha: float(0.9) }), { notOnOrt: 'wants odd sizes and rank 4' }),
  ],
  DFT: [
    one([[1, 5, 2]], op('DFT'), { dynamic: false }),
    one([[2, 4, 1]], op('DFT', { onesided: 1 }), { dynamic: false }),
    one([[2, 5, 1]], op('DFT', { inverse: 1 }), { dynamic: false }),
    one([[1, 4, 2]], (g, [x]) => g.op('DFT', [x!, g.constant('n', int64([6], []))]), { dynamic: false }),
    one([[1, 5, 2]], (g, [x]) => g.op('DFT', [x!, g.constant('n', int64([3], []))], { inverse: 1 }), {
      dynamic: false,
    }),
    one([[3, 2, 1]], (g, [x]) => g.op('DFT', [x!, '', g.constant('axis', int64([0], []))]), {
      opset: 20,
      dynamic: false,
    }),
  ],
  STFT: [
    ...[17, 20].map((opset) =>
      one([[2, 7, 1], [4]], (g, [x, window]) => g.op('STFT', [x!, g.constant('step', int64([2], [])), window!]), {
        opset,
        dynamic: false,
      }),
    ),
    one(
      [[1, 6, 2]],
      (g, [x]) =>
        g.op('STFT', [x!, g.constant('step', int64([3], [])), '', g.constant('length', int64([3], []))], {
          onesided: 0,
        }),
      { dynamic: false },
    ),
  ],
};
