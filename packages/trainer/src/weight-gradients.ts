import {
  type Attribute,
  createNames,
  inferTypes,
  int64,
  type Model,
  type Node,
  replaceNodes,
  type Tensor,
  valueTypes,
} from '@slm-compress/onnx';

/** Least rows and columns of a weight for which turning its input over pays (bench/suites/weight-gradients.js). */
const LEAST = 256;

/**
 * Writes the gradients of large weights, xᵀ·dy, as a product of an x that is turned over before: ONNX Runtime's CPU kernel
 * of a Gemm with `transA` takes 1.1 to 1.25 times as long as both together. The turning is a Transpose of the three
 * dimensions and a Reshape, because ONNX Runtime would put a Transpose of two back into the product.
 */
export function turnWeightGradients(model: Model): Model {
  const { graph } = model;
  const types = valueTypes(inferTypes(model).graph);
  const dimsOf = (value: string) => types.get(value)?.dims;
  const producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)));
  const fresh = createNames(model);
  const turned = new Map<string, string>();
  const replace = new Map<Node, readonly Node[]>();
  const initializers = new Map<string, Tensor>();
  for (const node of graph.nodes) {
    const source = isTurned(node) ? producers.get(node.inputs[0]!) : undefined;
    const dims = source?.opType === 'Reshape' ? dimsOf(source.inputs[0]!) : undefined;
    const columns = dimsOf(node.inputs[1]!)?.at(-1);
    const rows = dims?.at(-1);
    if (dims?.length !== 3 || typeof rows !== 'number' || typeof columns !== 'number') continue;
    if (Math.min(rows, columns) < LEAST || dimsOf(node.inputs[0]!)?.at(-1) !== rows) continue;
    const before: Node[] = [];
    let flat = turned.get(node.inputs[0]!);
    if (flat === undefined) {
      const whole = source!.inputs[0]!;
      const shape = fresh(`${whole}/turned_shape`);
      const swapped = fresh(`${whole}/swapped`);
      flat = fresh(`${whole}/turned`);
      turned.set(node.inputs[0]!, flat);
      initializers.set(shape, int64([rows, -1]));
      before.push(
        {
          name: swapped,
          opType: 'Transpose',
          domain: '',
          inputs: [whole],
          outputs: [swapped],
          attributes: { perm: lastFirst },
        },
        { name: flat, opType: 'Reshape', domain: '', inputs: [swapped, shape], outputs: [flat], attributes: {} },
      );
    }
    const { transA: _, ...attributes } = node.attributes;
    replace.set(node, [...before, { ...node, inputs: [flat, node.inputs[1]!], attributes }]);
  }
  return { ...model, graph: replaceNodes(graph, { replace, initializers }) };
}

const lastFirst: Attribute = { kind: 'ints', value: [2, 0, 1] };

/** A Gemm of two matrices of which the first alone is read by columns. */
function isTurned({ opType, domain, inputs, attributes }: Node): boolean {
  const flag = (name: string) => {
    const attribute = attributes[name];
    return attribute?.kind === 'int' && Number(attribute.value) === 1;
  };
  return opType === 'Gemm' && domain === '' && inputs.length === 2 && flag('transA') && !flag('transB');
}
