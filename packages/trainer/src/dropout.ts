import type { Dim, Graph, Node, Tensor } from '@slm-compress/onnx';
import { SlmError, scalar } from '@slm-compress/onnx';

/** A place where hidden activations are dropped in training: a uint8 mask input of the step graph. */
export interface DropoutSite {
  /** The graph input `dropout/<value>`. */
  readonly input: string;
  /** Shape of mask and value: `'batch'`, `'sequence'` or a size. */
  readonly dims: readonly Dim[];
}

const SITES = /^(embeddings\/(norm|sum)|layer\.\d+\/(attention|ffn)\/output\/bias)$/;
const CLASSIFIER = 'classifier/matmul';

/** Keep-probability in 65536ths, as the mask kernel takes it. */
export function keepThreshold(dropout: number): number {
  return Math.round((1 - dropout) * 65_536);
}

/**
 * Multiplies the hidden activations by a mask of zeros and ones and by 1 / keep-probability (inverted dropout).
 *
 * Sites, as in BERT and GPT-2: after the embeddings' norm or sum, after each attention output projection, after each feed-forward output
 * projection, before the classifier. Dropout of attention probabilities is left out: its masks would be as large as
 * the scores. Returns the graph itself when `dropout` is 0.
 */
export function insertDropout(graph: Graph, dropout: number): { graph: Graph; sites: readonly DropoutSite[] } {
  if (dropout === 0) return { graph, sites: [] };
  const dropped = new Set(graph.nodes.filter((node) => SITES.test(node.name)).map((node) => node.outputs[0]!));
  const classifier = graph.nodes.find((node) => node.name === CLASSIFIER);
  if (classifier) dropped.add(classifier.inputs[0]!);
  const sites: DropoutSite[] = [];
  const nodes: Node[] = [];
  const types = new Map(graph.types);
  const scaleName = 'dropout/scale';
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((input) => (dropped.has(input) ? `${input}.dropped` : input));
    nodes.push(inputs.some((input, index) => input !== node.inputs[index]) ? { ...node, inputs } : node);
    const value = node.outputs[0]!;
    if (!dropped.has(value)) continue;
    const dims = graph.types.get(value)?.dims;
    if (dims === undefined || dims.some((dim) => typeof dim !== 'number' && dim !== 'batch' && dim !== 'sequence')) {
      throw new SlmError(
        'STEP_SHAPE',
        `training step, value "${value}": expected a known shape of batch, sequence and sizes, got ` +
          `${dims ? `[${dims.join(', ')}]` : 'none'} (build the graph with its types, or train without dropout)`,
      );
    }
    const input = `dropout/${value}`;
    sites.push({ input, dims });
    const make = (opType: string, suffix: string, from: readonly string[], output: string, attributes = {}) => {
      nodes.push({ name: `${input}/${suffix}`, opType, domain: '', inputs: from, outputs: [output], attributes });
      types.set(output, { type: 'float32', dims });
    };
    make('Cast', 'cast', [input], `${input}.float`, { to: { kind: 'int', value: 1 } });
    make('Mul', 'scale', [`${input}.float`, scaleName], `${input}.factor`);
    make('Mul', 'apply', [value, `${input}.factor`], `${value}.dropped`);
  }
  const keep = keepThreshold(dropout) / 65_536;
  const initializers = new Map<string, Tensor>([...graph.initializers, [scaleName, scalar(1 / keep)]]);
  const masks = sites.map(({ input, dims }) => ({ name: input, type: { type: 'uint8' as const, dims } }));
  return { graph: { ...graph, nodes, types, initializers, inputs: [...graph.inputs, ...masks] }, sites };
}
