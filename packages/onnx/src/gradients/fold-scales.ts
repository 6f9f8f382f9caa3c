import { float } from '../builder.ts';
import type { Node, Tensor } from '../model.ts';

/**
 * Moves multiplications by a constant scalar into the `alpha` of the Gemm that made the other factor, also through
 * Reshape: one pass over the data less each. Only where nothing else reads the product before it is scaled.
 *
 * `outputs` are values that are read from outside the nodes.
 */
export function foldScales(
  nodes: readonly Node[],
  constantOf: (value: string) => Tensor | undefined,
  outputs: ReadonlySet<string>,
): readonly Node[] {
  const readers = new Map<string, number>();
  for (const node of nodes) for (const input of node.inputs) readers.set(input, (readers.get(input) ?? 0) + 1);
  const producers = new Map<string, Node>();
  for (const node of nodes) for (const output of node.outputs) producers.set(output, node);
  const alone = (value: string) => readers.get(value) === 1 && !outputs.has(value);
  const scalarOf = (value: string) => {
    const tensor = constantOf(value);
    return tensor?.type === 'float32' && tensor.dims.length === 0 ? Number(tensor.data[0]) : undefined;
  };

  const gemms = new Map<Node, number>();
  const dropped = new Map<string, string>();
  for (const node of nodes) {
    if (node.opType !== 'Mul' || outputs.has(node.outputs[0]!)) continue;
    const [a, b] = node.inputs as [string, string];
    const [scale, value] = [scalarOf(a) ?? scalarOf(b), scalarOf(a) === undefined ? a : b];
    if (scale === undefined) continue;
    let source = alone(value) ? producers.get(value) : undefined;
    while (source?.opType === 'Reshape') {
      source = alone(source.inputs[0]!) ? producers.get(source.inputs[0]!) : undefined;
    }
    if (source?.opType !== 'Gemm' || source.inputs.length > 2) continue;
    gemms.set(source, (gemms.get(source) ?? 1) * scale);
    dropped.set(node.outputs[0]!, value);
  }
  const resolve = (value: string): string => {
    const target = dropped.get(value);
    return target === undefined ? value : resolve(target);
  };
  return nodes
    .filter((node) => !dropped.has(node.outputs[0]!))
    .map((node) => {
      const scale = gemms.get(node);
      const { alpha } = node.attributes;
      const before = alpha?.kind === 'float' ? alpha.value : 1;
      const attributes = scale === undefined ? node.attributes : { ...node.attributes, alpha: float(before * scale) };
      return { ...node, inputs: node.inputs.map(resolve), attributes };
    });
}
