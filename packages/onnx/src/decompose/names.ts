import type { Graph, Model } from '../model.ts';
import { subgraphs } from '../rewrite.ts';

/** Makes names that no value and no node of the model has, subgraphs included; each is taken from then on. */
export function createNamer(model: Pick<Model, 'graph'>): (base: string) => string {
  const taken = new Set<string>();
  const collect = (graph: Graph): void => {
    for (const { name } of [...graph.inputs, ...graph.outputs]) taken.add(name);
    for (const name of graph.initializers.keys()) taken.add(name);
    for (const name of graph.sparseInitializers?.keys() ?? []) taken.add(name);
    for (const node of graph.nodes) {
      taken.add(node.name);
      for (const output of node.outputs) taken.add(output);
      for (const inner of subgraphs(node)) collect(inner);
    }
  };
  collect(model.graph);
  const counters = new Map<string, number>();
  return (base) => {
    let candidate = base;
    while (candidate === '' || taken.has(candidate)) {
      const count = (counters.get(base) ?? 0) + 1;
      counters.set(base, count);
      candidate = `${base}_${count}`;
    }
    taken.add(candidate);
    return candidate;
  };
}
