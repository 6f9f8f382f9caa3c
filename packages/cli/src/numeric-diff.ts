import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  bindInputs,
  fittingSizes,
  halvedSizes,
  type InputSizes,
  inferTypes,
  isSlmError,
  type Model,
  SlmError,
  summarizeModel,
  type Tensor,
  type TensorDistance,
  type Tensors,
  tensorDistance,
  valueTypes,
  writeModel,
} from '@slm-compress/onnx';
import { openPool } from '@slm-compress/runtime';
import { randomFeeds } from './random-feeds.ts';

/** How far a value is apart in two models; no distance where shapes or types differ. */
export interface ValueDifference {
  readonly name: string;
  readonly isOutput: boolean;
  readonly distance?: TensorDistance;
  /** Type and shape in both, where they differ. */
  readonly shapes?: readonly [string, string];
  readonly equal: boolean;
}

export interface NumericDiff {
  readonly dims: InputSizes;
  readonly seed: number;
  /** Values that both have, in the order of the first graph; outputs alone unless all were asked for. */
  readonly values: readonly ValueDifference[];
}

export interface NumericDiffOptions {
  readonly dims?: InputSizes;
  readonly seed?: number;
  /** Compares the intermediate values that both graphs have under one name, too. */
  readonly intermediate?: boolean;
}

/** More than one file holds; such a model goes to the engine in files. */
const MAX_MEMORY_BYTES = 1_500_000_000;

/**
 * Runs both models on the same random inputs in ONNX Runtime, off this thread, without its optimizations, and compares
 * what they give. Sizes that are not given are halved until the first model runs. Throws `DIFF_INPUT` where inputs of one are missing in the other or cannot be drawn, and `SIZES_UNKNOWN`.
 */
export async function numericDiff(a: Model, b: Model, options: NumericDiffOptions = {}): Promise<NumericDiff> {
  const { dims: given = {}, seed = 42, intermediate = false } = options;
  const outputs = new Set(a.graph.outputs.map(({ name }) => name).filter((name) => isOutput(b, name)));
  const namesAt = (dims: InputSizes) =>
    intermediate ? [...new Set([...commonValues(a, b, dims), ...outputs])] : [...outputs];
  let dims = fittingSizes(a, given);
  for (;;) {
    const feeds = randomFeeds(a, dims, seed);
    requireInputs(b, feeds);
    const names = namesAt(dims);
    try {
      const before = await runOnce(intermediate ? exposed(a, names, dims) : a, feeds, names);
      const after = await runOnce(intermediate ? exposed(b, names, dims) : b, feeds, names);
      return { dims, seed, values: names.map((name) => compare(name, outputs.has(name), before[name]!, after[name]!)) };
    } catch (error) {
      // A table of positions may be shorter than the sequence that was guessed.
      const smaller = halvedSizes(dims, given);
      const isRun = isSlmError(error) && error.code === 'ENGINE_RUN';
      if (!isRun || Object.entries(smaller).every(([name, size]) => size === dims[name])) throw error;
      dims = smaller;
    }
  }
}

function requireInputs({ graph }: Model, feeds: Tensors): void {
  const missing = graph.inputs.find(({ name }) => feeds[name] === undefined && !graph.initializers.has(name));
  if (missing === undefined) return;
  const known = Object.keys(feeds).join(', ');
  throw new SlmError(
    'DIFF_INPUT',
    `second model, input "${missing.name}": expected the inputs of the first (${known})`,
  );
}

function isOutput({ graph }: Model, name: string): boolean {
  return graph.outputs.some((output) => output.name === name);
}

function compare(name: string, isOutputValue: boolean, a: Tensor, b: Tensor): ValueDifference {
  const distance = tensorDistance(a, b);
  const [x, y] = [shapeOf(a), shapeOf(b)];
  const equal = x === y && (distance === undefined ? String(a.data) === String(b.data) : distance.maxAbs === 0);
  return {
    name,
    isOutput: isOutputValue,
    ...(distance && { distance }),
    ...(x !== y && { shapes: [x, y] as const }),
    equal,
  };
}

function shapeOf({ type, dims }: Tensor): string {
  return `${type}[${dims.join(',')}]`;
}

/** Node outputs that both graphs have and whose types are known in both, in the order of the first. */
function commonValues(a: Model, b: Model, dims: InputSizes): readonly string[] {
  const [x, y] = [a, b].map((model) => valueTypes(inferTypes(bindInputs(model, dims)).graph)) as [
    ReturnType<typeof valueTypes>,
    ReturnType<typeof valueTypes>,
  ];
  const made = new Set(b.graph.nodes.flatMap(({ outputs }) => outputs));
  return a.graph.nodes.flatMap(({ outputs }) => outputs).filter((name) => made.has(name) && x.has(name) && y.has(name));
}

/** The model with values as outputs. */
function exposed(model: Model, names: readonly string[], dims: InputSizes): Model {
  const types = valueTypes(inferTypes(bindInputs(model, dims)).graph);
  const known = new Set(model.graph.outputs.map(({ name }) => name));
  const more = names
    .filter((name) => !known.has(name))
    .map((name) => ({ name, type: { type: types.get(name)!.type } }));
  return { ...model, graph: { ...model.graph, outputs: [...model.graph.outputs, ...more] } };
}

async function runOnce(model: Model, feeds: Tensors, outputs: readonly string[]): Promise<Tensors> {
  const own = Object.fromEntries(model.graph.inputs.flatMap(({ name }) => (feeds[name] ? [[name, feeds[name]]] : [])));
  const options = { workers: 1, optimization: 'none' } as const;
  if (summarizeModel(model).bytes <= MAX_MEMORY_BYTES) {
    await using pool = await openPool(model, options);
    return await pool.run(own, { outputs });
  }
  const folder = join(tmpdir(), `slm-compress-${randomUUID()}`);
  await mkdir(folder);
  try {
    const file = join(folder, 'model.onnx');
    await writeModel(file, model, { externalData: {}, sync: false });
    await using pool = await openPool(file, options);
    return await pool.run(own, { outputs });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
