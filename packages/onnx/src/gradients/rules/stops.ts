import type { GradientRule } from '../rule.ts';

const stops = (reason: string, operators: string): Readonly<Record<string, GradientRule>> =>
  Object.fromEntries(operators.split(' ').map((operator) => [operator, { stops: reason }]));

const refused = (reason: string, operators: string): Readonly<Record<string, GradientRule>> =>
  Object.fromEntries(
    operators.split(' ').map((operator) => [operator, { refuses: reason, backward: (c) => c.refuse(reason) }]),
  );

/** Operators that pass no gradient, and why. */
export const stopping: Readonly<Record<string, GradientRule>> = {
  ...stops('depends on the shape alone', 'Shape Size ConstantOfShape EyeLike'),
  ...stops('is a constant', 'Constant'),
  ...stops('depends on sizes alone', 'BlackmanWindow HammingWindow HannWindow MelWeightMatrix'),
  ...stops('gives positions, not values', 'ArgMax ArgMin NonZero NonMaxSuppression'),
  ...stops('gives truth values', 'Equal Greater GreaterOrEqual Less LessOrEqual And Or Xor Not IsNaN IsInf'),
  ...stops('gives truth values', 'OptionalHasElement RegexFullMatch'),
  ...stops('is piecewise constant', 'Floor Ceil Round Sign Hardmax'),
  ...stops('works on bits', 'BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor BitCast'),
  ...stops('computes in integers', 'ConvInteger MatMulInteger'),
  ...stops('draws at random', 'Bernoulli Multinomial RandomNormal RandomNormalLike RandomUniform RandomUniformLike'),
  ...stops('works on texts', 'StringConcat StringNormalizer StringSplit'),
  ...stops('counts terms', 'TfIdfVectorizer'),
  ...stops('decodes bytes', 'ImageDecoder'),
  ...stops('holds no elements', 'SequenceEmpty'),
  ...stops('counts elements', 'SequenceLength'),
};

/** Operators that have a gradient, but none that can be emitted, and why. */
export const refusing: Readonly<Record<string, GradientRule>> = {
  ...refused(
    'sequences and optionals carry no gradients (use Concat, Split and Gather)',
    'SequenceAt SequenceConstruct SequenceErase SequenceInsert SequenceMap ConcatFromSequence SplitToSequence Optional OptionalGetElement',
  ),
  ...refused('the operator left ai.onnx before operator set 13 (convert the model)', 'Scatter Upsample'),
  ...refused('the regions pool over sizes that depend on values', 'MaxRoiPool RoiAlign'),
  ...refused('the offsets sample at places that depend on values', 'DeformConv'),
};
