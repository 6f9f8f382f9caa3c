import type { Finding, Graph, Model, Node, Tensor } from '@slm-compress/onnx';
import { SlmError } from '@slm-compress/onnx';

/** A product of an activation with a constant weight: `MatMul`, or a `Gemm` that is one with a bias. */
export interface LinearTarget {
  readonly node: Node;
  /** Name of the float input to quantize. */
  readonly activation: string;
  /** Name of the constant. */
  readonly weight: string;
  /** The constant as stored: `[inputs, outputs]`, or the transpose when `transposed`. */
  readonly tensor: Tensor;
  readonly transposed: boolean;
  /** The bias of a Gemm. */
  readonly bias?: string;
}

/** A look-up of rows in a constant table `[rows, width]`. */
export interface TableTarget {
  readonly node: Node;
  readonly table: string;
  readonly tensor: Tensor;
}

export interface Targets {
  readonly linear: readonly LinearTarget[];
  readonly tables: readonly TableTarget[];
  /** What looked like a target and is none, and why. */
  readonly skipped: readonly Finding[];
}

export interface TargetOptions {
  /** Names of nodes to leave in float32. */
  readonly exclude?: readonly string[];
  /** Tables with fewer elements stay float32. 4096 by default. */
  readonly minimumTableElements?: number;
}

const quantizedOperators = new Set([
  'QuantizeLinear',
  'DequantizeLinear',
  'DynamicQuantizeLinear',
  'MatMulInteger',
  'ConvInteger',
  'QLinearMatMul',
  'QLinearConv',
  'MatMulIntegerToFloat',
  'DynamicQuantizeMatMul',
  'MatMulNBits',
  'QGemm',
  'QAttention',
]);

/** Operators whose constant weights become int8. */
export const quantizableOperators = ['Gather', 'Gemm', 'MatMul'] as const;

type QuantizableOperator = (typeof quantizableOperators)[number];

const isQuantizable = (opType: string): opType is QuantizableOperator =>
  (quantizableOperators as readonly string[]).includes(opType);

/** The name people know a node by; its first output when it has none. */
export function nodeName(node: Node): string {
  return node.name === '' ? (node.outputs[0] ?? node.opType) : node.name;
}

/**
 * Finds what static quantization works on.
 *
 * @throws SlmError `QUANTIZE_ALREADY` when the model holds quantized operators
 */
export function findTargets(model: Model, options: TargetOptions = {}): Targets {
  const { graph } = model;
  const already = graph.nodes.find((node) => quantizedOperators.has(node.opType));
  if (already !== undefined) {
    throw new SlmError(
      'QUANTIZE_ALREADY',
      `quantize, node "${nodeName(already)}": expected a float model, got ${already.opType} (quantize the FP32 model instead)`,
    );
  }
  const excluded = new Set(options.exclude);
  const minimum = options.minimumTableElements ?? 4096;
  const constants = constantsOf(graph);
  const overridable = new Set(graph.inputs.map((input) => input.name));
  const uses = usesOf(graph);
  const linear: LinearTarget[] = [];
  const tables: TableTarget[] = [];
  const skipped: Finding[] = [];
  const skip = (node: Node, message: string) => skipped.push({ kind: 'skipped', where: nodeName(node), message });

  const table = (node: Node) => {
    const name = node.inputs[0]!;
    const tensor = constants.get(name);
    if (tensor === undefined || tensor.type !== 'float32' || tensor.dims.length !== 2) return;
    if (integerAttribute(node, 'axis', 0) !== 0) return;
    if (tensor.data.length < minimum)
      return skip(node, `table ${name}: ${tensor.data.length} elements are too few to matter`);
    if (overridable.has(name)) return skip(node, `table ${name} is also a graph input: a caller may replace it`);
    const others = uses.get(name)!.filter((use) => use?.opType !== 'Gather' || use.inputs[0] !== name);
    if (others.length > 0)
      return skip(
        node,
        `table ${name} is also used by ${others.map((use) => use?.opType ?? 'a graph output').join(', ')}`,
      );
    tables.push({ node, table: name, tensor });
  };

  const product = (node: Node) => {
    const [activation = '', weight = '', bias] = node.inputs;
    const tensor = constants.get(weight);
    if (tensor === undefined) {
      const left = constants.get(activation);
      return skip(
        node,
        left === undefined
          ? `both inputs are computed: left in float32`
          : `weight ${activation} is on the left: left in float32`,
      );
    }
    if (constants.has(activation)) return skip(node, `both inputs are constants (fold them first)`);
    if (tensor.type !== 'float32') return skip(node, `weight ${weight} is ${tensor.type}, expected float32`);
    if (tensor.dims.length !== 2) return skip(node, `weight ${weight} has rank ${tensor.dims.length}, expected 2`);
    if (overridable.has(weight)) return skip(node, `weight ${weight} is also a graph input: a caller may replace it`);
    if (node.opType === 'MatMul') {
      linear.push({ node, activation, weight, tensor, transposed: false });
      return;
    }
    const plain = floatAttribute(node, 'alpha', 1) === 1 && floatAttribute(node, 'beta', 1) === 1;
    if (!plain || integerAttribute(node, 'transA', 0) !== 0) {
      return skip(node, 'Gemm with alpha, beta or transA: only A·B + C and A·Bᵀ + C are supported');
    }
    const transposed = integerAttribute(node, 'transB', 0) !== 0;
    linear.push({ node, activation, weight, tensor, transposed, ...(bias ? { bias } : {}) });
  };

  const readers: Readonly<Record<QuantizableOperator, (node: Node) => void>> = {
    Gather: table,
    Gemm: product,
    MatMul: product,
  };
  for (const node of graph.nodes) {
    if (node.domain !== '') continue;
    if (excluded.has(node.name)) skip(node, 'excluded by the options');
    else if (isQuantizable(node.opType)) readers[node.opType](node);
  }
  return { linear, tables, skipped };
}

/** Initializers and the values of `Constant` nodes. */
export function constantsOf(graph: Graph): ReadonlyMap<string, Tensor> {
  const constants = new Map(graph.initializers);
  for (const node of graph.nodes) {
    const value = node.attributes.value;
    if (node.opType === 'Constant' && node.domain === '' && value?.kind === 'tensor') {
      constants.set(node.outputs[0]!, value.value);
    }
  }
  return constants;
}

/** The nodes that read each value, subgraphs included; `undefined` stands for a graph output. */
export function usesOf(graph: Graph): ReadonlyMap<string, readonly (Node | undefined)[]> {
  const uses = new Map<string, (Node | undefined)[]>();
  const add = (name: string, node: Node | undefined) => {
    const list = uses.get(name);
    if (list === undefined) uses.set(name, [node]);
    else list.push(node);
  };
  const visit = (inner: Graph) => {
    for (const node of inner.nodes) {
      for (const name of node.inputs) if (name !== '') add(name, node);
      for (const attribute of Object.values(node.attributes)) {
        if (attribute.kind === 'graph') visit(attribute.value);
        if (attribute.kind === 'graphs') attribute.value.forEach(visit);
      }
    }
    for (const output of inner.outputs) add(output.name, undefined);
  };
  visit(graph);
  return uses;
}

function integerAttribute(node: Node, name: string, fallback: number): number {
  const attribute = node.attributes[name];
  return attribute?.kind === 'int' ? Number(attribute.value) : fallback;
}

function floatAttribute(node: Node, name: string, fallback: number): number {
  const attribute = node.attributes[name];
  return attribute?.kind === 'float' ? attribute.value : fallback;
}
