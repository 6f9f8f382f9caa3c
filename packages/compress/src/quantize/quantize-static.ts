import {
  type Attribute,
  type Finding,
  type Model,
  type Node,
  type PassResult,
  SlmError,
  type Tensor,
} from '@slm-compress/onnx';
import type { Ranges } from './calibrate.ts';
import {
  asymmetricParameters,
  dequantize,
  perChannel,
  type QuantizationParameters,
  quantize,
  sqnr,
  symmetricParameters,
} from './granularity.ts';
import { findTargets, type LinearTarget, nodeName, type TableTarget, type TargetOptions, usesOf } from './targets.ts';

export interface QuantizeOptions extends TargetOptions {
  /**
   * Bits of the weights. 8 by default. 7 halves their resolution and keeps 16-bit pair sums from saturating on x86
   * processors without VNNI, so that every machine computes the same integers.
   */
  readonly weightBits?: 7 | 8;
  /** Store the tables of Gather nodes as int8, one scale a row. True by default. */
  readonly tables?: boolean;
}

/**
 * Static int8 quantization in the portable QDQ form, opset 13 or later, standard operators only:
 *
 * 1. the activation of each `MatMul` (or plain `Gemm`) with a constant weight goes through QuantizeLinear →
 *    DequantizeLinear, uint8, per tensor, with the calibrated range; a value read by several products is quantized once;
 * 2. its weight is stored as int8, symmetric, one scale for each output channel, behind a DequantizeLinear;
 *    a weight read by several products is stored once;
 * 3. a `Gemm` becomes `MatMul` and `Add`;
 * 4. the table of a `Gather` on axis 0 is stored as int8 with one scale a row; rows are gathered as integers and
 *    scaled afterwards.
 *
 * Left in float32, with a finding that says why: products of two computed values (attention), weights that are not
 * float32 initializers of rank 2, values without a calibrated range, small tables, tables also read by others.
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
  const limit = options.weightBits === 7 ? 63 : 127;
  const findings: Finding[] = [...skipped];
  const writer = createWriter(model);
  const linearByNode = new Map<Node, LinearTarget>();
  for (const target of linear) {
    if (ranges.has(target.activation)) linearByNode.set(target.node, target);
    else
      findings.push({
        kind: 'skipped',
        where: nodeName(target.node),
        message: `no calibrated range for ${target.activation}`,
      });
  }
  const tableByNode = new Map<Node, TableTarget>(
    options.tables === false ? [] : tables.map((target) => [target.node, target]),
  );

  const activations = new Map<string, { quantized: string; scale: string; zeroPoint: string }>();
  const quantizeActivation = (name: string) => {
    const known = activations.get(name);
    if (known !== undefined) return known;
    const parameters = asymmetricParameters(ranges.get(name)!);
    const scale = writer.constant(`${name}_scale`, { type: 'float32', dims: [], data: parameters.scale });
    const zeroPoint = writer.constant(`${name}_zero_point`, { type: 'uint8', dims: [], data: parameters.zeroPoint });
    const quantized = writer.node('QuantizeLinear', [name, scale, zeroPoint], `${name}_quantized`);
    const made = { quantized, scale, zeroPoint };
    activations.set(name, made);
    return made;
  };

  const weights = new Map<
    string,
    { quantized: string; scale: string; zeroPoint: string; channels: number; decibels: number }
  >();
  const quantizeWeight = ({ weight, tensor, transposed }: LinearTarget) => {
    const key = `${transposed ? 'T' : ''}:${weight}`;
    const known = weights.get(key);
    if (known !== undefined) return known;
    const matrix = transposed ? transpose(tensor) : tensor;
    const stored = storeInt8(writer, weight, matrix, symmetricParameters(matrix, perChannel(1), limit));
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
      const left = writer.node('DequantizeLinear', [a.quantized, a.scale, a.zeroPoint], `${nodeName(node)}/input`);
      const axis = { axis: { kind: 'int', value: 1 } } as const;
      const right = writer.node(
        'DequantizeLinear',
        [b.quantized, b.scale, b.zeroPoint],
        `${nodeName(node)}/weight`,
        axis,
      );
      writer.replaceProduct(node, left, right, product.bias);
      findings.push({
        kind: 'patched',
        where: nodeName(node),
        message: `int8: ${b.channels} output channels, weight ${decibels(b.decibels)}`,
      });
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

type Writer = ReturnType<typeof createWriter>;

function storeInt8(writer: Writer, name: string, matrix: Tensor, parameters: QuantizationParameters) {
  const integers = quantize(matrix, parameters);
  const channels = parameters.scale.length;
  return {
    quantized: writer.constant(`${name}_quantized`, integers),
    scale: writer.constant(`${name}_scale`, { type: 'float32', dims: [channels], data: parameters.scale }),
    zeroPoint: writer.constant(`${name}_zero_point`, { type: 'int8', dims: [channels], data: parameters.zeroPoint }),
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
    replaceProduct(old: Node, left: string, right: string, bias: string | undefined) {
      if (bias === undefined) {
        nodes.push({ ...old, opType: 'MatMul', inputs: [left, right], attributes: {} });
        return;
      }
      const product = node('MatMul', [left, right], `${nodeName(old)}/product`);
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
