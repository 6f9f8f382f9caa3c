import type { Dim, TensorType } from '../../model.ts';
import { broadcast, formatDims } from '../dims.ts';
import { intOf, invalid, like, type RuleContext, rows, sameAsFirst, type TypeRule, tensor } from '../rule.ts';
import { convolvedDims, globalDims, pooledDims } from './convolution.ts';
import { gemmDims } from './linear.ts';
import { channelsFirst, channelsLast } from './microsoft.ts';
import { reducedDims } from './reduce.ts';
import { concatenated } from './shape.ts';

type Shape = readonly Dim[] | undefined;

/** Runs a rule of [N, C, d…] on [N, d…, C] when `channels_last` says so. */
function inLayout({ node }: RuleContext, dims: Shape, rule: (dims: Shape) => Shape): Shape {
  return intOf(node, 'channels_last', 0) === 0 ? rule(dims) : channelsLast(rule(channelsFirst(dims)));
}

function joint({ node }: RuleContext, shapes: readonly Shape[]): Shape {
  if (!shapes.every((dims) => dims !== undefined)) return undefined;
  const result = broadcast(shapes);
  if ('clash' in result) throw invalid(node, 'shapes that broadcast', shapes.map(formatDims).join(' and '));
  return result;
}

/** Two quantized inputs, each followed by its scale and zero point. */
const pair: TypeRule = (context) => {
  const [a, , , b] = context.inputs;
  return [like(a ?? b, joint(context, [a?.dims, b?.dims]))];
};

/** Operators of ONNX Runtime on quantized tensors; each is followed by its scale and zero point among the inputs. */
export const microsoftQuantizedRules: Readonly<Record<string, TypeRule>> = {
  ...rows('com.microsoft.QLinearSigmoid com.microsoft.QLinearLeakyRelu com.microsoft.QLinearSoftmax', sameAsFirst),
  ...rows('com.microsoft.QLinearAdd com.microsoft.QLinearMul', pair),
  'com.microsoft.QLinearConv': (context) => {
    const { node, inputs } = context;
    return [
      like(
        inputs[7],
        inLayout(context, inputs[0]?.dims, (x) => convolvedDims(node, x, inputs[3]?.dims)),
      ),
    ];
  },
  'com.microsoft.QLinearAveragePool': (context) => {
    const [x] = context.inputs;
    return [
      like(
        x,
        inLayout(context, x?.dims, (dims) => pooledDims(context.node, dims)),
      ),
    ];
  },
  'com.microsoft.QLinearGlobalAveragePool': (context) => {
    const [x] = context.inputs;
    return [like(x, inLayout(context, x?.dims, globalDims))];
  },
  'com.microsoft.QLinearReduceMean': (context) => [
    like(context.inputs[0], reducedDims(context, Number.POSITIVE_INFINITY)),
  ],
  'com.microsoft.QLinearConcat': ({ node, inputs }) => {
    const parts = inputs.slice(2).filter((_, index) => index % 3 === 0);
    return [
      like(
        inputs[1],
        concatenated(
          node,
          parts.map((part) => part?.dims),
          intOf(node, 'axis', 0),
        ),
      ),
    ];
  },
  'com.microsoft.QLinearWhere': (context) => {
    const [condition, x, , , y] = context.inputs;
    return [like(x ?? y, joint(context, [condition?.dims, x?.dims, y?.dims]))];
  },
  'com.microsoft.QGemm': ({ node, inputs, has }): readonly (TensorType | undefined)[] => {
    const dims = gemmDims(node, inputs[0]?.dims, inputs[3]?.dims);
    return [has(8) ? like(inputs[8], dims) : like(inputs[1] ?? tensor('float32', []), dims)];
  },
};
