import type { AttributeReader } from '../attribute-reader.ts';
import type { Attribute, Graph, Node, Tensor, TensorType } from '../model.ts';
import type { Emitter } from './emitter.ts';

/** What a rule sees of the node it differentiates. */
export interface GradientContext extends AttributeReader {
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
  /** True for a value that carries a gradient: for what subgraphs take from outside. */
  isActive(value: string): boolean;
  /** The values of a subgraph that depend differentiably on one of `sources`. */
  reached(graph: Graph, sources: Iterable<string>): ReadonlySet<string>;
  /** Adds to the gradient of a value that is no input of the node. */
  contribute(value: string, gradient: string): void;
  /**
   * Differentiates a subgraph: its nodes, forward ones included, under names of their own, ready to be the body of a
   * control-flow node of the backward graph.
   */
  body(request: BodyRequest): DifferentiatedBody;
  /** Stops with `GRADIENT_UNSUPPORTED`, naming the node and the path to the parameter. */
  refuse(reason: string): never;
}

/** Emits nodes and returns the gradient of each input, `undefined` where none was asked for. */
export interface DifferentiableRule {
  readonly backward: (context: GradientContext) => readonly (string | undefined)[];
  /** Whether the outputs depend differentiably on the inputs, for operators where this varies. */
  readonly passes?: (node: Node, typeOf: (value: string) => TensorType | undefined) => boolean;
  /** Why no gradient can be emitted, for operators whose every form is refused. */
  readonly refuses?: string;
}

/**
 * How gradients pass through one operator: a {@link DifferentiableRule}, or `stops`: the outputs are piecewise constant
 * in the inputs, no gradient passes, and the reason why.
 */
export type GradientRule = DifferentiableRule | { readonly stops: string };

/** A subgraph to differentiate. */
export interface BodyRequest {
  readonly graph: Graph;
  /** Values that carry gradients: inputs of the subgraph, or what it takes from outside. */
  readonly active: Iterable<string>;
  /** The gradients of the subgraph's outputs, by value. */
  readonly seeds: ReadonlyMap<string, string>;
  /** Values whose gradients are asked for. */
  readonly wanted: readonly string[];
  /** Inputs of the subgraph that are constants in the backward graph. */
  readonly constants?: ReadonlyMap<string, Tensor>;
  /** Types of the subgraph's inputs where it does not say them. */
  readonly types?: ReadonlyMap<string, TensorType>;
  /** What the inputs of the subgraph are called in the backward graph. */
  readonly names?: ReadonlyMap<string, string>;
  /** Emits further nodes after the sweep, given the gradients; returns the values they leave. */
  readonly extend?: (emitter: Emitter, gradient: (value: string) => string | undefined) => readonly string[];
}

export interface DifferentiatedBody {
  readonly nodes: readonly Node[];
  readonly initializers: ReadonlyMap<string, Tensor>;
  /** The gradient of a wanted value, `undefined` when the seeds do not depend on it. */
  gradient(value: string): string | undefined;
  /** What `extend` left. */
  readonly extra: readonly string[];
}

/** Integers of an attribute. */
export function attributeInts(attribute: Attribute | undefined): readonly number[] | undefined {
  return attribute?.kind === 'ints' ? attribute.value.map(Number) : undefined;
}
