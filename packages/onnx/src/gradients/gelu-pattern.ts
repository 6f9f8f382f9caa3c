import type { Node } from '../model.ts';
import type { Emitter } from './emitter.ts';

/** The values of x · (erf(x/√2) + 1) · ½ that its backward graph reads again. */
export interface GeluPattern {
  readonly x: string;
  /** x/√2. */
  readonly argument: string;
  /** erf(x/√2) + 1. */
  readonly gate: string;
}

/**
 * Recognises the Gelu that ONNX models spell out before opset 20: `node` is the last of the products, whose factors may
 * be grouped and ordered in any way.
 */
export function matchGelu(node: Node, emitter: Emitter): GeluPattern | undefined {
  if (node.opType !== 'Mul') return undefined;
  for (const [outer, inner] of orders(node)) {
    const product = emitter.producer(inner);
    if (product?.opType !== 'Mul') continue;
    const factors = [outer, ...product.inputs];
    const half = factors.findIndex((factor) => isScalar(emitter, factor, 0.5));
    if (half < 0) continue;
    const rest = factors.filter((_, index) => index !== half);
    for (const [gate, x] of [rest, rest.toReversed()] as [string, string][]) {
      const argument = gateArgument(emitter, gate, x);
      if (argument !== undefined) return { x, argument, gate };
    }
  }
  return undefined;
}

/**
 * dx = ½dy · (gate + x·√(2/π)·exp(−x²/2)): four products, one sum and one exponential, two passes over the data less than
 * operator by operator.
 */
export function geluBackward(emitter: Emitter, { x, argument, gate }: GeluPattern, dy: string): string {
  const square = emitter.op('Mul', [argument, argument]);
  const density = emitter.op('Exp', [emitter.op('Sub', [emitter.scalar(Math.log(2 / Math.PI) / 2), square])]);
  const slope = emitter.op('Add', [gate, emitter.op('Mul', [x, density])]);
  return emitter.op('Mul', [emitter.mul(dy, emitter.scalar(0.5)), slope]);
}

/** x/√2 when `gate` is erf(x/√2) + 1. */
function gateArgument(emitter: Emitter, gate: string, x: string): string | undefined {
  const sum = emitter.producer(gate);
  if (sum?.opType !== 'Add') return undefined;
  for (const [one, erf] of orders(sum)) {
    const source = emitter.producer(erf);
    if (!isScalar(emitter, one, 1) || source?.opType !== 'Erf') continue;
    const argument = source.inputs[0]!;
    const scaled = emitter.producer(argument);
    if (scaled?.opType === 'Div') {
      return scaled.inputs[0] === x && isScalar(emitter, scaled.inputs[1]!, Math.SQRT2) ? argument : undefined;
    }
    if (scaled?.opType !== 'Mul') return undefined;
    return orders(scaled).some(([a, b]) => a === x && isScalar(emitter, b, Math.SQRT1_2)) ? argument : undefined;
  }
  return undefined;
}

function orders(node: Node): readonly (readonly [string, string])[] {
  const [a, b] = node.inputs as [string, string];
  return [
    [a, b],
    [b, a],
  ];
}

/** True for a rank-0 constant within float32 rounding of `value`. */
function isScalar(emitter: Emitter, name: string, value: number): boolean {
  const tensor = emitter.valueOf(name);
  return tensor?.dims.length === 0 && Math.abs(Number(tensor.data[0]) / value - 1) < 1e-6;
}
