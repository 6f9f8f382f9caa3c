import type { DataType, Dim, TensorType } from '../../model.ts';
import { broadcast, formatDims } from '../dims.ts';
import {
  dataTypeAttribute,
  intOf,
  invalid,
  like,
  type RuleContext,
  rows,
  sameAsFirst,
  sameShape,
  type TypeRule,
  tensor,
} from '../rule.ts';

/** The element type of the inputs, the shape that they broadcast to. */
const elementwise: TypeRule = (context) => [
  like(
    context.inputs.find((x) => x !== undefined),
    broadcastInputs(context),
  ),
];

/** The element type of the first input, which may differ from the others'. */
const ofFirst: TypeRule = (context) => [like(context.inputs[0], broadcastInputs(context))];

const broadcastAs =
  (type: DataType): TypeRule =>
  (context) => [tensor(type, broadcastInputs(context))];

/** Operators that compute each element from the elements at its place. */
export const elementwiseRules: Readonly<Record<string, TypeRule>> = {
  ...rows(
    'Abs Acos Acosh Asin Asinh Atan Atanh BitwiseNot Ceil Celu Clip Cos Cosh Elu Erf Exp Floor Gelu HardSigmoid ' +
      'HardSwish Hardmax Identity LeakyRelu Log LogSoftmax Mish Neg Not PRelu Reciprocal Relu Round Selu Shrink Sigmoid ' +
      'Sign Sin Sinh Softmax Softplus Softsign Sqrt SwiGLU Swish Tan Tanh ThresholdedRelu CumSum CumProd Affine ' +
      'ParametricSoftplus Scale ScaledTanh',
    sameAsFirst,
  ),
  ...rows('Add Sub Mul Div Mod Min Max Sum Mean And Or Xor BitwiseAnd BitwiseOr BitwiseXor', elementwise),
  ...rows('Pow BitShift', ofFirst),
  ...rows('Equal Greater GreaterOrEqual Less LessOrEqual', broadcastAs('bool')),
  ...rows('IsNaN IsInf RegexFullMatch', sameShape('bool')),
  StringConcat: broadcastAs('string'),
  Where: (context) => [like(context.inputs[1] ?? context.inputs[2], broadcastInputs(context))],
  ...rows('Cast BitCast', ({ node, inputs: [x] }) => {
    const type = dataTypeAttribute(node, 'to');
    return [type && tensor(type, x?.dims)];
  }),
  CastLike: ({ inputs: [x, model] }) => [like(model, x?.dims)],
  Dropout: ({ inputs: [x], version }) => [x, version < 10 ? x : tensor('bool', x?.dims)],
  ...rows('RandomNormalLike RandomUniformLike Bernoulli EyeLike', ({ node, inputs: [x] }) => {
    const type = dataTypeAttribute(node, 'dtype') ?? x?.type;
    return [type && tensor(type, x?.dims)];
  }),
  ...rows('ai.onnx.preview.training.Adagrad', optimizer(1)),
  ...rows('ai.onnx.preview.training.Momentum', optimizer(1)),
  ...rows('ai.onnx.preview.training.Adam', optimizer(2)),
  'ai.onnx.preview.training.Gradient': ({ node, values }) => node.outputs.map((_, index) => values[index]),
};

/** The shape that all inputs that are given broadcast to; before opset 7 the first one's. */
export function broadcastInputs({ node, inputs, version }: RuleContext): readonly Dim[] | undefined {
  const shapes = node.inputs.flatMap((name, index) => (name === '' ? [] : [inputs[index]?.dims]));
  if (version < 7 && intOf(node, 'broadcast', 0) !== 0) return shapes[0];
  if (!shapes.every((dims) => dims !== undefined)) return undefined;
  const result = broadcast(shapes);
  if ('clash' in result) throw invalid(node, 'shapes that broadcast', shapes.map(formatDims).join(' and '));
  return result;
}

/** An optimizer of `rate, step, x…, gradients…, states…` makes `x…, states…`. */
function optimizer(states: number): TypeRule {
  return ({ values }): readonly (TensorType | undefined)[] => {
    const count = Math.floor((values.length - 2) / (2 + states));
    return [...values.slice(2, 2 + count), ...values.slice(2 + 2 * count)] as (TensorType | undefined)[];
  };
}
