import { type Dim, elementCount, type Node, type Tensor, type TensorType } from '../model.ts';
import { toNumbers } from '../number-formats.ts';
import { rowOf } from '../operator.ts';
import type { KnownValue } from '../types/rule.ts';

/** What a rule may look at: a node and what is known around it, in its graph and the graphs around that. */
export interface Site {
  readonly node: Node;
  /** Versions of the operator sets in force here. */
  readonly opsets: Readonly<Record<string, number>>;
  /** Version of ai.onnx in force here. */
  readonly opset: number;
  /** True where constants cannot be initializers: in local functions, and up to IR version 3. */
  readonly constantsAreNodes: boolean;
  /** Type of a value, inferred or declared. */
  type(value: string): TensorType | undefined;
  /** Dimensions of a value. */
  dims(value: string): readonly Dim[] | undefined;
  /** A value that is the same in every run: an initializer that is no input, or what a Constant node makes. */
  constant(value: string): Tensor | undefined;
  /** True for an initializer that is also a graph input: a default that a run may override. */
  overridable(value: string): boolean;
  /** What is known of the elements of a small value. */
  known(value: string): KnownValue | undefined;
  /** The node of this graph that makes a value. */
  producer(value: string): Node | undefined;
  /** How often a value is used, as a graph output too; without bound where it is a value of an outer graph. */
  uses(value: string): number;
  /** True for an output of this graph. */
  isOutput(value: string): boolean;
  /** A name that nothing in the model has. */
  fresh(base: string): string;
}

/**
 * What a rule makes of a node: other values in the place of its outputs (`''` for an output that nothing uses), other
 * nodes that make the same outputs (with constants for them), or nothing and why.
 */
export type Rewrite =
  | { readonly message: string; readonly alias: readonly string[] }
  | {
      readonly message: string;
      readonly nodes: readonly Node[];
      readonly constants?: ReadonlyMap<string, Tensor>;
      readonly types?: ReadonlyMap<string, TensorType>;
    }
  | { readonly skip: string };

/** One rule of a pass; `undefined` where it has nothing to say. */
export type RewriteRule = (site: Site) => Rewrite | undefined;

/** Rules by operator (`operatorKey`). */
export type RewriteTable = Readonly<Record<string, RewriteRule>>;

/** A table as one rule. */
export function tableRule(table: RewriteTable): RewriteRule {
  return (site) => rowOf(table, site.node)?.(site);
}

/** The first rule that has something to say. */
export function firstOf(...rules: readonly RewriteRule[]): RewriteRule {
  return (site) => {
    for (const rule of rules) {
      const rewrite = rule(site);
      if (rewrite !== undefined) return rewrite;
    }
    return undefined;
  };
}

/** The numbers of a constant of at most `limit` elements; `undefined` for strings and complex numbers. */
export function numbersOf(tensor: Tensor | undefined, limit = 1 << 20): readonly number[] | undefined {
  if (tensor === undefined || elementCount(tensor.dims) > limit) return undefined;
  return /^(string|complex)/.test(tensor.type) ? undefined : Array.from(toNumbers(tensor));
}

/** The integers of an attribute or, in later operator sets, of a constant input; `absent` when neither is given. */
export function integersOf(site: Site, name: string, input: number): readonly number[] | 'absent' | undefined {
  const { node } = site;
  const attribute = Object.hasOwn(node.attributes, name) ? node.attributes[name] : undefined;
  if (attribute?.kind === 'ints') return attribute.value.map(Number);
  const value = node.inputs[input] ?? '';
  return value === '' ? 'absent' : numbersOf(site.constant(value));
}

/** True when two shapes are certainly the same in every run. */
export function sameDims(a: readonly Dim[] | undefined, b: readonly Dim[] | undefined): boolean {
  return a !== undefined && a.length === b?.length && a.every((dim, axis) => dim !== undefined && dim === b[axis]);
}

/** `other` applied after `first`: what Transpose by `first` and then by `other` does in one. */
export function composePerms(first: readonly number[], other: readonly number[]): readonly number[] {
  return other.map((axis) => first[axis]!);
}

/** True for a permutation that moves nothing. */
export function isIdentityPerm(perm: readonly number[]): boolean {
  return perm.every((from, to) => from === to);
}

/** The permutation of a Transpose: its attribute, or the axes reversed where the rank is known. */
export function permOf(site: Site, node: Node): readonly number[] | undefined {
  const perm = Object.hasOwn(node.attributes, 'perm') ? node.attributes.perm : undefined;
  if (perm?.kind === 'ints') return perm.value.map(Number);
  const dims = site.dims(node.inputs[0]!);
  return dims?.map((_, axis) => dims.length - 1 - axis);
}
