import { stat } from 'node:fs/promises';
import { readStageManifest, type StageManifest } from '@slm-compress/compress';
import {
  fittingSizes,
  type Graph,
  type InputSizes,
  isSlmError,
  type LayerSummary,
  layersOf,
  type ModelSummary,
  printModel,
  subgraphs,
  summarizeLayers,
  summarizeModel,
  tensorBytes,
  type ValueInfo,
} from '@slm-compress/onnx';
import type { GivenGraph } from './read-graph.ts';

/** An initializer and its share of the bytes of all. */
export interface InitializerSize {
  readonly name: string;
  readonly type: string;
  readonly dims: readonly number[];
  readonly bytes: number;
  readonly share: number;
  readonly layer: string;
}

/** What `inspect` tells of a model; the document that `--json` prints. Keys stay, new ones may come. */
export interface Inspection extends ModelSummary {
  readonly file: string;
  readonly fileBytes: number;
  readonly irVersion: number;
  readonly opsets: Readonly<Record<string, number>>;
  readonly producer: string;
  readonly inputs: readonly Pick<ValueInfo, 'name' | 'type' | 'container'>[];
  readonly outputs: readonly Pick<ValueInfo, 'name' | 'type' | 'container'>[];
  /** Sizes at which multiply-adds are counted. */
  readonly dims: InputSizes;
  /** Nodes by operator of which multiply-adds cannot be told. */
  readonly uncounted: Readonly<Record<string, number>>;
  /** Why there are no multiply-adds at all. */
  readonly uncountedReason?: string;
  readonly layers: readonly Omit<LayerSummary, 'uncounted'>[];
  /** The largest initializers, largest first. */
  readonly largest: readonly InitializerSize[];
  readonly functions: readonly { readonly name: string; readonly nodes: number }[];
  readonly subgraphs: { readonly count: number; readonly depth: number };
  readonly metadata: Readonly<Record<string, string>>;
  /** The manifest of a model folder. */
  readonly lineage?: StageManifest;
}

/** Looks at a model; weights in a data file are not read. Throws `SIZES_UNKNOWN` for sizes that no input has. */
export async function inspectGraph(
  given: GivenGraph,
  { dims: wanted = {}, top = 10 }: { readonly dims?: InputSizes; readonly top?: number } = {},
): Promise<Inspection> {
  const { file, folder, model } = given;
  const { graph } = model;
  const dims = fittingSizes(model, wanted);
  const summary = summarizeModel(model);
  const { layers, reason } = countedLayers(given, dims);
  const uncounted = new Map<string, number>();
  for (const { operator } of layers.flatMap((layer) => layer.uncounted ?? [])) {
    uncounted.set(operator, (uncounted.get(operator) ?? 0) + 1);
  }
  const counted = layers.reduce((sum, layer) => sum + (layer.multiplyAdds ?? 0), 0);
  const lineage = folder === undefined ? undefined : await readStageManifest(folder).catch(() => undefined);
  return {
    file,
    fileBytes: (await stat(file)).size,
    irVersion: model.irVersion,
    opsets: model.opsets,
    producer: [model.producerName, model.producerVersion].filter(Boolean).join(' '),
    inputs: graph.inputs.map(infoOf),
    outputs: graph.outputs.map(infoOf),
    ...summary,
    dims,
    ...(reason === undefined ? { multiplyAdds: counted } : { uncountedReason: reason }),
    uncounted: Object.fromEntries(uncounted),
    layers: layers.map(({ uncounted: _, ...layer }) => layer),
    largest: largestOf(graph, summary.bytes, top),
    functions: (model.functions ?? []).map((local) => ({
      name: `${local.domain}.${local.name}`,
      nodes: local.nodes.length,
    })),
    subgraphs: nesting(graph),
    metadata: model.metadata,
    ...(lineage === undefined ? {} : { lineage }),
  };
}

/** The graph as text. */
export function graphText({ model }: GivenGraph): string {
  return printModel(model);
}

function countedLayers(
  { model }: GivenGraph,
  dims: InputSizes,
): { readonly layers: readonly LayerSummary[]; readonly reason?: string } {
  try {
    return { layers: summarizeLayers(model, { dims }) };
  } catch (error) {
    if (!isSlmError(error)) throw error;
    return { layers: summarizeLayers(model), reason: error.message };
  }
}

function largestOf(graph: Graph, total: number, top: number): readonly InitializerSize[] {
  const { ofInitializer } = layersOf(graph);
  return Array.from(graph.initializers, ([name, tensor]) => ({ name, tensor, bytes: tensorBytes(tensor) }))
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, top)
    .map(({ name, tensor: { type, dims }, bytes }) => ({
      name,
      type,
      dims,
      bytes,
      share: total === 0 ? 0 : bytes / total,
      layer: ofInitializer.get(name) ?? '',
    }));
}

function nesting(graph: Graph): { readonly count: number; readonly depth: number } {
  let [count, depth] = [0, 0];
  for (const inner of graph.nodes.flatMap(subgraphs)) {
    const below = nesting(inner);
    count += 1 + below.count;
    depth = Math.max(depth, 1 + below.depth);
  }
  return { count, depth };
}

function infoOf({ name, type, container }: ValueInfo): Pick<ValueInfo, 'name' | 'type' | 'container'> {
  return {
    name,
    ...(type && { type: { type: type.type, ...(type.dims && { dims: type.dims }) } }),
    ...(container && { container }),
  };
}
