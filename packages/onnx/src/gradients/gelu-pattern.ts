import { erfGelu } from '../fuse/gelu.ts';
import { match } from '../fuse/pattern.ts';
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
  const values = { producer: emitter.producer, constant: emitter.valueOf };
  const found = match(erfGelu, values, node.outputs[0]!).find(({ ranked }) => ranked.length === 0);
  return found?.values as GeluPattern | undefined;
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
