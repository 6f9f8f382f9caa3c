import type { Model, Node } from '../model.ts';
import type { Pass } from '../pass.ts';
import { rewriteModel } from '../passes/rewrite-model.ts';
import { numbersOf, type Rewrite, type RewriteRule, type Site, sameDims } from '../passes/rewrite-rule.ts';
import { subgraphs } from '../rewrite.ts';
import { type Match, match, type Pattern, type Values } from './pattern.ts';

const MICROSOFT = 'com.microsoft';

/** Where the graph is to run: anywhere that has ai.onnx, or on ONNX Runtime, whose own operators are used too. */
export type FuseTarget = 'portable' | 'onnxruntime';

/** One computation to find, and what to put in its place. */
export interface Fusion {
  /** What is made, for findings. */
  readonly name: string;
  /** Operators of the last node of the pattern. */
  readonly roots: readonly string[];
  readonly pattern: Pattern;
  /** The nodes to put there, or why not. */
  build(site: Site, found: Match): Rewrite | string | undefined;
}

/**
 * A fusion as a rule: the first way to read the node as the pattern that `build` accepts. Refused, with the reason:
 * values inside the pattern that something else uses, constants that broadcast the result to a higher rank, and what
 * `build` refuses.
 */
export function fusionRule(...fusions: readonly Fusion[]): RewriteRule {
  return (site) => {
    const { node } = site;
    const values = seenFrom(site);
    let refusal: string | undefined;
    for (const fusion of fusions) {
      if (!fusion.roots.includes(node.opType)) continue;
      for (const found of match(fusion.pattern, values, node.outputs[0]!)) {
        const made = obstacle(site, found) ?? fusion.build(site, found);
        if (made === undefined) continue;
        if (typeof made !== 'string') return made;
        refusal ??= `${fusion.name}: ${made}`;
      }
    }
    return refusal === undefined ? undefined : { skip: refusal };
  };
}

/** A pass that applies the rule that `begin` gives for a walk over a graph. */
export function fusionPass(name: string, begin: () => RewriteRule): Pass {
  return {
    name,
    run(model) {
      const { model: fused, findings } = rewriteModel(model, begin);
      return { model: fused === model ? model : withMicrosoft(fused), findings };
    },
  };
}

/** Declares com.microsoft where operators of it have come in. */
function withMicrosoft(model: Model): Model {
  const uses = (nodes: readonly Node[]): boolean =>
    nodes.some((node) => node.domain === MICROSOFT || subgraphs(node).some((graph) => uses(graph.nodes)));
  const declared = <T extends Pick<Model, 'opsets'>>(part: T, nodes: readonly Node[]): T =>
    part.opsets[MICROSOFT] === undefined && uses(nodes)
      ? { ...part, opsets: { ...part.opsets, [MICROSOFT]: 1 } }
      : part;
  const functions = model.functions?.map((local) => declared(local, local.nodes));
  const whole = functions?.some((local) => local.opsets[MICROSOFT] !== undefined);
  const next = declared(model, [...model.graph.nodes, ...(whole ? functions!.flatMap(({ nodes }) => nodes) : [])]);
  return functions === undefined ? next : { ...next, functions };
}

/** A site as patterns see it: the node itself makes its outputs. */
export function seenFrom(site: Site): Values {
  const { node } = site;
  return {
    producer: (value) => (value !== '' && node.outputs.includes(value) ? node : site.producer(value)),
    constant: site.constant,
  };
}

/** Why the nodes of a match cannot go: something outside reads what is inside. */
function obstacle(site: Site, { nodes, ranked, values }: Match): string | undefined {
  const reads = new Map<string, number>();
  for (const node of nodes) for (const input of node.inputs) reads.set(input, (reads.get(input) ?? 0) + 1);
  for (const node of nodes) {
    if (node === site.node) continue;
    for (const output of node.outputs) {
      if (output === '' || site.uses(output) === (reads.get(output) ?? 0)) continue;
      return `${JSON.stringify(output)} inside it is used elsewhere`;
    }
  }
  if (ranked.length > 0 && values.x !== undefined && !sameDims(site.dims(values.x), site.dims(site.node.outputs[0]!)))
    return `the constant ${JSON.stringify(ranked[0])} may broadcast`;
  return undefined;
}

/** The node of a site with another operator, inputs and attributes; its outputs stay. */
export function become(
  { node }: Site,
  opType: string,
  inputs: readonly string[],
  attributes: Node['attributes'] = {},
  domain = '',
): Node {
  return { name: node.name, opType, domain, inputs, outputs: [node.outputs[0]!], attributes };
}

/** A nonnegative axis from an attribute or a constant input of a reduction over exactly one axis. */
export function singleAxis(site: Site, reduction: Node, rank: number): number | undefined {
  const attribute = reduction.attributes.axes;
  const axes =
    attribute?.kind === 'ints' ? attribute.value.map(Number) : numbersOf(site.constant(reduction.inputs[1] ?? ''));
  if (axes?.length !== 1) return undefined;
  return axes[0]! < 0 ? axes[0]! + rank : axes[0]!;
}
