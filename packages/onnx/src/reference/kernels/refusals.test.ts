import { expect, it } from 'vitest';
import type { AttributeInput } from '../../builder.ts';
import { createGraphBuilder } from '../../builder.ts';
import { isSlmError } from '../../errors.ts';
import type { Tensor } from '../../model.ts';
import { float32, int64 } from '../../model.ts';
import { openReference } from '../open-reference.ts';

const sized = (...dims: number[]): Tensor => ({
  type: 'float32',
  dims,
  data: Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => i),
});

const image = sized(1, 2, 3, 3);
const words = (...dims: number[]): Tensor => ({
  type: 'string',
  dims,
  data: Array.from(sized(...dims).data as Float32Array, String),
});

/** One node whose branches are both leaf 0. */
const tree: Record<string, AttributeInput> = {
  tree_roots: [0],
  nodes_featureids: [0],
  nodes_modes: { type: 'uint8', dims: [1], data: Uint8Array.of(0) },
  nodes_splits: sized(1),
  nodes_truenodeids: [0],
  nodes_trueleafs: [1],
  nodes_falsenodeids: [0],
  nodes_falseleafs: [1],
  leaf_targetids: [0],
  leaf_weights: sized(1),
};

const kernel_shape = [2, 2];

/** Operator, inputs, attributes, and what the error says. */
const refused: readonly (readonly [string, readonly Tensor[], Record<string, AttributeInput>, string])[] = [
  ['Conv', [image, sized(2, 3, 2, 2)], {}, 'REFERENCE_SHAPE filters of 2 channels, got [2,3,2,2]'],
  [
    'Conv',
    [image, sized(2, 2)],
    {},
    'REFERENCE_SHAPE operands [batch, channels, …space] of one rank, got [1,2,3,3] and',
  ],
  ['Conv', [image, sized(3, 1, 2, 2)], { group: 2 }, 'REFERENCE_SHAPE groups that divide 2 channels and 3 filters'],
  ['Conv', [image, sized(1, 2, 2, 2)], { kernel_shape: [3, 3] }, 'REFERENCE_SHAPE a kernel_shape [2,2], got [3,3]'],
  ['Conv', [image, sized(1, 2, 0, 2)], {}, 'REFERENCE_SHAPE a kernel that is not empty'],
  ['Conv', [image, sized(1, 2, 5, 5)], {}, 'REFERENCE_SHAPE a kernel that fits into [3,3], got [5,5]'],
  ['Conv', [image, sized(1, 2, 2, 2)], { strides: [0, 1] }, 'REFERENCE_SHAPE strides of 2 positive integers'],
  ['Conv', [image, sized(1, 2, 2, 2)], { pads: [1, 1] }, 'REFERENCE_SHAPE pads of 4 integers'],
  ['Conv', [image, sized(1, 2, 2, 2), sized(3)], {}, 'REFERENCE_SHAPE a bias of [1], got [3]'],
  ['Conv', [image, sized(1, 2, 2, 2)], { pads: [0, 0, 1e6, 1e6] }, 'REFERENCE_SHAPE at most 67108864 windows'],
  ['ConvTranspose', [image, sized(2, 1, 2, 2)], { strides: [1e5, 1e5] }, 'REFERENCE_SHAPE an output of at most'],
  ['ConvTranspose', [image, sized(3, 1, 2, 2)], {}, 'REFERENCE_SHAPE filters for 2 channels'],
  ['ConvTranspose', [image, sized(2, 1, 2, 2)], { output_shape: [4] }, 'REFERENCE_SHAPE an output_shape of 2 sizes'],
  [
    'ConvTranspose',
    [image, sized(2, 1, 2, 2)],
    { pads: [3, 3, 3, 3] },
    'REFERENCE_SHAPE an output of sizes, got [1,1,-2',
  ],
  ['ConvInteger', [image, sized(1, 2, 2, 2), sized(2)], {}, 'REFERENCE_SHAPE one zero point or one per slice'],
  ['Col2Im', [sized(1, 4, 3), int64([3, 3]), int64([2, 2])], {}, 'REFERENCE_SHAPE columns [N, C·4, 4], got [1,4,3]'],
  ['MaxPool', [image], {}, 'REFERENCE_SHAPE a kernel_shape, got none'],
  ['MaxPool', [sized(2, 2)], { kernel_shape }, 'REFERENCE_SHAPE an input [batch, channels, …space]'],
  ['MaxPool', [sized(1, 1, 1)], { kernel_shape: [1], pads: [0, 1e8] }, 'REFERENCE_SHAPE at most 67108864 windows'],
  ['AveragePool', [image], { kernel_shape: [2] }, 'REFERENCE_SHAPE kernel_shape of 2 positive integers'],
  ['LpPool', [image], { kernel_shape, p: 0 }, 'REFERENCE_UNSUPPORTED p 0'],
  [
    'MaxUnpool',
    [sized(1, 1, 1, 1), int64([9], [1, 1, 1, 1])],
    { kernel_shape },
    'REFERENCE_SHAPE indices in [0, 4), got 9',
  ],
  ['MaxRoiPool', [image, sized(1, 4)], { pooled_shape: [1, 1] }, 'REFERENCE_SHAPE images [N, C, H, W], regions [n, 5]'],
  ['Resize', [image, sized(0), sized(0)], {}, 'REFERENCE_SHAPE scales or sizes, got neither'],
  ['Resize', [image, sized(0), sized(3)], {}, 'REFERENCE_SHAPE scales, sizes and regions for the axes [0,1,2,3]'],
  ['Resize', [image, sized(0), sized(4)], {}, 'REFERENCE_SHAPE positive scales, got 0 for axis 0'],
  [
    'Resize',
    [image, sized(0), sized(0), int64([1, 2, 9e4, 9e4])],
    {},
    'REFERENCE_SHAPE an output of at most 268435456',
  ],
  ['Resize', [image, sized(0), sized(0), int64([1, 2, 3, 3])], { mode: 'area' }, 'REFERENCE_UNSUPPORTED mode area'],
  [
    'Resize',
    [sized(1, 0), sized(0), sized(0), int64([1, 2])],
    {},
    'REFERENCE_SHAPE elements to make a larger tensor of',
  ],
  ['Upsample', [image, sized(4)], {}, 'REFERENCE_SHAPE positive scales, got 0'],
  ['CenterCropPad', [image, int64([2])], {}, 'REFERENCE_SHAPE sizes for the axes [0,1,2,3] of [1,2,3,3], got [2]'],
  ['GridSample', [image, sized(1, 2, 2, 3)], {}, 'REFERENCE_SHAPE a grid [1, …2 sizes, 2]'],
  ['GridSample', [image, sized(1, 1, 1, 2)], { padding_mode: 'wrap' }, 'REFERENCE_UNSUPPORTED padding_mode wrap'],
  ['AffineGrid', [sized(1, 2, 3), int64([1, 1, 2])], {}, 'REFERENCE_SHAPE a size of 4 or 5 entries, got 3'],
  ['AffineGrid', [sized(1, 2, 3), int64([1, 1, 9e4, 9e4])], {}, 'REFERENCE_SHAPE an output of at most 268435456'],
  ['DeformConv', [image, sized(1, 2, 2, 2), sized(1, 4, 2, 2)], {}, 'REFERENCE_SHAPE offsets of shape [1,8,2,2]'],
  ['NonMaxSuppression', [sized(1, 2, 4), sized(1, 1, 3)], {}, 'REFERENCE_SHAPE boxes of shape [1,3,4], got [1,2,4]'],
  ['ai.onnx.ml.TreeEnsemble', [sized(1, 2)], { ...tree, n_targets: 0 }, 'REFERENCE_SHAPE at least 1 target, got 0'],
  ['RoiAlign', [image, sized(1, 4), int64([1])], {}, 'REFERENCE_SHAPE images below 1, got 1'],
  ['RoiAlign', [image, sized(1, 4), int64([0])], { sampling_ratio: 5000 }, 'REFERENCE_SHAPE at most 1048576 samples'],
  ['DFT', [sized(1, 4, 3)], {}, 'REFERENCE_SHAPE a last axis of 1 or 2: real or complex, got [1,4,3]'],
  ['DFT', [sized(1, 4, 1)], { axis: 2 }, 'REFERENCE_SHAPE a signal axis, got 2 of [1,4,1]'],
  ['DFT', [sized(1, 4, 2)], { onesided: 1 }, 'REFERENCE_SHAPE a real signal, got [1,4,2]'],
  ['DFT', [sized(1, 4, 1), int64([1e12])], {}, 'REFERENCE_SHAPE an output of at most 268435456'],
  ['STFT', [sized(1, 4, 1), int64([0])], {}, 'REFERENCE_SHAPE a length of at least 1, got 0'],
  ['STFT', [sized(1, 4, 1), int64([1]), sized(5)], {}, 'REFERENCE_SHAPE a frame of at most 4, got 5'],
  ['HannWindow', [int64([-1])], {}, 'REFERENCE_SHAPE an output of sizes, got [-1]'],
  ['HannWindow', [int64([1])], { output_datatype: 99 }, 'REFERENCE_UNSUPPORTED output_datatype 99'],
  [
    'MelWeightMatrix',
    [int64([2]), int64([8]), int64([8]), sized(1), float32([900])],
    {},
    'REFERENCE_SHAPE frequencies within the spectrum of 5 bins',
  ],
  ['Det', [sized(2, 3)], {}, 'REFERENCE_SHAPE square matrices, got [2,3]'],
  ['StringConcat', [sized(1), sized(1)], {}, 'REFERENCE_SHAPE texts, got float32'],
  ['StringNormalizer', [words(2, 2)], {}, 'REFERENCE_SHAPE texts [n] or [1, n], got [2,2]'],
  ['StringNormalizer', [words(1)], { locale: '../x' }, 'REFERENCE_UNSUPPORTED locale ../x'],
  ...[
    '(?i)a',
    '(?=a)',
    '(a)\\1',
    'a**',
    '{1}',
    'a{1001}',
    '((((a{99}){99}){99}){99})',
    '(a',
    'a)',
    '[a',
    '[[:^alpha:]]',
    '\\Qa',
  ].map((pattern) => ['RegexFullMatch', [words(1)], { pattern }, 'REFERENCE_UNSUPPORTED expected a form'] as const),
  ['RegexFullMatch', [words(1)], { pattern: '('.repeat(300) }, 'REFERENCE_UNSUPPORTED too many nested groups'],
  ['StringSplit', [sized(1)], {}, 'REFERENCE_SHAPE texts, got float32'],
  ['TfIdfVectorizer', [words(1)], { mode: 'TF' }, 'REFERENCE_UNSUPPORTED no pool'],
  [
    'TfIdfVectorizer',
    [words(1)],
    { pool_strings: ['a', 'b'], ngram_counts: [0, 1], ngram_indexes: [0, 1] },
    'REFERENCE_SHAPE 2-grams inside a pool of 2, got [1, 2)',
  ],
  ['ai.onnx.ml.LabelEncoder', [words(1)], { keys_strings: ['a'] }, 'REFERENCE_UNSUPPORTED no attribute values_*'],
  [
    'ai.onnx.ml.LabelEncoder',
    [words(1)],
    { keys_strings: ['a'], values_int64s: [1, 2] },
    'REFERENCE_SHAPE a value for',
  ],
  ['ai.onnx.ml.ArrayFeatureExtractor', [image, int64([3])], {}, 'REFERENCE_SHAPE indices in [0, 3), got 3'],
  [
    'ai.onnx.ml.TreeEnsemble',
    [sized(1, 2)],
    { ...tree, tree_roots: [9] },
    'REFERENCE_SHAPE nodes inside the tree, got 9',
  ],
  ['ai.onnx.ml.TreeEnsemble', [sized(1, 2)], { ...tree, nodes_trueleafs: [0] }, 'REFERENCE_SHAPE trees, got a cycle'],
  ['ai.onnx.ml.TreeEnsemble', [sized(1, 2)], { ...tree, post_transform: 4 }, 'REFERENCE_UNSUPPORTED post_transform 4'],
  [
    'ai.onnx.preview.training.Adam',
    [sized(), int64([1]), sized(2), sized(2)],
    {},
    'REFERENCE_SHAPE tensors, gradients',
  ],
  [
    'ai.onnx.preview.training.Momentum',
    [sized(), int64([1]), sized(2), sized(3), sized(2)],
    {},
    'REFERENCE_SHAPE a gradient or state of shape [2], got [3]',
  ],
];

it.each(refused)('%s refuses %#', async (operator, inputs, attributes, message) => {
  const dot = operator.lastIndexOf('.') + 1;
  const [domain, opType] = [operator.slice(0, Math.max(dot - 1, 0)), operator.slice(dot)];
  const g = createGraphBuilder('one');
  const names = inputs.map((tensor, i) => g.constant(`i${i}`, tensor));
  g.output(g.op(opType, names, attributes, { domain }), 'float32', []);
  const engine = await openReference(
    g.model({ opset: 17, opsets: { 'ai.onnx.ml': 5, 'ai.onnx.preview.training': 1 } }),
  );
  const error = await engine.run({}).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isSlmError(error)) throw error;
  const [code, ...words] = message.split(' ');
  expect(error.code).toBe(code);
  expect(error.message).toContain(words.join(' '));
});
