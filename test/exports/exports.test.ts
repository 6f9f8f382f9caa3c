import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  addGradients,
  checkModel,
  cleanUp,
  convertOpset,
  createGraphBuilder,
  decodeModel,
  elementCount,
  encodeModel,
  float32,
  inferTypes,
  type Model,
  type Pass,
  readModel,
  type Tensor,
  type Tensors,
} from '@slm-compress/onnx';
import { openEngine } from '@slm-compress/runtime';
import { readSafetensors, type Safetensors } from '@slm-compress/trainer';
import { describe, expect, test } from 'vitest';

/**
 * Two layers of BERT, DistilBERT, MobileBERT, GPT-2, GPT-Neo, Llama and T5 with random weights, exported by both of
 * torch's exporters, with the logits and gradients that PyTorch computes (`bench/peers/export-models.py test/exports`).
 * SLM_COMPRESS_EXPORTS names another folder of such files, for example of models in their full sizes.
 */
const here = fileURLToPath(new URL('.', import.meta.url));
const folder = process.env.SLM_COMPRESS_EXPORTS ?? here;
const files = readdirSync(folder).filter((name) => name.endsWith('.onnx'));

/** Parameter of PyTorch → the initializers that hold it. */
type Links = Readonly<Record<string, readonly { readonly initializer: string; readonly transposed: boolean }[]>>;

describe.each(files)('%s', (file) => {
  const [, name, exporter] = basename(file, '.onnx').match(/^(.*)-(dynamo|script)$/)!;
  const load = () => Promise.all([readModel(join(folder, file)), readSafetensors(join(folder, `${name}.safetensors`))]);

  test('is valid, and read and written unchanged', async () => {
    const [model] = await load();
    checkModel(model);
    const written = encodeModel(model);
    const again = decodeModel(written);
    expect(withoutWeights(again)).toEqual(withoutWeights(model));
    expect(Buffer.compare(encodeModel(again), written)).toBe(0);
  });

  test('every value gets a type and a rank', async () => {
    const [model] = await load();
    const { graph } = inferTypes(model);
    const unknown = graph.nodes.flatMap(({ outputs }) =>
      outputs.filter((output) => output !== '' && graph.types.get(output)?.dims === undefined),
    );
    expect(unknown).toEqual([]);
  });

  test('answers as PyTorch does, before and after clean-up, and in a later opset', async () => {
    const [model, data] = await load();
    const cleaned = cleanUp().run(model).model;
    checkModel(cleaned);
    expect(cleanUp().run(cleaned).model).toBe(cleaned);
    expect(cleaned.graph.nodes.length).toBeLessThan(model.graph.nodes.length);
    const wanted = data.tensors.get('output/logits')!;
    const converted = convertOpset(23).run(model).model;
    checkModel(converted);
    for (const variant of [model, cleaned, converted]) {
      const { logits } = await run(variant, feedsOf(variant, data));
      expect(distance(logits!, wanted)).toBeLessThan(1e-5);
    }
  });

  test.each(['as exported', 'cleaned up', 'converted'])('has the gradients of PyTorch: %s', async (form) => {
    const [exported, data] = await load();
    const links = JSON.parse(data.metadata[exporter!]!) as Links;
    const changes: Readonly<Record<string, Pass>> = { 'cleaned up': cleanUp(), converted: convertOpset(23) };
    const model = inferTypes(changes[form]?.run(exported).model ?? exported);
    const weights = data.tensors.get('loss/weights')!;
    const parameters = Object.values(links)
      .flat()
      .map((link) => link.initializer);
    const kept = [...new Set(parameters)].filter((initializer) => model.graph.initializers.has(initializer));
    const step = addGradients(withLoss(model, weights), { loss: 'loss', parameters: kept });
    const values = Object.fromEntries(
      kept.map((initializer) => [initializer, model.graph.initializers.get(initializer)!]),
    );
    const given = await run(step.model, { ...feedsOf(model, data), ...values });
    const gradients = new Map(
      kept.map((initializer) => [initializer, given[step.gradients.get(initializer)!.output]!]),
    );
    // The bias of the keys has no gradient but rounding: softmax does not see it. It is measured against the others.
    const floor =
      1e-3 * Math.max(...Object.keys(links).map((parameter) => largest(data.tensors.get(`grad/${parameter}`)!)));
    for (const [parameter, holders] of Object.entries(links)) {
      const wanted = data.tensors.get(`grad/${parameter}`)!;
      const found = sum(
        wanted,
        holders.map(({ initializer, transposed }) => ({ tensor: gradients.get(initializer), transposed })),
      );
      expect(distance(found, wanted, floor), parameter).toBeLessThan(1e-4);
    }
  });
});

/** The same for a model of another origin; its figures are made by `bench/peers/magika-gradients.py`. */
const magikaFile = fileURLToPath(new URL('../../../shared/models/magika_standard_v3_3/model.onnx', import.meta.url));
const golden: Golden = JSON.parse(readFileSync(join(here, 'magika.json'), 'utf8'));

interface Golden {
  readonly input: { readonly rows: number; readonly length: number };
  readonly output: readonly number[];
  readonly gradients: Readonly<Record<string, { readonly largest: number; readonly elements: readonly number[] }>>;
}

describe.skipIf(!existsSync(magikaFile))('magika', () => {
  const { rows, length } = golden.input;
  const text = Int32Array.from({ length: rows * length }, (_, index) => {
    const [row, at] = [Math.floor(index / length), index % length];
    return (7 * at * (row + 1) + Math.floor(at / 3)) % 257;
  });
  const feedsFor = (model: Model): Tensors => ({
    [model.graph.inputs[0]!.name]: { type: 'int32', dims: [rows, length], data: text },
  });

  test.each(['as it is', 'cleaned up'])('answers and trains as PyTorch does: %s', async (form) => {
    const read = await readModel(magikaFile);
    const model = inferTypes(form === 'cleaned up' ? cleanUp().run(read).model : read);
    const outputs = await run(model, feedsFor(model));
    const output = outputs[model.graph.outputs[0]!.name]!;
    const classes = output.dims[1]!;
    expect(deviation(output, golden.output)).toBeLessThan(1e-4);
    const weights = float32(
      Array.from({ length: rows * classes }, (_, index) =>
        Math.cos(Math.floor(index / classes) + 2 * (index % classes)),
      ),
      [rows, classes],
    );
    const parameters = Object.keys(golden.gradients).filter((name) => model.graph.initializers.has(name));
    expect(parameters.length).toBeGreaterThanOrEqual(8);
    const step = addGradients(withLoss(model, weights), { loss: 'loss', parameters });
    const values = Object.fromEntries(parameters.map((name) => [name, model.graph.initializers.get(name)!]));
    const given = await run(step.model, { ...feedsFor(model), ...values });
    for (const name of parameters) {
      const gradient = given[step.gradients.get(name)!.output]!;
      const { largest: most, elements } = golden.gradients[name]!;
      expect(Math.abs(largest(gradient) - most) / most, name).toBeLessThan(1e-4);
      expect(deviation(gradient, elements, most), name).toBeLessThan(1e-4);
    }
  });
});

/** Largest difference to elements taken evenly from a tensor, relative to the largest. */
function deviation({ data }: Tensor, elements: readonly number[], most = Math.max(...elements.map(Math.abs))): number {
  const at = (index: number) =>
    (data as Float32Array)[Math.floor((index * (data.length - 1)) / (elements.length - 1))]!;
  return Math.max(...elements.map((element, index) => Math.abs(at(index) - element))) / most;
}

/** The rest is compared as bytes: element by element, millions of weights would take minutes. */
function withoutWeights(model: Model): Model {
  return { ...model, graph: { ...model.graph, initializers: new Map() } };
}

async function run(model: Model, feeds: Tensors): Promise<Tensors> {
  const engine = await openEngine(model);
  const outputs = await engine.run(feeds);
  await engine[Symbol.asyncDispose]();
  return outputs;
}

function feedsOf({ graph }: Model, { tensors }: Safetensors): Tensors {
  const free = graph.inputs.filter((input) => tensors.has(`input/${input.name}`));
  return Object.fromEntries(free.map(({ name }) => [name, tensors.get(`input/${name}`)!]));
}

/** Adds `loss = sum(weights * logits)`. */
function withLoss(model: Model, weights: Tensor): Model {
  const g = createGraphBuilder(model.graph.name, { ...model.graph, outputs: [] });
  const product = g.op('Mul', [model.graph.outputs[0]!.name, g.constant('loss/weights', weights)]);
  const axes = g.constant('loss/axes', {
    type: 'int64',
    dims: [weights.dims.length],
    data: BigInt64Array.from(weights.dims.keys(), BigInt),
  });
  const loss = g.op('ReduceSum', [product, axes], { keepdims: 0 }, { outputs: ['loss'] });
  g.output(loss, 'float32', []);
  return inferTypes({ ...model, graph: g.graph() });
}

/** The sum of the gradients of everything that holds a parameter, in the parameter's own orientation. */
function sum(
  like: Tensor,
  parts: readonly { readonly tensor: Tensor | undefined; readonly transposed: boolean }[],
): Tensor {
  const data = new Float32Array(elementCount(like.dims));
  const columns = like.dims.at(-1) ?? 1;
  const rows = data.length / columns;
  for (const { tensor, transposed } of parts) {
    if (tensor === undefined) continue;
    const part = tensor.data as Float32Array;
    for (let i = 0; i < data.length; i++)
      data[i]! += part[transposed ? (i % columns) * rows + Math.floor(i / columns) : i]!;
  }
  return { ...like, data };
}

/** Largest difference, relative to the largest value wanted, or to `floor` where that is larger. */
function distance(found: Tensor, wanted: Tensor, floor = 0): number {
  const difference = (found.data as Float32Array).map((value, index) => value - (wanted.data as Float32Array)[index]!);
  return largest({ ...found, data: difference }) / Math.max(largest(wanted), floor);
}

function largest({ data }: Tensor): number {
  return (data as Float32Array).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}
