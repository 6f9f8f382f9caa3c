import type { Graph, Model } from '@slm-compress/onnx';
import { addGradients, createGraphBuilder, inferTypes, removeDeadNodes, SlmError } from '@slm-compress/onnx';
import { type DropoutSite, insertDropout } from './dropout.ts';
import { appendLoss, checkLoss, type Loss } from './loss.ts';

/** A trained tensor of a step graph: a graph input whose gradient is a graph output. */
export interface StepParameter {
  readonly name: string;
  readonly dims: readonly number[];
  /** Output that holds the gradient: of the whole tensor, or of its gathered rows when `indices` is present. */
  readonly gradient: string;
  /** Input that holds the row ids of a sparse gradient. */
  readonly indices?: string;
}

/** Forward, loss and backward of a classifier as one graph, and what to feed it. */
export interface TrainingStep {
  /**
   * Inputs: `input_ids`, `attention_mask` int64 `[batch, sequence]`, `position_ids` int64 `[sequence]` when the model has
   * a position table, `targets` (and `teacher_logits`) float32 `[batch, labels]`, `loss_scale` float32 `[]`, every
   * parameter, every dropout mask. Outputs: `loss` and a gradient per parameter. With `loss_scale` = 1 / batch size the
   * losses and gradients of a batch's shards add up to those of the batch.
   */
  readonly model: Model;
  /** The forward graph with parameters as inputs, for validation: `input_ids`, `attention_mask`, parameters → `logits`. */
  readonly evaluation: Model;
  /** In graph order. */
  readonly parameters: readonly StepParameter[];
  readonly sites: readonly DropoutSite[];
  readonly dropout: number;
  readonly loss: Loss;
  /** Number of classes. */
  readonly labels: number;
  /** Rows of the position table, where there is one. */
  readonly maxPositions?: number;
}

export interface TrainingStepOptions {
  /** Probability of dropping a hidden activation; 0 by default. */
  readonly dropout?: number;
  /** Initializers to train; all float32 ones of rank 1 and above by default. */
  readonly parameters?: readonly string[];
}

const POSITION_IDS = 'position_ids';

/**
 * Makes the training step of a classifier whose output is `logits` `[batch, labels]`. The model is not changed.
 * A table that one Gather reads with ids from a graph input gets a sparse gradient (of the gathered rows).
 * Throws `STEP_MODEL` for a model of another form, `TRAIN_OPTIONS`, and what `addGradients` throws.
 */
export function buildTrainingStep(model: Model, loss: Loss, options: TrainingStepOptions = {}): TrainingStep {
  const { dropout = 0 } = options;
  checkLoss(loss);
  if (!(dropout >= 0 && dropout < 1)) {
    throw new SlmError('TRAIN_OPTIONS', `train: dropout must be in [0, 1), got ${dropout}`);
  }
  const logits = model.graph.outputs.find((output) => output.name === 'logits');
  const labels = logits?.type?.dims?.[1];
  if (logits === undefined || typeof labels !== 'number') {
    const got = model.graph.outputs.map((output) => output.name).join(', ') || 'none';
    throw new SlmError('STEP_MODEL', `training step: expected output logits [batch, labels], got outputs ${got}`);
  }
  const names = options.parameters ?? trainableParameters(model);
  const fed = feedPositions(model.graph);
  const sparse = sparseTables(fed, names);
  const { graph, sites } = insertDropout(inferTypes({ ...model, graph: fed }).graph, dropout);
  const g = createGraphBuilder('training-step', { ...graph, outputs: [] });
  g.output(appendLoss(g, 'logits', labels, loss), 'float32', []);
  const forward = removeDeadNodes.run({ ...model, graph: g.graph() }).model;
  const made = addGradients(inferTypes(forward), { loss: 'loss', parameters: names, sparse });
  const positions = fed.nodes.find((node) => node.opType === 'Gather' && node.inputs[1] === POSITION_IDS);
  const rows = positions && model.graph.initializers.get(positions.inputs[0]!)?.dims[0];
  return {
    model: made.model,
    evaluation: withParametersAsInputs(model, names),
    parameters: names.map((name) => {
      const { dims } = model.graph.initializers.get(name)!;
      const { output, indices } = made.gradients.get(name)!;
      return { name, dims, gradient: output, ...(indices !== undefined && { indices }) };
    }),
    sites,
    dropout,
    loss,
    labels,
    ...(rows !== undefined && { maxPositions: rows }),
  };
}

/** Names of the initializers that training changes: float32 of rank 1 and above (scalars are constants). */
export function trainableParameters(model: Model): readonly string[] {
  return [...model.graph.initializers]
    .filter(([, tensor]) => tensor.type === 'float32' && tensor.dims.length > 0)
    .map(([name]) => name);
}

/** Turns computed position ids into a graph input, as a sparse gradient needs them. */
function feedPositions(graph: Graph): Graph {
  const nodes = graph.nodes.filter((node) => node.outputs[0] !== POSITION_IDS);
  if (nodes.length === graph.nodes.length) return graph;
  const input = { name: POSITION_IDS, type: { type: 'int64' as const, dims: ['sequence'] } };
  return { ...graph, nodes, inputs: [...graph.inputs, input] };
}

function sparseTables(graph: Graph, names: readonly string[]): readonly string[] {
  const inputs = new Set(graph.inputs.map((input) => input.name));
  return names.filter((name) => {
    const readers = graph.nodes.filter((node) => node.inputs.includes(name));
    const [reader] = readers;
    const axis = reader?.attributes.axis;
    const first = axis === undefined || (axis.kind === 'int' && Number(axis.value) === 0);
    return (
      readers.length === 1 &&
      reader?.opType === 'Gather' &&
      reader.inputs[0] === name &&
      first &&
      inputs.has(reader.inputs[1]!)
    );
  });
}

function withParametersAsInputs(model: Model, names: readonly string[]): Model {
  const initializers = new Map(model.graph.initializers);
  const inputs = [...model.graph.inputs];
  for (const name of names) {
    const tensor = initializers.get(name);
    if (tensor === undefined) throw new SlmError('STEP_MODEL', `training step: expected initializer ${name}, got none`);
    initializers.delete(name);
    inputs.push({ name, type: { type: tensor.type, dims: tensor.dims } });
  }
  return { ...model, graph: { ...model.graph, inputs, initializers } };
}
