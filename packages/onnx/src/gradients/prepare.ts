import { decomposeWhere } from '../decompose/decompose-operators.ts';
import { inlineFunctions } from '../decompose/inline-functions.ts';
import { decompositions } from '../decompose/table.ts';
import type { Model, Node } from '../model.ts';
import { operatorKey, rowOf } from '../operator.ts';
import { valueTypes } from '../types/infer.ts';
import { activeValues, ancestors, usesAny } from './activity.ts';
import { gradients } from './table.ts';

/** Decompositions in a row; each makes simpler operators. */
const ROUNDS = 8;

/** A forward model whose nodes can be differentiated as far as possible. */
export interface Prepared {
  /** The model as it was when nothing had to be spelled out. */
  readonly model: Model;
  /** Why a node without a gradient row stayed as it is, by its first output. */
  readonly refusals: ReadonlyMap<string, string>;
}

/**
 * Spells out what stands between the parameters and the loss and has no gradient row: calls of local functions are
 * inlined, operators with a decomposition are decomposed. Other nodes stay as they are.
 */
export function prepareForward(model: Model, loss: string, parameters: readonly string[]): Prepared {
  const refusals = new Map<string, string>();
  let current = model;
  for (let round = 0; round < ROUNDS; round++) {
    const calls = new Set(
      (current.functions ?? []).map((made) => operatorKey({ domain: made.domain, opType: made.name })),
    );
    const types = valueTypes(current.graph);
    const active = activeValues(current.graph, parameters, (value) => types.get(value));
    const needed = ancestors(current.graph, loss);
    const onPath = current.graph.nodes.filter((node) => needed.has(node) && usesAny(node, active));
    if (onPath.some((node) => calls.has(operatorKey(node)))) {
      const inlined = inlineFunctions.run(current);
      for (const { kind, where, message } of inlined.findings) if (kind === 'skipped') refusals.set(where, message);
      if (inlined.model.graph.nodes.some((node) => !current.graph.nodes.includes(node))) {
        current = inlined.model;
        continue;
      }
    }
    const open = new Set(onPath.filter(spelledOut).flatMap((node) => node.outputs.slice(0, 1)));
    for (const output of refusals.keys()) open.delete(output);
    if (open.size === 0) break;
    const made = decomposeWhere(current, (node) => spelledOut(node) && open.has(node.outputs[0]!));
    for (const [node, reason] of made.refusals) refusals.set(node.outputs[0]!, reason);
    if (made.model === current) break;
    const { graph } = made.model;
    current = { ...made.model, graph: { ...graph, types: current.graph.types, outputs: current.graph.outputs } };
  }
  return { model: current, refusals };
}

/** True for an operator that is differentiated by its decomposition; If only when its branch is known beforehand. */
function spelledOut(node: Node): boolean {
  if (rowOf(decompositions, node) === undefined) return false;
  return rowOf(gradients, node) === undefined || operatorKey(node) === 'If';
}
