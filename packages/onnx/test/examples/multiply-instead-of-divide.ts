import { type Pass, type RewriteTable, rewriteModel, tableRule } from '@slm-compress/onnx';

/**
 * Divides by a constant power of two through its reciprocal, which is exact:
 *
 * 1. Div of floats by a constant whose elements are all powers of two.
 *
 * Refused, with the reason: another divisor, since its reciprocal is rounded. Silently: integers, computed divisors.
 */
export const multiplyInsteadOfDivide: Pass = {
  name: 'multiply-instead-of-divide',
  run: (model) => rewriteModel(model, () => tableRule(rules)),
};

const rules: RewriteTable = {
  Div: (site) => {
    const [dividend = '', divisor = ''] = site.node.inputs;
    const tensor = site.constant(divisor);
    if (tensor?.type !== 'float32') return undefined;
    const values = Array.from(tensor.data as Float32Array);
    if (!values.every((value) => Number.isInteger(Math.log2(value)) && Math.abs(Math.log2(value)) < 126)) {
      return { skip: `the reciprocal of ${divisor} is rounded` };
    }
    const reciprocal = site.fresh(`${divisor}_reciprocal`);
    return {
      message: `Div by ${divisor} became Mul`,
      nodes: [{ ...site.node, opType: 'Mul', inputs: [dividend, reciprocal] }],
      constants: new Map([[reciprocal, { ...tensor, data: Float32Array.from(values, (value) => 1 / value) }]]),
    };
  },
};
