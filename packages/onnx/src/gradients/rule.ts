import type { Attribute, Node, TensorType } from '../model.ts';
import type { Emitter } from './emitter.ts';

/** What a rule sees of the node it differentiates. */
export interface GradientContext {
  readonly node: Node;
  readonly emitter: Emitter;
  /** Name of the input or `''`. */
  x(index?: number): string;
  /** Name of the output or `''`. */
  y(index?: number): string;
  /** Gradient of output `index`, with exactly its shape. */
  dy(index?: number): string;
  /** Gradient of output `index` whose shape may only broadcast to the output's. */
  looseDy(index?: number): string;
  /** False for an output that the loss does not depend on. */
  hasDy(index: number): boolean;
  /** True when the gradient of this input is asked for. */
  wants(index: number): boolean;
  /** Integer attribute. */
  int(name: string, otherwise: number): number;
  float(name: string, otherwise: number): number;
  /** List of integers, `undefined` when absent. */
  ints(name: string): readonly number[] | undefined;
  text(name: string, otherwise: string): string;
  /** Stops with `GRADIENT_UNSUPPORTED`, naming the node and the path to the parameter. */
  refuse(reason: string): never;
}

/** Emits nodes and returns the gradient of each input, `undefined` where none was asked for. */
export interface DifferentiableRule {
  readonly backward: (context: GradientContext) => readonly (string | undefined)[];
  /** Whether the outputs depend differentiably on the inputs, for operators where this varies. */
  readonly passes?: (node: Node, typeOf: (value: string) => TensorType | undefined) => boolean;
}

/**
 * How gradients pass through one operator: a {@link DifferentiableRule}, or `stops`: the outputs are piecewise constant
 * in the inputs, no gradient passes, and the reason why.
 */
export type GradientRule = DifferentiableRule | { readonly stops: string };

/** Integers of an attribute. */
export function attributeInts(attribute: Attribute | undefined): readonly number[] | undefined {
  return attribute?.kind === 'ints' ? attribute.value.map(Number) : undefined;
}
