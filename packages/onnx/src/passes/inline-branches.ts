import type { Graph, Model, Node, TensorType } from '../model.ts';
import { isDefaultDomain } from '../operator.ts';
import type { Pass } from '../pass.ts';
import { definedValues, renameValues, subgraphs } from '../rewrite.ts';
import { attributeOf } from '../types/rule.ts';
import { rewriteModel } from './rewrite-model.ts';
import { numbersOf, type Rewrite, type Site } from './rewrite-rule.ts';

/**
 * Puts the nodes of a branch in the place of an If whose condition is a constant:
 *
 * 1. values of the branch get names that nothing else has, its outputs those of the If; an Identity gives an output its
 *    name where the branch hands out a value of the graph around it, an initializer, or one value twice,
 * 2. initializers of the branch become those of the graph; in a local function they become Constant nodes.
 *
 * Refused, with the reason: branches with sparse initializers or quantization annotations. An If with a condition that
 * is computed stays, and so does one whose branch is an attribute of a local function.
 */
export const inlineBranches: Pass = {
  name: 'inline-branches',
  run: (model) => (hasChoice(model) ? rewriteModel(model, () => inlineBranch) : { model, findings: [] }),
};

/** True where any node at all is an If. */
function hasChoice(model: Model): boolean {
  const holds = (nodes: readonly Node[]): boolean =>
    nodes.some((node) => node.opType === 'If' || subgraphs(node).some((graph) => holds(graph.nodes)));
  return holds(model.graph.nodes) || (model.functions ?? []).some((local) => holds(local.nodes));
}

function inlineBranch(site: Site): Rewrite | undefined {
  const { node } = site;
  if (node.opType !== 'If' || !isDefaultDomain(node.domain)) return undefined;
  const condition = numbersOf(site.constant(node.inputs[0] ?? ''));
  if (condition?.length !== 1) return undefined;
  const name = condition[0] !== 0 ? 'then_branch' : 'else_branch';
  const attribute = attributeOf(node, name);
  if (attribute?.kind !== 'graph' || attribute.value.outputs.length < node.outputs.length) return undefined;
  const branch = attribute.value;
  if ((branch.sparseInitializers?.size ?? 0) > 0) return { skip: `the ${name} has a sparse initializer` };
  if ((branch.quantization?.length ?? 0) > 0) return { skip: `the ${name} has quantization annotations` };
  return inlined(site, branch, `If that always takes its ${name}`);
}

function inlined({ node, fresh }: Site, branch: Graph, message: string): Rewrite {
  const made = new Set(branch.nodes.flatMap(({ outputs }) => outputs));
  const names = new Map<string, string>();
  node.outputs.forEach((output, index) => {
    const inner = branch.outputs[index]!.name;
    if (output !== '' && made.has(inner) && !names.has(inner)) names.set(inner, output);
  });
  for (const value of definedValues(branch)) if (!names.has(value)) names.set(value, fresh(value));
  const graph = renameValues(branch, names);
  const identities = node.outputs.flatMap((output, index): Node[] => {
    const source = graph.outputs[index]!.name;
    if (output === '' || output === source) return [];
    const identity = { opType: 'Identity', domain: '', inputs: [source], outputs: [output], attributes: {} };
    return [{ name: fresh(node.name || 'Identity'), ...identity }];
  });
  return {
    message,
    nodes: [...graph.nodes.map((inner) => ({ ...inner, name: inner.name && fresh(inner.name) })), ...identities],
    constants: graph.initializers,
    types: new Map<string, TensorType>(graph.types),
  };
}
