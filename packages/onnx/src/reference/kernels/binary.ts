import { dataTypes } from '../../data-type.ts';
import type { DataType } from '../../model.ts';
import { isInteger } from '../../number-formats.ts';
import type { Kernel, KernelContext } from '../kernel.ts';
import { axisOf } from '../kernel.ts';
import type { Elements, TensorValue } from '../value.ts';
import { allocate, broadcastDims, broadcastTo, emptyOf } from '../value.ts';

type Element = number | bigint | string;

/** Applies a function to the pairs of elements of two operands of one shape. */
function paired(a: TensorValue, b: TensorValue, type: DataType, apply: (a: never, b: never) => Element): TensorValue {
  const [left, right] = [a.data as readonly Element[], b.data as readonly Element[]];
  const data = allocate(emptyOf(type), left.length);
  for (let i = 0; i < data.length; i++) data[i] = apply(left[i]! as never, right[i]! as never);
  return { type, dims: a.dims, data: data as unknown as Elements };
}

/**
 * The operands with broadcasting done. Before operator set 7 the second operand broadcasts where `broadcast` says so, its
 * first axis at `axis`.
 */
function operandsOf(c: KernelContext): readonly TensorValue[] {
  const operands = c.node.inputs.map((_, index) => c.any(index));
  if (operands.length === 0) c.misfit('at least one operand', 'none');
  const [first, second] = operands;
  if (c.opset < 7 && c.int('broadcast', 0) === 1 && first && second) {
    const axis = axisOf(c.int('axis', first.dims.length - second.dims.length), first.dims.length);
    const after = Math.max(first.dims.length - axis - second.dims.length, 0);
    operands[1] = { ...second, dims: [...second.dims, ...new Array<number>(after).fill(1)] };
  }
  const dims = broadcastDims(
    operands.map((operand) => operand.dims),
    c.where,
  );
  return operands.map((operand) => broadcastTo(operand, dims));
}

/** True where two operands hold the same kind of elements. */
const alike = (a: TensorValue, b: TensorValue) => a.data.constructor === b.data.constructor;

interface Rule {
  /** On doubles; `type` is that of the first operand. */
  readonly number: (a: number, b: number, type: DataType) => number;
  /** On 64-bit integers; results wrap around. Where absent they are computed as doubles. */
  readonly big?: (a: bigint, b: bigint) => bigint;
}

/** Folds all operands from the left; the result has the type of the first. */
function fold(c: KernelContext, { number, big }: Rule): TensorValue {
  const operands = operandsOf(c);
  return operands.reduce((a, b) => {
    if (!alike(a, b) || a.type === 'string') c.misfit(`an operand of type ${a.type}`, b.type);
    const { type } = a;
    if (a.data instanceof Float64Array) return paired(a, b, type, (x: number, y: number) => number(x, y, type));
    return big
      ? paired(a, b, type, big)
      : paired(a, b, type, (x: bigint, y: bigint) => BigInt(Math.trunc(number(Number(x), Number(y), type))));
  });
}

const arithmetic =
  (number: Rule['number'], big?: Rule['big']): Kernel =>
  (c) => [fold(c, big ? { number, big } : { number })];

/** Comparisons are exact for every type. */
const compare =
  (apply: (a: Element, b: Element) => boolean): Kernel =>
  (c) => {
    const [a, b] = operandsOf(c);
    if (!a || !b || !alike(a, b)) return c.misfit('two operands of one type', `${a?.type} and ${b?.type}`);
    return [paired(a, b, 'bool', (x: Element, y: Element) => (apply(x, y) ? 1 : 0))];
  };

const bits =
  (number: (a: number, b: number) => number, big: (a: bigint, b: bigint) => bigint): Kernel =>
  (c) => {
    if (!isInteger(c.any(0).type)) c.misfit('integers', c.any(0).type);
    return [fold(c, { number, big })];
  };

/** Remainder with the sign of the divisor. */
function floorMod(a: number, b: number): number {
  const rest = a % b;
  if (rest === 0) return b < 0 || Object.is(b, -0) ? -0 : 0;
  return rest < 0 !== b < 0 ? rest + b : rest;
}

function mod(c: KernelContext): readonly TensorValue[] {
  const integers = isInteger(c.any(0).type);
  if (integers && hasZero(c.any(1))) c.misfit('divisors other than 0', '0');
  if (c.int('fmod', 0) === 1) return [fold(c, { number: (a, b) => a % b, big: (a, b) => a % b })];
  return [fold(c, { number: floorMod, big: (a, b) => (a % b !== 0n && a < 0n !== b < 0n ? (a % b) + b : a % b) })];
}

function hasZero({ data }: TensorValue): boolean {
  return (data as readonly Element[]).some((element) => element === 0 || element === 0n);
}

function divide(c: KernelContext): readonly TensorValue[] {
  const integers = isInteger(c.any(0).type);
  if (integers && hasZero(c.any(1))) c.misfit('divisors other than 0', '0');
  return [fold(c, { number: (a, b) => (integers ? Math.trunc(a / b) : a / b), big: (a, b) => a / b })];
}

/** Powers have the type of the base. Those of integers are exact modulo 2⁶⁴; negative exponents give the fraction cut. */
function pow(c: KernelContext): readonly TensorValue[] {
  const [base, exponent] = operandsOf(c);
  if (!base || !exponent) return c.misfit('two operands', `${c.values.length}`);
  const { type } = base;
  if (isInteger(type) && isInteger(exponent.type)) {
    const power = (a: number | bigint, b: number | bigint) => integerPower(BigInt(a), BigInt(b));
    if (base.data instanceof Float64Array) {
      const { bits: width } = dataTypes[type];
      return [
        paired(base, exponent, type, (a: number, b: number | bigint) => Number(BigInt.asIntN(width, power(a, b)))),
      ];
    }
    return [paired(base, exponent, type, power)];
  }
  const result = paired(base, exponent, 'float64', (a: number | bigint, b: number | bigint) => Number(a) ** Number(b));
  return [{ ...result, type }];
}

function integerPower(base: bigint, exponent: bigint): bigint {
  if (exponent < 0n) {
    if (base === 1n) return 1n;
    if (base === -1n) return exponent % 2n === 0n ? 1n : -1n;
    return 0n;
  }
  let [result, square] = [1n, base];
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = BigInt.asIntN(64, result * square);
    square = BigInt.asIntN(64, square * square);
  }
  return result;
}

/** Amounts beyond the width leave what the sign extends to. */
function shift(c: KernelContext): readonly TensorValue[] {
  const { type } = c.any(0);
  const width = dataTypes[type].bits;
  const left = c.text('direction', '') === 'LEFT';
  const big = (a: bigint, b: bigint) => {
    const amount = b < 0n || b >= BigInt(width) ? BigInt(width) : b;
    return left ? a << amount : a >> amount;
  };
  return [fold(c, { number: (a, b) => Number(BigInt.asIntN(53, big(BigInt(a), BigInt(b)))), big })];
}

export const greater = (a: bigint, b: bigint): bigint => {
  if (a < b) return b;
  return a;
};
export const less = (a: bigint, b: bigint): bigint => {
  if (a < b) return a;
  return b;
};

const isProduct = (type: DataType) => type === 'int32' || type === 'uint32';

/** Functions of two elements, with broadcasting (https://onnx.ai/onnx/repo-docs/Broadcasting.html). */
export const binaryKernels: Readonly<Record<string, Kernel>> = {
  Add: arithmetic(
    (a, b) => a + b,
    (a, b) => a + b,
  ),
  Sub: arithmetic(
    (a, b) => a - b,
    (a, b) => a - b,
  ),
  Mul: arithmetic(
    (a, b, type) => (isProduct(type) ? Math.imul(a, b) : a * b),
    (a, b) => a * b,
  ),
  Div: divide,
  Mod: mod,
  Pow: pow,
  Max: arithmetic((a, b) => Math.max(a, b), greater),
  Min: arithmetic((a, b) => Math.min(a, b), less),
  Sum: arithmetic(
    (a, b) => a + b,
    (a, b) => a + b,
  ),
  Mean: (c) => {
    const sum = fold(c, { number: (a, b) => a + b });
    return [{ ...sum, data: (sum.data as Float64Array).map((total) => total / c.node.inputs.length) }];
  },
  PRelu: (c) => {
    const [x, slope] = [c.any(0), c.any(1)];
    // Before operator set 7 a slope of rank 1 belongs to the channels, axis 1.
    const perChannel = c.opset < 7 && slope.dims.length === 1 && x.dims.length > 2;
    const dims = perChannel ? [...slope.dims, ...x.dims.slice(2).map(() => 1)] : slope.dims;
    const common = broadcastDims([x.dims, dims], c.where);
    const factors = broadcastTo({ ...slope, dims }, common);
    if (x.data instanceof Float64Array) {
      return [paired(broadcastTo(x, common), factors, x.type, (a: number, b: number) => (a < 0 ? a * b : a))];
    }
    return [paired(broadcastTo(x, common), factors, x.type, (a: bigint, b: bigint) => (a < 0n ? a * b : a))];
  },

  And: arithmetic((a, b) => a * b),
  Or: arithmetic((a, b) => Math.max(a, b)),
  Xor: arithmetic((a, b) => (a === b ? 0 : 1)),
  Equal: compare((a, b) => a === b),
  Greater: compare((a, b) => a > b),
  GreaterOrEqual: compare((a, b) => a >= b),
  Less: compare((a, b) => a < b),
  LessOrEqual: compare((a, b) => a <= b),

  BitwiseAnd: bits(
    (a, b) => a & b,
    (a, b) => a & b,
  ),
  BitwiseOr: bits(
    (a, b) => a | b,
    (a, b) => a | b,
  ),
  BitwiseXor: bits(
    (a, b) => a ^ b,
    (a, b) => a ^ b,
  ),
  BitShift: shift,

  Where: (c) => {
    const [condition, yes, no] = [c.any(0), c.any(1), c.any(2)];
    if (!alike(yes, no)) c.misfit('two choices of one type', `${yes.type} and ${no.type}`);
    const dims = broadcastDims([condition.dims, yes.dims, no.dims], c.where);
    const [choice, a, b] = [condition, yes, no].map((value) => broadcastTo(value, dims).data as readonly Element[]);
    const data = allocate(yes, choice!.length);
    for (let i = 0; i < data.length; i++) data[i] = (choice![i] === 0 ? b : a)![i]!;
    return [{ type: yes.type, dims, data: data as unknown as Elements }];
  },
};
