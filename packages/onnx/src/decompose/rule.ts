import type { AttributeReader } from '../attribute-reader.ts';
import type { AttributeInput } from '../builder.ts';
import type { DataType, Dim, Graph, Node, Tensor } from '../model.ts';

/** A dimension while decomposing: a number that is known, or the name of an int64 value of shape [1]. */
export type Size = number | string;

/** What a decomposition sees of its node, and the operators it may emit in the node's place. */
export interface DecomposeContext extends AttributeReader {
  readonly node: Node;
  /** Version of the ai.onnx operator set, 11 or later. */
  readonly opset: number;
  /** Name of the input, `''` when it is omitted. */
  x(index?: number): string;
  /** True when the input is given. */
  has(index: number): boolean;
  /** True when something may read the output. */
  wants(output: number): boolean;
  /** Element type of a value; float32 when unknown. */
  type(value: string): DataType;
  dims(value: string): readonly Dim[] | undefined;
  /** Rank of a value; refuses when unknown. */
  rank(value: string): number;
  /** The tensor of an initializer or Constant node. */
  valueOf(value: string): Tensor | undefined;
  /** Emits one ai.onnx node (or finds an equal one) and returns its first output. */
  op(opType: string, inputs: readonly string[], attributes?: Readonly<Record<string, AttributeInput>>): string;
  /** Like {@link DecomposeContext.op} for `count` outputs. */
  ops(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeInput>>,
    count: number,
  ): readonly string[];
  /** A rank-0 constant in the element type of `like`, by default of the first input. */
  scalar(value: number, like?: string): string;
  /** A 1-D int64 constant. */
  vector(values: readonly number[]): string;
  constant(tensor: Tensor): string;
  /** A dimension of a value, from the end when `axis` is negative. */
  size(value: string, axis: number): Size;
  /** A shape as a 1-D int64 value: one constant when all sizes are known. */
  shape(sizes: readonly Size[]): string;
  reshape(value: string, sizes: readonly Size[]): string;
  transpose(value: string, perm: readonly number[]): string;
  unsqueeze(value: string, axes: readonly number[]): string;
  squeeze(value: string, axes: readonly number[]): string;
  split(value: string, sizes: readonly number[], axis: number): readonly string[];
  cast(value: string, type: DataType): string;
  /** A reduction over `axes` (all when absent), which stay as size 1 unless `keep` is false. */
  reduce(opType: string, value: string, axes: readonly number[] | undefined, keep?: boolean): string;
  /** The integers 0 … size − 1, int64 [size]. */
  count(size: Size): string;
  /** Puts the nodes of a subgraph in place, under names of their own; the values of its outputs. */
  inline(graph: Graph): readonly string[];
  /** Says why this form of the operator cannot be decomposed. */
  refuse(reason: string): never;
}

/**
 * Replaces one node by nodes of simpler ai.onnx operators: emits them and returns the values of the node's outputs in
 * order (`undefined` for an output that is not wanted), or refuses with a reason.
 */
export type Decomposition = (context: DecomposeContext) => readonly (string | undefined)[];
