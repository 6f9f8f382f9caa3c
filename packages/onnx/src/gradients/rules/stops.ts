import type { GradientRule } from '../rule.ts';

const stops = (reason: string, operators: string): Readonly<Record<string, GradientRule>> =>
  Object.fromEntries(operators.split(' ').map((operator) => [operator, { stops: reason }]));

/** Operators that pass no gradient, and why. */
export const stopping: Readonly<Record<string, GradientRule>> = {
  ...stops('depends on the shape alone', 'Shape Size ConstantOfShape'),
  ...stops('gives positions, not values', 'ArgMax ArgMin NonZero'),
  ...stops('gives truth values', 'Equal Greater GreaterOrEqual Less LessOrEqual And Or Xor Not IsNaN IsInf'),
  ...stops('is piecewise constant', 'Floor Ceil Round Sign'),
  ...stops('makes indices, not values', 'OneHot Range'),
};
