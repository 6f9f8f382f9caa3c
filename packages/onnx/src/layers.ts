import type { Graph, Node } from './model.ts';
import { indexGraph } from './rewrite.ts';

/** Which layer the nodes and initializers of a graph belong to; `''` where nothing tells. */
export interface Layers {
  readonly ofNode: ReadonlyMap<Node, string>;
  readonly ofInitializer: ReadonlyMap<string, string>;
}

/**
 * Groups a graph by the modules that names tell of: `/model/encoder/layer.0/attention/MatMul` and
 * `model.encoder.layer.0.attention.query.weight` are of layer `model.encoder.layer.0`. A layer is the scope down to its
 * first number; beside numbered ones, the modules next to them (`model.embeddings`); without numbers, the modules below
 * what all names have in common. The scopes of PyTorch's exporter (metadata `pkg.torch.onnx.name_scopes`) go before names.
 *
 * A node without a scope is of the layer of an initializer that it, or the node that uses its result, takes; else of the
 * latest layer that its inputs come from, or of the layer that uses it. An initializer without a scope is of the layer of
 * the first node that uses it. Initializers of a layer without nodes join the layer of nodes that its name ends with, if
 * it is the only one (`bert.encoder.layer.0` joins `layer.0`).
 */
export function layersOf(graph: Graph): Layers {
  const ofNodes = new Map(graph.nodes.map((node) => [node, moduleScope(node) ?? scopeOf(node.name)]));
  const ofNames = new Map([...graph.initializers.keys()].map((name) => [name, scopeOf(name)]));
  const layerOf = namer([...ofNodes.values()], [...ofNames.values()]);
  const told = (key: Node | string) => layerOf((typeof key === 'string' ? ofNames.get(key) : ofNodes.get(key)) ?? []);

  const { consumers } = indexGraph(graph);
  const ofNode = new Map<Node, string>();
  const ofValue = new Map<string, string>();
  const ofWeights = new Map<Node, string>();
  for (const node of graph.nodes) {
    const weight = node.inputs.find((input) => graph.initializers.has(input) && told(input) !== '');
    if (weight !== undefined) ofWeights.set(node, told(weight));
  }
  const order = new Map<string, number>();
  for (const node of graph.nodes) {
    const users = node.outputs.flatMap((output) => consumers.get(output) ?? []);
    const sources = node.inputs.map((input) => ofValue.get(input) ?? '');
    const layer =
      told(node) ||
      ofWeights.get(node) ||
      firstOf(users, (user) => ofWeights.get(user)) ||
      sources.reduce((last, source) => ((order.get(source) ?? -1) > (order.get(last) ?? -1) ? source : last), '') ||
      firstOf(users, told);
    if (layer !== '' && !order.has(layer)) order.set(layer, order.size);
    ofNode.set(node, layer);
    for (const output of node.outputs) ofValue.set(output, layer);
  }
  const ofInitializer = new Map<string, string>();
  for (const name of graph.initializers.keys()) {
    const user = consumers.get(name)?.[0];
    ofInitializer.set(name, told(name) || (user && ofNode.get(user)) || '');
  }
  return { ofNode, ofInitializer };
}

/** Modules inside each other that are looked at. */
const MAX_DEPTH = 24;

function firstOf(nodes: readonly Node[], layerOf: (node: Node) => string | undefined): string {
  for (const node of nodes) {
    const layer = layerOf(node);
    if (layer) return layer;
  }
  return '';
}

/** The modules before the last part of a name. */
function scopeOf(name: string): readonly string[] {
  return name
    .replace(/:\d+$/, '')
    .split(/[/.]/)
    .filter((part) => part !== '')
    .slice(0, -1)
    .slice(0, MAX_DEPTH);
}

/** The innermost module of a node that PyTorch's exporter made: the entry before the operator's own. */
function moduleScope(node: Node): readonly string[] | undefined {
  const listed = node.metadata?.['pkg.torch.onnx.name_scopes'];
  const scopes = listed?.match(/'[^']*'/g)?.map((scope) => scope.slice(1, -1));
  return scopes?.at(-2)?.split('.').filter(Boolean).slice(0, MAX_DEPTH);
}

/** A function from scopes to layers, for the scopes of one graph. */
function namer(
  ofNodes: readonly (readonly string[])[],
  ofNames: readonly (readonly string[])[],
): (scope: readonly string[]) => string {
  const scopes = [...ofNodes, ...ofNames].filter((scope) => scope.length > 0);
  const containers = new Set<string>(['']);
  const open = (scope: readonly string[], end: number) => {
    for (let length = 1; length < end; length++) containers.add(scope.slice(0, length).join('.'));
  };
  for (const scope of scopes) {
    const end = numbered(scope);
    if (end > 0) open(scope, end);
  }
  const shared = common(scopes);
  open(shared, shared.length + 1);
  const cut = (scope: readonly string[]) => {
    if (scope.length === 0) return '';
    const end = numbered(scope);
    if (end > 0) return scope.slice(0, end).join('.');
    let length = 0;
    while (length < scope.length && containers.has(scope.slice(0, length + 1).join('.'))) length++;
    return scope.slice(0, length + 1).join('.');
  };
  const nodeLayers = new Set(ofNodes.map(cut));
  const meant = new Map<string, string>();
  const joined = new Map<string, number>();
  for (const long of new Set(ofNames.map(cut))) {
    const short = nodeLayers.has(long) ? undefined : endings(long).find((ending) => nodeLayers.has(ending));
    if (short === undefined) continue;
    joined.set(short, (joined.get(short) ?? 0) + 1);
    meant.set(long, short);
  }
  return (scope) => {
    const layer = cut(scope);
    const short = meant.get(layer);
    return short === undefined || joined.get(short) !== 1 ? layer : short;
  };
}

/** `b.c` and `c` of `a.b.c`. */
function endings(layer: string): readonly string[] {
  const parts = layer.split('.');
  return parts.slice(1).map((_, index) => parts.slice(index + 1).join('.'));
}

/** How many parts of a scope there are down to the first number (`layer.0`, `LayerNorm_0`); 0 without one. */
function numbered(scope: readonly string[]): number {
  return scope.findIndex((part) => /(^|_)\d+$/.test(part)) + 1;
}

/** What all scopes begin with. */
function common(scopes: readonly (readonly string[])[]): readonly string[] {
  const [first = [], ...others] = scopes;
  let length = first.length;
  for (const scope of others) {
    let same = 0;
    while (same < length && scope[same] === first[same]) same++;
    length = same;
  }
  return first.slice(0, length);
}
