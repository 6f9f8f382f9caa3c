import { dataTypeOf } from '../../data-type.ts';
import type { DataType } from '../../model.ts';
import { roundEven } from '../../number-formats.ts';
import type { Kernel } from '../kernel.ts';
import { broadcastDims, broadcastOffset, fill, strides } from '../value.ts';
import { erf } from './erf.ts';

const unary =
  (apply: (x: number) => number, type?: DataType): Kernel =>
  (c) => {
    const x = c.input(0);
    return [{ type: type ?? x.type, dims: x.dims, data: x.data.map(apply) }];
  };

/** Folds all inputs with broadcasting; the result has the type of the first input, or `type`. */
const fold =
  (apply: (a: number, b: number, type: DataType) => number, type?: DataType): Kernel =>
  (c) => {
    const operands = c.node.inputs.map((_, index) => c.input(index));
    const first = operands[0]!;
    const dims = broadcastDims(
      operands.map((operand) => operand.dims),
      c.where,
    );
    const steps = operands.map((operand) => strides(operand.dims));
    const at = (index: number, position: readonly number[]) =>
      operands[index]!.data[broadcastOffset(operands[index]!.dims, steps[index]!, position)]!;
    return [
      fill(type ?? first.type, dims, (position) => {
        let result = at(0, position);
        for (let index = 1; index < operands.length; index++) result = apply(result, at(index, position), first.type);
        return result;
      }),
    ];
  };

const compare = (apply: (a: number, b: number) => boolean) => fold((a, b) => (apply(a, b) ? 1 : 0), 'bool');

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

export const elementwise: Readonly<Record<string, Kernel>> = {
  Abs: unary(Math.abs),
  Neg: unary((x) => -x),
  Identity: unary((x) => x),
  Sqrt: unary(Math.sqrt),
  Reciprocal: unary((x) => 1 / x),
  Exp: unary(Math.exp),
  Log: unary(Math.log),
  Sin: unary(Math.sin),
  Cos: unary(Math.cos),
  Erf: unary(erf),
  Tanh: unary(Math.tanh),
  Sigmoid: unary(sigmoid),
  Softplus: unary((x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))),
  Relu: unary((x) => Math.max(x, 0)),
  Sign: unary(Math.sign),
  Floor: unary(Math.floor),
  Ceil: unary(Math.ceil),
  Round: unary(roundEven),
  Not: unary((x) => (x === 0 ? 1 : 0)),
  IsNaN: unary((x) => (Number.isNaN(x) ? 1 : 0), 'bool'),
  IsInf: unary((x) => (Math.abs(x) === Number.POSITIVE_INFINITY ? 1 : 0), 'bool'),
  Gelu: (c) => {
    const tanh = c.text('approximate', 'none') === 'tanh';
    const k = Math.sqrt(2 / Math.PI);
    return unary((x) => 0.5 * x * (1 + (tanh ? Math.tanh(k * (x + 0.044715 * x ** 3)) : erf(x * Math.SQRT1_2))))(c);
  },
  /** Inference form: the input, and a mask of ones. */
  Dropout: (c) => {
    if (c.optional(2)?.data[0] === 1) c.refuse('training mode');
    const x = c.input(0);
    return [x, { type: 'bool', dims: x.dims, data: x.data.map(() => 1) }];
  },
  Add: fold((a, b) => a + b),
  Sum: fold((a, b) => a + b),
  Sub: fold((a, b) => a - b),
  Mul: fold((a, b) => a * b),
  Div: fold((a, b, type) => (/int/.test(type) ? Math.trunc(a / b) : a / b)),
  Mod: (c) => (c.int('fmod', 0) === 1 ? fold((a, b) => a % b)(c) : fold((a, b) => a - b * Math.floor(a / b))(c)),
  Pow: fold((a, b) => a ** b),
  Max: fold((a, b) => Math.max(a, b)),
  Min: fold((a, b) => Math.min(a, b)),
  And: fold((a, b) => a * b),
  Or: fold((a, b) => Math.max(a, b)),
  Xor: fold((a, b) => (a === b ? 0 : 1)),
  Equal: compare((a, b) => a === b),
  Greater: compare((a, b) => a > b),
  GreaterOrEqual: compare((a, b) => a >= b),
  Less: compare((a, b) => a < b),
  LessOrEqual: compare((a, b) => a <= b),
  Clip: (c) => {
    const [low, high] = [c.optional(1)?.data[0] ?? Number.NEGATIVE_INFINITY, c.optional(2)?.data[0] ?? Infinity];
    return unary((x) => Math.min(Math.max(x, low), high))(c);
  },
  Where: (c) => {
    const [condition, yes, no] = [c.input(0), c.input(1), c.input(2)];
    const dims = broadcastDims([condition.dims, yes.dims, no.dims], c.where);
    const steps = [condition, yes, no].map((value) => strides(value.dims));
    return [
      fill(yes.type, dims, (at) => {
        const [chosen, step] =
          condition.data[broadcastOffset(condition.dims, steps[0]!, at)] === 0 ? [no, steps[2]!] : [yes, steps[1]!];
        return chosen.data[broadcastOffset(chosen.dims, step, at)]!;
      }),
    ];
  },
  Cast: (c) => {
    const x = c.input(0);
    const to = dataTypeOf(c.int('to', 1)) ?? c.refuse(`a cast to element type ${c.int('to', 1)}`);
    const toInteger = /int/.test(to);
    return [
      {
        type: to,
        dims: x.dims,
        data: x.data.map((value) => (to === 'bool' ? (value === 0 ? 0 : 1) : toInteger ? Math.trunc(value) : value)),
      },
    ];
  },
};
