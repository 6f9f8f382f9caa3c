import type { Dim, Model, TensorType } from '../model.ts';
import { inferTypes, valueTypes } from '../types/infer.ts';

/** Inference runs again after each value that got names; more origins of unknown sizes than this stay unknown. */
const ROUNDS = 100;

/**
 * Types of all values, where every unknown dimension of a known rank has a name of its own, from the inputs on: values
 * computed from it elementwise share the name, so that it is known that they were not broadcast against each other.
 */
export function typesWithNamedDims(model: Model): Map<string, TensorType> {
  let count = 0;
  const named = (type: TensorType | undefined): TensorType | undefined => {
    if (!type?.dims?.includes(undefined)) return type;
    const dims: readonly Dim[] = type.dims.map((dim) => dim ?? `?${count++}`);
    return { ...type, dims };
  };
  const inputs = model.graph.inputs.map((input) => {
    const type = named(input.type);
    return type === undefined ? input : { ...input, type };
  });
  let current: Model = inferTypes({ ...model, graph: { ...model.graph, inputs } });
  let next = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const { nodes, types } = current.graph;
    const unknown = (output: string) => types.get(output)?.dims?.includes(undefined) === true;
    while (next < nodes.length && !nodes[next]!.outputs.some(unknown)) next++;
    if (next === nodes.length) break;
    const more = new Map(types);
    for (const output of nodes[next]!.outputs.filter(unknown)) more.set(output, named(types.get(output))!);
    current = inferTypes({ ...current, graph: { ...current.graph, types: more } });
    next++;
  }
  return valueTypes(current.graph);
}
