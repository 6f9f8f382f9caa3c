import {
  type Attribute,
  type Finding,
  inferTypes,
  type Model,
  type Node,
  type PassResult,
  SlmError,
  type Tensor,
  type TensorType,
  valueTypes,
} from '@slm-compress/onnx';
import type { Ranges } from './calibrate.ts';
import {
  asymmetricParameters,
  dequantize,
  pairSafeParameters,
  perChannel,
  type QuantizationParameters,
  quantize,
  sqnr,
  symmetricParameters,
} from './granularity.ts';
import { findTargets, type LinearTarget, nodeName, type TableTarget, type TargetOptions, usesOf } from './targets.ts';

export interface QuantizeOptions extends TargetOptions {
  /**
   * `pair-safe` (the default) keeps the weights small enough for processors without VNNI, see
   * {@link pairSafeParameters}; `full` uses max|w| / 127 whatever the processor does with it.
   */
  readonly weightScale?: 'pair-safe' | 'full';
  /**
   * Products whose activation has, or may have, a single row for each batch item (a classifier head): `integer` (the default) writes
   * MatMulInteger → Cast → Mul, so that one text and a batch give the same bits; `qdq` treats them like the others, and
   * runtimes may compute them in float with another kernel for one row.
   */
  readonly singleRows?: 'integer' | 'qdq';
  /**
   * Products of single rows whose weights have fewer elements stay float32: the nodes around an integer product take
   * longer than they save. Quantized all the same is one whose activation comes from attention or a mean, as the last
   * bits of such sums depend on the padding, which rounding hides. 4096 by default.
   */
  readonly minimumSingleRowElements?: number;
  /** Store the tables of Gather nodes as int8, one scale a row. True by default. */
  readonly tables?: boolean;
}

/**
 * Static int8 quantization in the portable QDQ form, opset 13 or later, standard operators only:
 *
 * 1. the activation of each `MatMul` (or plain `Gemm`) with a constant weight goes through QuantizeLinear →
 *    DequantizeLinear, uint8, per tensor, with the calibrated range; a value read by several products is quantized once;
 * 2. its weight is stored as int8, symmetric, one scale for each output channel and no zero point, behind a
 *    DequantizeLinear; a weight read by several products is stored once;
 * 3. a `Gemm` becomes a product and an `Add`; a product of single rows becomes an integer one, see `singleRows`;
 * 4. the table of a `Gather` on axis 0 is stored as int8 with one scale a row; rows are gathered as integers and
 *    scaled afterwards.
 *
 * Left in float32, with a finding that says why: products of two computed values (attention), weights that are not
 * float32 initializers of rank 2, values without a calibrated range, small tables, tables also read by others, small
 * products of single rows.
 * The model's opset, inputs and outputs stay. The same model, ranges and options give the same bytes.
 *
 * @throws SlmError `QUANTIZE_ALREADY` for a quantized model, `QUANTIZE_OPSET` below opset 13, `QUANTIZE_NOTHING` when
 *   nothing can be quantized, `QUANTIZE_NOT_FINITE` for weights or ranges that are not finite
 */
export function quantizeStatic(model: Model, ranges: Ranges, options: QuantizeOptions = {}): PassResult {
  const opset = model.opsets[''] ?? 0;
  if (opset < 13) {
    throw new SlmError(
      'QUANTIZE_OPSET',
      `quantizeStatic: expected opset 13 or later, got ${opset} (export the model again)`,
    );
  }
  const { linear, tables, skipped } = findTargets(model, options);
  const weightParameters =
    options.weightScale === 'full'
      ? (matrix: Tensor) => symmetricParameters(matrix, perChannel(1))
      : pairSafeParameters;
  const findings: Finding[] = [...skipped];
  const writer = createWriter(model);
  const types = valueTypes(inferTypes(model).graph);
  const linearByNode = new Map<Node, LinearTarget>();
  const minimum = options.minimumSingleRowElements ?? 4096;
  const unsteady = new Set<string>();
  const steadyRow = ({ activation }: LinearTarget) => isSingleRow(types.get(activation)) && !unsteady.has(activation);
  const targetOf = new Map(linear.map((target) => [target.node, target]));
  for (const node of model.graph.nodes) {
    const target = targetOf.get(node);
    const skip = (message: string) => findings.push({ kind: 'skipped', where: nodeName(node), message });
    if (target !== undefined && !ranges.has(target.activation)) {
      skip(`no calibrated range for ${target.activation}`);
    } else if (target !== undefined && target.tensor.data.length < minimum && steadyRow(target)) {
      skip(`single rows and ${target.tensor.data.length} weights: float32 is faster below ${minimum}`);
    } else if (target !== undefined) {
      linearByNode.set(node, target);
      continue;
    }
    const sums = sumsOverRows(node, target) || node.inputs.some((input) => unsteady.has(input));
    if (sums) for (const output of node.outputs) unsteady.add(output);
  }
  const tableByNode = new Map<Node, TableTarget>(
    options.tables === false ? [] : tables.map((target) => [target.node, target]),
  );

  const activations = new Map<string, QuantizedActivation>();
  const quantizeActivation = (name: string) => {
    const known = activations.get(name);
    if (known !== undefined) return known;
    const parameters = asymmetricParameters(ranges.get(name)!);
    const scale = writer.constant(`${name}_scale`, { type: 'float32', dims: [], data: parameters.scale });
    const zeroPoint = writer.constant(`${name}_zero_point`, { type: 'uint8', dims: [], data: parameters.zeroPoint });
    const quantized = writer.node('QuantizeLinear', [name, scale, zeroPoint], `${name}_quantized`);
    const made = { quantized, scale, zeroPoint, scaleValue: parameters.scale[0]! };
    activations.set(name, made);
    return made;
  };

  const weights = new Map<string, ReturnType<typeof storeInt8>>();
  const quantizeWeight = ({ weight, tensor, transposed }: LinearTarget) => {
    const key = `${transposed ? 'T' : ''}:${weight}`;
    const known = weights.get(key);
    if (known !== undefined) return known;
    const matrix = transposed ? transpose(tensor) : tensor;
    const stored = storeInt8(writer, weight, matrix, weightParameters(matrix));
    weights.set(key, stored);
    return stored;
  };

  const rowTables = new Map<string, { quantized: string; scale: string; decibels: number }>();
  const quantizeTable = ({ table, tensor }: TableTarget) => {
    const known = rowTables.get(table);
    if (known !== undefined) return known;
    const parameters = symmetricParameters(tensor, perChannel(0));
    const integers = quantize(tensor, parameters);
    const made = {
      quantized: writer.constant(`${table}_quantized`, integers),
      scale: writer.constant(`${table}_scale`, { type: 'float32', dims: [tensor.dims[0]!, 1], data: parameters.scale }),
      decibels: sqnr(tensor.data as Float32Array, dequantize(integers, parameters).data as Float32Array),
    };
    rowTables.set(table, made);
    return made;
  };

  for (const node of model.graph.nodes) {
    const product = linearByNode.get(node);
    const lookup = tableByNode.get(node);
    if (product !== undefined) {
      const a = quantizeActivation(product.activation);
      const b = quantizeWeight(product);
      const single = options.singleRows !== 'qdq' && isSingleRow(types.get(product.activation));
      findings.push({
        kind: 'patched',
        where: nodeName(node),
        message: `int8${single ? ', integer product' : ''}: ${b.channels} output channels, weight ${decibels(b.decibels)}`,
      });
      if (single) {
        const base = nodeName(node);
        const integers = writer.node('MatMulInteger', [a.quantized, b.quantized, a.zeroPoint], `${base}/integer`);
        const floats = writer.node('Cast', [integers], `${base}/cast`, { to: { kind: 'int', value: 1 } });
        const scale = b.scales.map((channel) => channel * a.scaleValue);
        const scales = writer.constant(`${base}/scale`, { type: 'float32', dims: [b.channels], data: scale });
        writer.replaceProduct(node, 'Mul', [floats, scales], product.bias);
        continue;
      }
      const left = writer.node('DequantizeLinear', [a.quantized, a.scale, a.zeroPoint], `${nodeName(node)}/input`);
      const axis = { axis: { kind: 'int', value: 1 } } as const;
      const right = writer.node('DequantizeLinear', [b.quantized, b.scale], `${nodeName(node)}/weight`, axis);
      writer.replaceProduct(node, 'MatMul', [left, right], product.bias);
    } else if (lookup !== undefined) {
      const { quantized, scale, decibels: quality } = quantizeTable(lookup);
      const [ids] = node.inputs.slice(1);
      const integers = writer.node('Gather', [quantized, ids!], `${nodeName(node)}/rows`, node.attributes);
      const scales = writer.node('Gather', [scale, ids!], `${nodeName(node)}/scales`, node.attributes);
      const floats = writer.node('Cast', [integers], `${nodeName(node)}/cast`, { to: { kind: 'int', value: 1 } });
      writer.keep({ ...node, opType: 'Mul', inputs: [floats, scales], attributes: {} });
      findings.push({
        kind: 'patched',
        where: nodeName(node),
        message: `int8 table of ${lookup.tensor.dims[0]} rows, ${decibels(quality)}`,
      });
    } else writer.keep(node);
  }
  if (!findings.some((finding) => finding.kind === 'patched')) {
    throw new SlmError(
      'QUANTIZE_NOTHING',
      `quantizeStatic: expected a product with a constant weight or a table, found none (${findings.length} skipped${
        findings[0] ? `; first: ${findings[0].where}: ${findings[0].message}` : ''
      })`,
    );
  }
  return { model: writer.finish(), findings };
}

function decibels(value: number): string {
  return `SQNR ${value === Number.POSITIVE_INFINITY ? 'exact' : `${value.toFixed(1)} dB`}`;
}

interface QuantizedActivation {
  readonly quantized: string;
  readonly scale: string;
  readonly zeroPoint: string;
  readonly scaleValue: number;
}

/**
 * Whether a batch item may have one row: `[batch, features]`, `[batch, 1, features]`, or a size that inference can't
 * tell (a slice). A symbolic size such as `sequence` counts as longer.
 */
function isSingleRow(type: TensorType | undefined): boolean {
  const rows = type?.dims?.slice(1, -1);
  return rows !== undefined && type!.dims!.length >= 2 && rows.every((dim) => dim === 1 || dim === undefined);
}

/** Whether the order of `node`'s sums, and so their last bits, may depend on the length of the padded sequence. */
function sumsOverRows({ opType }: Node, target: LinearTarget | undefined): boolean {
  if (opType === 'MatMul' || opType === 'Gemm') return target === undefined;
  return opType === 'Softmax' || opType.startsWith('Reduce');
}

type Writer = ReturnType<typeof createWriter>;

function storeInt8(writer: Writer, name: string, matrix: Tensor, parameters: QuantizationParameters) {
  const integers = quantize(matrix, parameters);
  const channels = parameters.scale.length;
  return {
    quantized: writer.constant(`${name}_quantized`, integers),
    scale: writer.constant(`${name}_scale`, { type: 'float32', dims: [channels], data: parameters.scale }),
    scales: parameters.scale,
    channels,
    decibels: sqnr(matrix.data as Float32Array, dequantize(integers, parameters).data as Float32Array),
  };
}

/** Collects the new nodes and initializers; drops what nothing reads any more. */
function createWriter(model: Model) {
  const { graph } = model;
  const nodes: Node[] = [];
  const constants = new Map<string, Tensor>();
  const taken = new Set<string>([...usesOf(graph).keys(), ...graph.initializers.keys()]);
  for (const value of [...graph.inputs, ...graph.outputs]) taken.add(value.name);
  for (const node of graph.nodes) for (const name of [node.name, ...node.outputs]) taken.add(name);
  const fresh = (base: string) => {
    let name = base;
    for (let count = 1; taken.has(name); count++) name = `${base}_${count}`;
    taken.add(name);
    return name;
  };
  const node = (
    opType: string,
    inputs: readonly string[],
    base: string,
    attributes: Readonly<Record<string, Attribute>> = {},
  ) => {
    const name = fresh(base);
    nodes.push({ name, opType, domain: '', inputs, outputs: [name], attributes });
    return name;
  };
  return {
    constant(base: string, tensor: Tensor) {
      const name = fresh(base);
      constants.set(name, tensor);
      return name;
    },
    node,
    keep: (kept: Node) => void nodes.push(kept),
    /** Ends a product that gave `old`'s output, with the bias of a Gemm after it. */
    replaceProduct(old: Node, opType: string, inputs: readonly string[], bias: string | undefined) {
      if (bias === undefined) {
        nodes.push({ ...old, opType, inputs, attributes: {} });
        return;
      }
      const product = node(opType, inputs, `${nodeName(old)}/product`);
      nodes.push({ ...old, opType: 'Add', inputs: [product, bias], attributes: {} });
    },
    finish(): Model {
      const rewritten = { ...graph, nodes };
      const used = usesOf(rewritten);
      const live = nodes.filter((kept) => kept.opType !== 'Constant' || kept.outputs.some((name) => used.has(name)));
      const initializers = new Map([...graph.initializers, ...constants].filter(([name]) => used.has(name)));
      return { ...model, graph: { ...rewritten, nodes: live, initializers } };
    },
  };
}

function transpose(tensor: Tensor): Tensor {
  const [rows = 0, columns = 0] = tensor.dims;
  const data = tensor.data as Float32Array;
  const out = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) out[column * rows + row] = data[row * columns + column]!;
  }
  return { type: tensor.type, dims: [columns, rows], data: out };
}
