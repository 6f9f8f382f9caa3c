import type { DataType } from '../../model.ts';
import { dataTypeAttribute, like, type TypeRule, tensor } from '../rule.ts';
import { convolvedDims } from './convolution.ts';
import { matMulDims } from './linear.ts';

/** Operators that quantize, and the integer forms of others. */
export const quantizeRules: Readonly<Record<string, TypeRule>> = {
  QuantizeLinear: ({ node, inputs: [x, , zeroPoint], has }) => {
    const said: DataType = dataTypeAttribute(node, 'output_dtype') ?? 'uint8';
    return [has(2) ? like(zeroPoint, x?.dims) : tensor(said, x?.dims)];
  },
  DequantizeLinear: ({ node, inputs: [x, scale] }) => {
    const type = dataTypeAttribute(node, 'output_dtype') ?? scale?.type;
    return [type && tensor(type, x?.dims)];
  },
  DynamicQuantizeLinear: ({ inputs: [x] }) => [tensor('uint8', x?.dims), tensor('float32', []), tensor('uint8', [])],
  QLinearMatMul: ({ node, inputs }) => [like(inputs[7], matMulDims(node, inputs[0]?.dims, inputs[3]?.dims))],
  QLinearConv: ({ node, inputs }) => [like(inputs[7], convolvedDims(node, inputs[0]?.dims, inputs[3]?.dims))],
};
