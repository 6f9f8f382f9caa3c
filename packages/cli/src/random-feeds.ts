import {
  bindInputs,
  createRng,
  elementCount,
  fromNumbers,
  type Graph,
  type InputSizes,
  type Model,
  type Rng,
  SlmError,
  type Tensor,
  type ValueInfo,
} from '@slm-compress/onnx';

/**
 * Seeded random inputs for a model: integers within the rows of the tables they choose from (the Gather they feed), ones
 * for masks, counting positions, normal numbers for the rest. Throws `DIFF_INPUT` for an input that is no tensor of
 * known rank, or whose elements cannot be drawn.
 */
export function randomFeeds(model: Model, sizes: InputSizes, seed: number): Readonly<Record<string, Tensor>> {
  const { graph } = bindInputs(model, sizes);
  const rng = createRng(seed);
  const feeds: Record<string, Tensor> = {};
  for (const input of graph.inputs) {
    if (!graph.initializers.has(input.name)) feeds[input.name] = randomTensor(graph, input, rng.fork(input.name));
  }
  return feeds;
}

function randomTensor(graph: Graph, { name, type }: ValueInfo, rng: Rng): Tensor {
  const dims = type?.dims;
  if (type === undefined || dims === undefined || !dims.every((dim) => typeof dim === 'number')) {
    throw new SlmError('DIFF_INPUT', `input "${name}": expected a tensor of known sizes, got another type`);
  }
  const isInteger = /^u?int/.test(type.type);
  if (!isInteger && !/^(float|bfloat|bool)/.test(type.type)) {
    throw new SlmError(
      'DIFF_INPUT',
      `input "${name}": expected numbers, got ${type.type} (which is not drawn at random)`,
    );
  }
  const draw = isInteger ? integers(graph, name, dims, rng) : type.type === 'bool' ? () => 1 : () => rng.normal();
  return fromNumbers(
    type.type,
    dims,
    Float64Array.from({ length: elementCount(dims) }, (_, index) => draw(index)),
  );
}

function integers(graph: Graph, name: string, dims: readonly number[], rng: Rng): (index: number) => number {
  const length = dims.at(-1) ?? 1;
  if (/mask/i.test(name)) return () => 1;
  const rows = tableRows(graph, name);
  if (/position/i.test(name)) return (index) => Math.min(index % length, (rows ?? length) - 1);
  return () => rng.integer(rows ?? 2);
}

/** Rows of the smallest table that the values of an input choose from, directly or through casts and shapes. */
function tableRows(graph: Graph, input: string): number | undefined {
  const same = new Set([input]);
  let rows: number | undefined;
  for (const { opType, inputs, outputs, attributes } of graph.nodes) {
    if (
      /^(Cast|Identity|Reshape|Flatten|Squeeze|Unsqueeze|Transpose|Expand)$/.test(opType) &&
      same.has(inputs[0] ?? '')
    ) {
      same.add(outputs[0] ?? '');
    }
    if (opType !== 'Gather' || !same.has(inputs[1] ?? '')) continue;
    const { axis: given } = attributes;
    const axis = given?.kind === 'int' ? Number(given.value) : 0;
    const found =
      graph.initializers.get(inputs[0] ?? '')?.dims.at(axis) ?? graph.types.get(inputs[0] ?? '')?.dims?.at(axis);
    if (typeof found === 'number') rows = Math.min(rows ?? found, found);
  }
  return rows;
}
