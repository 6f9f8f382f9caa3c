import {
  type Finding,
  float32,
  type Graph,
  indexGraph,
  inferTypes,
  type Model,
  type Node,
  type PassResult,
  readAttributes,
  SlmError,
  type Tensor,
  valueTypes,
} from '@slm-compress/onnx';

/** Operators through which logits reach an output with their vocabulary axis last. */
const elementwise: ReadonlySet<string> = new Set(['Add', 'Sub', 'Mul', 'Div', 'Cast', 'Identity', 'Tanh']);
const alongLast: ReadonlySet<string> = new Set(['Softmax', 'LogSoftmax']);

/** Where a weight has the vocabulary, and the uses that are accounted for: `NODE INPUT`. */
interface Marked {
  readonly axis: number;
  readonly uses: Set<string>;
}

/**
 * Keeps the rows of a pruned vocabulary (`keptIds` of `pruneVocabulary`) in a float32 graph: in embedding tables that
 * Gather reads along axis 0, and in what makes logits over the vocabulary: MatMul or Gemm with a weight of its own or
 * the transposed table, and biases behind. What stays keeps its values, so outputs for kept tokens are as before.
 *
 * 1. An embedding table, shared with the head or not: patched.
 * 2. Outputs whose last axis is not the vocabulary (a classifier's): left alone.
 * 3. Refused: other uses of a table, other operators between head and output, quantized weights.
 *
 * @param vocabSize rows before
 * @throws SlmError `PRUNE_VOCABULARY` in the third case, without a table of `vocabSize` rows, and for `keptIds` that are
 *   not ascending ids below `vocabSize`
 */
export function pruneVocabularyRows(model: Model, keptIds: Int32Array, vocabSize: number): PassResult {
  checkIds(keptIds, vocabSize);
  const { graph } = inferTypes(model);
  const marked = new Map<string, Marked>();
  const mark = (name: string, axis: number, node: Node) => {
    const tensor = graph.initializers.get(name);
    if (tensor === undefined || tensor.type !== 'float32') {
      throw refused(node, `a float32 initializer for "${name}"`, tensor?.type ?? 'a computed value');
    }
    const before = marked.get(name);
    if (before !== undefined && before.axis !== axis) {
      throw refused(node, `the vocabulary of "${name}" on axis ${before.axis}`, `axis ${axis}`);
    }
    const uses = before?.uses ?? new Set();
    node.inputs.forEach((input, index) => {
      if (input === name) uses.add(useOf(node, index));
    });
    marked.set(name, { axis, uses });
  };
  for (const node of graph.nodes) {
    const table = graph.initializers.get(node.inputs[0] ?? '');
    const isTable = node.opType === 'Gather' && table?.dims.length === 2 && table.dims[0] === vocabSize;
    if (isTable && readAttributes(node).int('axis', 0) === 0) mark(node.inputs[0]!, 0, node);
  }
  if (marked.size === 0) {
    throw new SlmError('PRUNE_VOCABULARY', `graph: expected an embedding table of ${vocabSize} rows, got none`);
  }
  const logits = markHeads(graph, vocabSize, mark);
  for (const [name, { uses }] of marked) {
    for (const node of indexGraph(graph).consumers.get(name) ?? []) {
      const all = node.inputs.flatMap((input, index) => (input === name ? [useOf(node, index)] : []));
      if (all.length === 0 || !all.every((use) => uses.has(use))) {
        throw refused(node, `no other use of the table "${name}"`, node.opType);
      }
    }
  }
  const initializers = new Map(model.graph.initializers);
  const findings: Finding[] = [];
  for (const [name, { axis }] of marked) {
    const before = initializers.get(name)!;
    const after = take(before, axis, keptIds);
    initializers.set(name, after);
    findings.push({ kind: 'patched', where: name, message: `[${before.dims}] becomes [${after.dims}]` });
  }
  const outputs = model.graph.outputs.map((output) => {
    const { type } = output;
    if (!logits.has(output.name) || type?.dims === undefined) return output;
    const dims = type.dims.map((dim, i) => (i === type.dims!.length - 1 ? keptIds.length : dim));
    return { ...output, type: { type: type.type, dims } };
  });
  // types that were inferred before are of the old sizes
  const pruned = { ...model, graph: { ...model.graph, initializers, outputs, types: new Map() } };
  return { model: inferTypes(pruned), findings };
}

/** Marks what makes the outputs that are logits over the vocabulary, from those back; gives their names. */
function markHeads(graph: Graph, vocabSize: number, mark: (name: string, axis: number, node: Node) => void) {
  const types = valueTypes(graph);
  const { producer } = indexGraph(graph);
  const dimsOf = (name: string) => graph.initializers.get(name)?.dims ?? types.get(name)?.dims;
  const overVocabulary = (name: string) => dimsOf(name)?.at(-1) === vocabSize;
  const seen = new Set(graph.outputs.map(({ name }) => name).filter(overVocabulary));
  const outputs = new Set(seen);
  for (const value of seen) {
    const node = producer.get(value);
    if (node === undefined) continue;
    const { opType, inputs } = node;
    const rank = dimsOf(value)!.length;
    const axis = readAttributes(node).int('axis', -1);
    if (elementwise.has(opType) || (alongLast.has(opType) && (axis === -1 || axis === rank - 1))) {
      for (const input of inputs.filter(overVocabulary)) {
        const constant = graph.initializers.get(input);
        if (constant === undefined) seen.add(input);
        else mark(input, constant.dims.length - 1, node);
      }
    } else if (opType === 'MatMul') {
      const right = inputs[1]!;
      const transpose = producer.get(right);
      if (transpose?.opType !== 'Transpose') mark(right, 1, node);
      else if ((readAttributes(transpose).ints('perm') ?? [1, 0]).join() === '1,0')
        mark(transpose.inputs[0]!, 0, transpose);
      else throw refused(transpose, 'perm 1,0', String(readAttributes(transpose).ints('perm')));
    } else if (opType === 'Gemm') {
      mark(inputs[1]!, readAttributes(node).int('transB', 0) === 1 ? 0 : 1, node);
      const bias = inputs[2] ?? '';
      if (bias !== '' && overVocabulary(bias)) mark(bias, dimsOf(bias)!.length - 1, node);
    } else throw refused(node, `MatMul, Gemm, ${[...elementwise, ...alongLast].join(', ')} before the logits`, opType);
  }
  return outputs;
}

function checkIds(keptIds: Int32Array, vocabSize: number): void {
  const wrong = keptIds.findIndex((id, i) => id < 0 || id >= vocabSize || (i > 0 && id <= keptIds[i - 1]!));
  if (wrong < 0 && keptIds.length > 0) return;
  const got = wrong < 0 ? 'none' : `${keptIds[wrong]} at ${wrong}`;
  throw new SlmError('PRUNE_VOCABULARY', `keptIds: expected ascending ids from 0 to ${vocabSize - 1}, got ${got}`);
}

const useOf = (node: Node, input: number) => `${node.outputs.join()} ${input}`;

function refused(node: Node, expected: string, got: string): SlmError {
  return new SlmError('PRUNE_VOCABULARY', `node "${node.name}" (${node.opType}): expected ${expected}, got ${got}`);
}

/** The slices of a tensor along an axis that are kept, in order. */
function take(tensor: Tensor, axis: number, kept: Int32Array): Tensor {
  const data = tensor.data as Float32Array;
  const outer = tensor.dims.slice(0, axis).reduce((a, b) => a * b, 1);
  const along = tensor.dims[axis]!;
  const inner = tensor.dims.slice(axis + 1).reduce((a, b) => a * b, 1);
  const made = new Float32Array(outer * kept.length * inner);
  let at = 0;
  for (let row = 0; row < outer; row++) {
    for (const index of kept) {
      const start = (row * along + index) * inner;
      made.set(data.subarray(start, start + inner), at);
      at += inner;
    }
  }
  return float32(
    made,
    tensor.dims.map((dim, i) => (i === axis ? kept.length : dim)),
  );
}
