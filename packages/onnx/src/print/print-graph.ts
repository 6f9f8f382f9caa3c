import { tensorBytes } from '../data-type.ts';
import type { Graph, Model, Node, TensorType, ValueInfo } from '../model.ts';
import { subgraphs } from '../rewrite.ts';
import { valueTypes } from '../types/infer.ts';
import { describeAttribute, describeBytes, describeType, describeValues } from './describe.ts';

/** Columns are aligned up to this width; longer entries stick out. */
const MAX_COLUMN = 44;

/**
 * A model as text, for people: versions and metadata, then its graph as {@link printGraph} prints it. Deterministic.
 */
export function printModel(model: Model): string {
  const opsets = Object.entries(model.opsets)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([domain, version]) => `${domain === '' ? 'opset' : domain} ${version}`);
  const producer = [model.producerName, model.producerVersion].filter(Boolean).join(' ');
  const head = ['model', `IR ${model.irVersion}`, ...opsets, ...(producer === '' ? [] : [`by ${producer}`])];
  const metadata = table(Object.entries(model.metadata).map(([name, value]) => [name, JSON.stringify(value)]));
  const functions = (model.functions ?? []).map((local) => {
    const signature = `(${local.inputs.join(', ')}) → ${local.outputs.join(', ')}`;
    return `function ${local.domain}.${local.name}${signature}\n${nodeLines(local.nodes, new Map(), '  ')}\n`;
  });
  return [
    `${head.join(' · ')}\n`,
    ...(metadata.length === 0 ? [] : [`${['metadata', ...indent(metadata)].join('\n')}\n`]),
    ...functions,
    printGraph(model.graph),
  ].join('');
}

/**
 * A graph as text, columns aligned: inputs, outputs, initializers with mean and deviation, and one line per node,
 * `output  type  = Operator(inputs) attribute=value`, with the node's name after `·` where the output does not tell it.
 */
export function printGraph(graph: Graph): string {
  return `${graphLines(graph, '').join('\n')}\n`;
}

function graphLines(graph: Graph, margin: string): readonly string[] {
  const types = valueTypes(graph);
  const value = ({ name, type }: ValueInfo) => [name, describeType(type ?? types.get(name))];
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
  const section = (title: string, lines: readonly string[]) => (lines.length === 0 ? [] : [title, ...indent(lines)]);
  return [
    `graph ${graph.name}`.trimEnd(),
    ...section('inputs', table(graph.inputs.map(value))),
    ...section('outputs', table(graph.outputs.map(value))),
    ...section(`initializers: ${rows.length}, ${describeBytes(bytes)}`, table(rows)),
    ...(graph.nodes.length === 0 ? [] : [`nodes: ${graph.nodes.length}`, nodeLines(graph.nodes, types, '  ')]),
  ].map((line) => line.replace(/^(?=.)/gm, margin));
}

function nodeLines(nodes: readonly Node[], types: ReadonlyMap<string, TensorType>, margin: string): string {
  const rows = nodes.map((node) => [
    node.outputs.map((name) => name || '_').join(', '),
    node.outputs.map((name) => describeType(types.get(name))).join(', '),
    `= ${describeNode(node)}`,
  ]);
  return table(rows)
    .flatMap((line, index) => [
      `${margin}${line}`,
      ...subgraphs(nodes[index]!).flatMap((graph) => graphLines(graph, `${margin}    `)),
    ])
    .join('\n');
}

/** A node's right-hand side: `Gemm(x, w, b) alpha=1.0 transB=1 · name`. */
export function describeNode(node: Node): string {
  const operator = node.domain === '' ? node.opType : `${node.domain}.${node.opType}`;
  const attributes = Object.entries(node.attributes)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, attribute]) => ` ${name}=${describeAttribute(attribute)}`);
  const told = node.name === '' || node.outputs.some((output) => output.startsWith(node.name));
  return `${operator}(${node.inputs.map((name) => name || '_').join(', ')})${attributes.join('')}${told ? '' : ` · ${node.name}`}`;
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

function indent(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `  ${line}`);
}
