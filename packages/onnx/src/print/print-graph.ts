import { dataTypeOf, tensorBytes } from '../data-type.ts';
import type { Attribute, Graph, Model, Node, TensorType, ValueInfo } from '../model.ts';
import { subgraphs } from '../rewrite.ts';
import { valueTypes } from '../types/infer.ts';
import {
  describeAttribute,
  describeBytes,
  describeText,
  describeType,
  describeValueInfo,
  describeValues,
} from './describe.ts';

/** Columns are aligned up to this width; longer entries stick out. */
const MAX_COLUMN = 64;

/**
 * A model as text, for people: versions and metadata, then its graph as {@link printGraph} prints it. Deterministic.
 */
export function printModel(model: Model): string {
  const opsets = Object.entries(model.opsets)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([domain, version]) => `${domain === '' ? 'opset' : domain} ${version}`);
  const producer = [model.producerName, model.producerVersion].filter(Boolean).join(' ');
  const lines: string[] = [];
  lines.push(['model', `IR ${model.irVersion}`, ...opsets, ...(producer === '' ? [] : [`by ${producer}`])].join(' · '));
  const metadata = Object.entries(model.metadata).map(([name, value]) => [name, describeText(value)]);
  pushSection(lines, '', 'metadata', metadata);
  for (const local of model.functions ?? []) {
    lines.push(`function ${local.domain}.${local.name}(${local.inputs.join(', ')}) → ${local.outputs.join(', ')}`);
    pushNodes(lines, '  ', local.nodes, new Map());
  }
  pushGraph(lines, '', model.graph);
  return `${lines.join('\n')}\n`;
}

/**
 * A graph as text, columns aligned: inputs, outputs, initializers with mean and deviation, and one line per node,
 * `output  type  = Operator(inputs) attribute=value`, with the node's name after `·` where the output does not tell it.
 */
export function printGraph(graph: Graph): string {
  const lines: string[] = [];
  pushGraph(lines, '', graph);
  return `${lines.join('\n')}\n`;
}

function pushGraph(lines: string[], margin: string, graph: Graph): void {
  const types = valueTypes(graph);
  const value = (info: ValueInfo) => [info.name, describeValueInfo(info, types.get(info.name))];
  const bytes = [...graph.initializers.values()].reduce((sum, tensor) => sum + tensorBytes(tensor), 0);
  const initializers = Array.from(graph.initializers, ([name, tensor]) => [
    name,
    describeType(tensor),
    describeValues(tensor),
  ]);
  const sparse = Array.from(graph.sparseInitializers ?? [], ([name, { dims, values }]) => [
    name,
    `sparse ${describeType({ type: values.type, dims })}`,
    `${values.data.length} stored`,
  ]);
  const rows = [...initializers, ...sparse];
  lines.push(`${margin}graph ${graph.name}`.trimEnd());
  pushSection(lines, margin, 'inputs', graph.inputs.map(value));
  pushSection(lines, margin, 'outputs', graph.outputs.map(value));
  pushSection(lines, margin, `initializers: ${rows.length}, ${describeBytes(bytes)}`, rows);
  if (graph.nodes.length > 0) lines.push(`${margin}nodes: ${graph.nodes.length}`);
  pushNodes(lines, `${margin}  `, graph.nodes, types);
}

function pushSection(lines: string[], margin: string, title: string, rows: readonly (readonly string[])[]): void {
  if (rows.length > 0) lines.push(`${margin}${title}`);
  for (const row of table(rows)) lines.push(`${margin}  ${row}`);
}

function pushNodes(
  lines: string[],
  margin: string,
  nodes: readonly Node[],
  types: ReadonlyMap<string, TensorType>,
): void {
  const rows = nodes.map((node) => [
    node.outputs.map((name) => name || '_').join(', '),
    node.outputs.map((name) => describeType(types.get(name))).join(', '),
    `= ${describeNode(node)}`,
  ]);
  for (const [index, row] of table(rows).entries()) {
    lines.push(`${margin}${row}`);
    for (const graph of subgraphs(nodes[index]!)) pushGraph(lines, `${margin}    `, graph);
  }
}

/** A node's right-hand side: `Gemm(x, w, b) alpha=1.0 transB=1 · name`. */
export function describeNode(node: Node): string {
  const operator = node.domain === '' ? node.opType : `${node.domain}.${node.opType}`;
  const attributes = Object.entries(node.attributes)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, attribute]) => ` ${name}=${typeName(name, attribute) ?? describeAttribute(attribute)}`);
  const told =
    node.name === '' || node.outputs.some((output) => output.startsWith(node.name) || node.name === `node_${output}`);
  return `${operator}(${node.inputs.map((name) => name || '_').join(', ')})${attributes.join('')}${told ? '' : ` · ${node.name}`}`;
}

/** The name of the element type that Cast and its like are given as a number. */
function typeName(name: string, attribute: Attribute): string | undefined {
  return attribute.kind === 'int' && /^(to|dtype|output_dtype)$/.test(name)
    ? dataTypeOf(Number(attribute.value))
    : undefined;
}

/** Rows as lines whose cells start in the same columns. */
function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.slice(0, -1).forEach((cell, column) => {
      if (cell.length <= MAX_COLUMN) widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  return rows.map((row) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}
