import type { Model, Tensor, ValueInfo } from '../model.ts';
import type { Pass } from '../pass.ts';

/**
 * A pass that leaves parameters to training: it sees the named initializers as inputs, which are different in every run, and so neither
 * folds them, nor takes a bias of zeros for nothing, nor lets two that are equal today share one tensor. They are
 * initializers again afterwards, under their names, also where nothing uses them.
 *
 *     const { model } = keepParameters(cleanUp(), ['classifier.weight', 'classifier.bias']).run(exported);
 *
 * Names that are no initializers, or graph inputs too, are left as they are.
 */
export function keepParameters(pass: Pass, parameters: readonly string[]): Pass {
  return {
    name: pass.name,
    run(model) {
      const inputs = new Set(model.graph.inputs.map((input) => input.name));
      const kept = new Map<string, Tensor>();
      for (const name of parameters) {
        const tensor = model.graph.initializers.get(name);
        if (tensor !== undefined && !inputs.has(name)) kept.set(name, tensor);
      }
      const opened = asInputs(model, kept);
      const { model: changed, findings } = pass.run(opened);
      return { model: changed === opened ? model : asInitializers(changed, model, kept), findings };
    },
  };
}

/** The initializers that training would change: floats that are no scalars. */
export function trainableParameters({ graph }: Model): readonly string[] {
  return Array.from(graph.initializers)
    .filter(([, { type, dims }]) => /^(float(16|32|64)|bfloat16)$/.test(type) && dims.length > 0)
    .map(([name]) => name);
}

function asInputs(model: Model, kept: ReadonlyMap<string, Tensor>): Model {
  const { graph } = model;
  const added = Array.from(kept, ([name, { type, dims }]): ValueInfo => ({ name, type: { type, dims } }));
  const initializers = new Map(Array.from(graph.initializers).filter(([name]) => !kept.has(name)));
  return { ...model, graph: { ...graph, inputs: [...graph.inputs, ...added], initializers } };
}

/** The order of the initializers is that of the model before, then the new ones. */
function asInitializers(changed: Model, before: Model, kept: ReadonlyMap<string, Tensor>): Model {
  const { graph } = changed;
  const initializers = new Map<string, Tensor>();
  for (const name of before.graph.initializers.keys()) {
    const tensor = kept.get(name) ?? graph.initializers.get(name);
    if (tensor !== undefined) initializers.set(name, tensor);
  }
  for (const [name, tensor] of graph.initializers) initializers.set(name, tensor);
  return { ...changed, graph: { ...graph, inputs: graph.inputs.filter(({ name }) => !kept.has(name)), initializers } };
}
