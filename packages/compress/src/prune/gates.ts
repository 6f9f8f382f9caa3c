import { createGraphBuilder, type Model, type Node, SlmError } from '@slm-compress/onnx';
import { type BertConfig, headsOf, intermediateOf } from '@slm-compress/trainer';

/** Where the heads and neurons of one layer can be scaled. */
export interface LayerGates {
  /** Graph input, float32 `[batch, heads, 1, 1]`, multiplied with the context of each head. */
  readonly heads: string;
  /** Graph input, float32 `[batch, 1, intermediate]`, multiplied with the activations of the feed-forward. */
  readonly intermediate: string;
}

/**
 * A classifier of `buildBertClassifier` with a gate on every head and every feed-forward neuron. Ones leave the
 * results as they are, a zero removes a head or neuron from one text of the batch.
 *
 * @throws SlmError `PRUNE_ARCHITECTURE` when the graph lacks a node that the builder makes
 */
export function addGates(
  model: Model,
  config: BertConfig,
): { readonly model: Model; readonly gates: readonly LayerGates[] } {
  const g = createGraphBuilder(model.graph.name, { ...model.graph, nodes: [] });
  const byName = new Map<string, Node>(model.graph.nodes.map((node) => [node.name, node]));
  /** Gate by the value that it scales. */
  const gated = new Map<string, string>();
  const gates = Array.from({ length: config.layers }, (_, layer) => {
    const context = byName.get(`layer.${layer}/attention/context`)?.outputs[0];
    const activation = byName.get(`layer.${layer}/ffn/output/matmul`)?.inputs[0];
    if (context === undefined || activation === undefined) {
      throw new SlmError(
        'PRUNE_ARCHITECTURE',
        `layer ${layer}: expected the nodes of a classifier made by buildBertClassifier, got another graph (prune its float model)`,
      );
    }
    const heads = g.input(`gate/layer.${layer}/heads`, 'float32', ['batch', headsOf(config, layer), 1, 1]);
    const width = intermediateOf(config, layer);
    const intermediate = g.input(`gate/layer.${layer}/intermediate`, 'float32', ['batch', 1, width]);
    gated.set(context, heads).set(activation, intermediate);
    return { heads, intermediate };
  });
  const renamed = new Map<string, string>();
  const nodes: Node[] = [];
  for (const node of model.graph.nodes) {
    nodes.push({ ...node, inputs: node.inputs.map((input) => renamed.get(input) ?? input) });
    for (const output of node.outputs) {
      const gate = gated.get(output);
      if (gate === undefined) continue;
      const name = `${output}/gated`;
      renamed.set(output, name);
      nodes.push({ name, opType: 'Mul', domain: '', inputs: [output, gate], outputs: [name], attributes: {} });
    }
  }
  return { model: { ...model, graph: { ...g.graph(), nodes } }, gates };
}
