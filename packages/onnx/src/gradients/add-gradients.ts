import { SlmError } from '../errors.ts';
import type { Graph, Model, Node, TensorType, ValueInfo } from '../model.ts';
import { operatorKey } from '../operator.ts';
import type { Swept } from './accumulate.ts';
import { accumulate } from './accumulate.ts';
import { activeValues, ancestors, stopReason } from './activity.ts';
import type { Emitter } from './emitter.ts';
import { createEmitter } from './emitter.ts';
import { typesWithNamedDims } from './name-dims.ts';
import { findPath, printPath } from './path.ts';
import { prepareForward } from './prepare.ts';

export interface GradientOptions {
  /** The value to differentiate: one element, unless `seed` is there. */
  readonly loss: string;
  /**
   * A value with the gradient of `loss`, in its shape: for a loss whose own gradient the graph computes by hand. It may
   * depend on `loss` and on the parameters; it counts as a constant.
   */
  readonly seed?: string;
  /** Graph inputs or initializers (these become graph inputs, after the present ones, in this order). */
  readonly parameters: readonly string[];
  /** Parameters read by one Gather(axis 0) whose gradient is wanted as that of the gathered rows. */
  readonly sparse?: readonly string[];
}

/** Where the gradient of one parameter is found. */
export interface ParameterGradient {
  /** Graph output `grad/<parameter>`. */
  readonly output: string;
  /** For sparse parameters: the graph input with the row ids; the output is `[...ids, width]`, to be added to those rows. */
  readonly indices?: string;
}

export interface Differentiated {
  readonly model: Model;
  readonly gradients: ReadonlyMap<string, ParameterGradient>;
}

/**
 * Appends the backward graph of `loss`: one graph output `grad/<parameter>` per parameter, by reverse accumulation over
 * {@link gradients}. The forward nodes stay as they are, except for optional outputs that the backward nodes read, and
 * for what lies between a parameter and the loss without a gradient row: calls of local functions are inlined, operators
 * with a decomposition are spelled out.
 *
 * Errors: `GRADIENT_OPSET` below opset 13; `GRADIENT_PARAMETER` for a name that is no float input or initializer;
 * `GRADIENT_LOSS` for a loss that does not exist or has several elements; `GRADIENT_NO_PATH` when the loss does not depend
 * on a parameter; `GRADIENT_UNSUPPORTED` for an operator that cannot pass the gradient, with the path to the parameter;
 * `GRADIENT_SPARSE` for a sparse parameter that is not read by exactly one Gather(axis 0) with ids from a graph input.
 */
export function addGradients(model: Model, options: GradientOptions): Differentiated {
  const opset = model.opsets[''] ?? 0;
  if (opset < 13) {
    throw new SlmError(
      'GRADIENT_OPSET',
      `addGradients: expected opset 13 or later, got ${opset} (convert the model first)`,
    );
  }
  const declared = { ...model, graph: withParameterInputs(model.graph, options.parameters) };
  const prepared = prepareForward(declared, options.loss, options.parameters);
  const { graph } = prepared.model;
  const emitter = createEmitter(graph, opset, typesWithNamedDims(prepared.model));
  const seed = options.seed ?? lossSeed(graph, emitter, options.loss);
  const sparse = sparseLookups(graph, options);
  const refuse = (node: Node, reason: string | undefined): never => {
    const source = options.parameters.find((parameter) => findPath(graph, parameter, node) !== undefined);
    const path = source === undefined ? undefined : findPath(graph, source, node);
    const missing = () => {
      const kept = prepared.refusals.get(node.outputs[0]!) ?? prepared.refusals.get(node.name);
      return kept === undefined ? 'no gradient row for this operator' : `it cannot be spelled out: ${kept}`;
    };
    throw unsupported(node, reason ?? missing(), source, path);
  };
  const swept = accumulate({
    graph,
    emitter,
    active: activeValues(graph, options.parameters, emitter.type),
    seeds: new Map([[options.loss, seed]]),
    sparse,
    opsets: prepared.model.opsets,
    refuse,
  });
  return finish(prepared.model, emitter, options, sparse, swept);
}

function withParameterInputs(graph: Graph, parameters: readonly string[]): Graph {
  const inputs = new Set(graph.inputs.map((input) => input.name));
  const initializers = new Map(graph.initializers);
  const added: ValueInfo[] = [];
  const twice = parameters.find((parameter, index) => parameters.indexOf(parameter) !== index);
  if (twice !== undefined) {
    throw new SlmError('GRADIENT_PARAMETER', `addGradients, parameters: expected each once, got "${twice}" again`);
  }
  for (const parameter of parameters) {
    const tensor = graph.initializers.get(parameter);
    const type = tensor?.type ?? graph.inputs.find((input) => input.name === parameter)?.type?.type;
    if (!tensor && !inputs.has(parameter)) {
      throw new SlmError(
        'GRADIENT_PARAMETER',
        `addGradients, parameter "${parameter}": expected a graph input or initializer, got no such value (a pass may have folded or merged it: keepParameters)`,
      );
    }
    if (type !== undefined && !/float/.test(type)) {
      throw new SlmError(
        'GRADIENT_PARAMETER',
        `addGradients, parameter "${parameter}": expected a float type, got ${type}`,
      );
    }
    if (!tensor) continue;
    initializers.delete(parameter);
    if (!inputs.has(parameter)) added.push({ name: parameter, type: { type: tensor.type, dims: tensor.dims } });
  }
  return { ...graph, inputs: [...graph.inputs, ...added], initializers };
}

function lossSeed(graph: Graph, emitter: Emitter, loss: string): string {
  if (!emitter.producer(loss)) {
    throw new SlmError(
      'GRADIENT_LOSS',
      `addGradients, loss "${loss}": expected a value computed by graph "${graph.name}", got none`,
    );
  }
  const dims = emitter.dims(loss);
  if (dims?.some((dim) => dim !== 1 && dim !== undefined)) {
    throw new SlmError(
      'GRADIENT_LOSS',
      `addGradients, loss "${loss}": expected one element, got [${dims}] (reduce it first)`,
    );
  }
  const one = emitter.scalar(1);
  return dims?.length === 0 ? one : emitter.loosen(one);
}

/** The one Gather of each sparse parameter. */
function sparseLookups(graph: Graph, options: GradientOptions): ReadonlyMap<string, Node> {
  const lookups = new Map<string, Node>();
  const inputs = new Set(graph.inputs.map((input) => input.name));
  const needed = ancestors(graph, options.loss);
  for (const parameter of options.sparse ?? []) {
    const readers = graph.nodes.filter((node) => needed.has(node) && node.inputs.includes(parameter));
    const where = `addGradients, sparse parameter "${parameter}"`;
    const [reader] = readers;
    const axis = reader?.attributes.axis;
    const fits =
      readers.length === 1 &&
      reader?.opType === 'Gather' &&
      reader.inputs[0] === parameter &&
      (axis === undefined || (axis.kind === 'int' && Number(axis.value) === 0));
    if (!fits || !options.parameters.includes(parameter)) {
      const got = options.parameters.includes(parameter)
        ? readers.map((node) => `${node.opType} "${node.name}"`).join(', ') || 'no reader'
        : 'a value that is not among the parameters';
      throw new SlmError('GRADIENT_SPARSE', `${where}: expected one Gather(axis 0), got ${got}`);
    }
    if (!inputs.has(reader.inputs[1]!)) {
      throw new SlmError(
        'GRADIENT_SPARSE',
        `${where}: expected row ids from a graph input, got "${reader.inputs[1]}" (make the ids a graph input)`,
      );
    }
    lookups.set(parameter, reader);
  }
  return lookups;
}

function unsupported(node: Node, reason: string, parameter?: string, path?: readonly Node[]): SlmError {
  const label = node.name === '' ? node.outputs[0] : node.name;
  const trail = parameter === undefined || !path ? '' : ` (on the path ${printPath(parameter, path)})`;
  return new SlmError(
    'GRADIENT_UNSUPPORTED',
    `addGradients, node "${label}": expected an operator that passes gradients, got ${operatorKey(node)}: ${reason}${trail}`,
  );
}

function finish(
  model: Model,
  emitter: Emitter,
  options: GradientOptions,
  sparse: ReadonlyMap<string, Node>,
  swept: Swept,
): Differentiated {
  const { graph } = model;
  const found = new Map<string, ParameterGradient>();
  const renames = new Map<string, string>();
  const outputs: ValueInfo[] = [...graph.outputs];
  for (const parameter of options.parameters) {
    if (!swept.has(parameter)) throw noGradient(graph, parameter, options.loss, emitter.type);
    const lookup = sparse.get(parameter);
    const output = `grad/${parameter}`;
    const gradient = lookup ? swept.rows(parameter) : swept.full(parameter);
    const source = emitter.canRename(gradient) && !renames.has(gradient) ? gradient : emitter.copy(gradient);
    renames.set(source, output);
    const type: TensorType | undefined = emitter.type(lookup ? lookup.outputs[0]! : parameter);
    outputs.push({ name: output, type: type ?? { type: 'float32' } });
    found.set(parameter, lookup ? { output, indices: lookup.inputs[1]! } : { output });
  }
  const parts = emitter.finish(renames);
  return { model: { ...model, graph: { ...graph, ...parts, outputs } }, gradients: found };
}

function noGradient(
  graph: Graph,
  parameter: string,
  loss: string,
  typeOf: (value: string) => TensorType | undefined,
): SlmError {
  const target = graph.nodes.find((node) => node.outputs.includes(loss))!;
  const path = findPath(graph, parameter, target);
  const blocking = path?.find((node) => stopReason(node, typeOf) !== undefined);
  if (path && blocking) {
    return unsupported(blocking, stopReason(blocking, typeOf)!, parameter, path.slice(0, path.indexOf(blocking) + 1));
  }
  return new SlmError(
    'GRADIENT_NO_PATH',
    `addGradients, parameter "${parameter}": expected loss "${loss}" to depend on it, got no path (remove it from the parameters)`,
  );
}
