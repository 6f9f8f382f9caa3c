import type { Graph, Model } from '@slm-compress/onnx';
import {
  addGradients,
  createGraphBuilder,
  inferTypes,
  removeDeadNodes,
  SlmError,
  trainableParameters,
} from '@slm-compress/onnx';
import { type DropoutSite, insertDropout } from './dropout.ts';
import type { DirectGradient, Task } from './task.ts';
import { turnWeightGradients } from './weight-gradients.ts';

/** Where a gradient is found: of the whole tensor, or of rows of it when `indices` is there. */
export interface StepGradient {
  /** Output of the step graph. */
  readonly output: string;
  /** Input that holds the row ids of a sparse gradient. */
  readonly indices?: string;
}

/** A trained tensor of a step graph: a graph input whose gradient, the sum of `gradients`, is among the outputs. */
export interface StepParameter {
  readonly name: string;
  readonly dims: readonly number[];
  readonly gradients: readonly StepGradient[];
}

/** Forward, loss and backward of a task as one graph, and what to feed it. */
export interface TrainingStep {
  /**
   * Inputs: those of the model and of the task's loss, `position_ids` int64 `[sequence]` when the model counts positions
   * itself, `loss_scale` float32 `[]`, every parameter, every dropout mask. Outputs: `loss` and the gradients. With
   * `loss_scale` = 1 / weight of a batch the losses and gradients of its shards add up to those of the batch.
   */
  readonly model: Model;
  /** The task's graph for validation, with parameters as inputs. */
  readonly evaluation: Model;
  /** In graph order. */
  readonly parameters: readonly StepParameter[];
  readonly sites: readonly DropoutSite[];
  readonly dropout: number;
  /** Whether `position_ids` `[sequence]` is to be fed by the training. */
  readonly countsPositions: boolean;
  /** Rows of the position table, where there is one. */
  readonly maxPositions?: number;
}

export interface TrainingStepOptions {
  /** Probability of dropping a hidden activation; 0 by default. */
  readonly dropout?: number;
  /** Initializers to train, float32; all of `trainableParameters` by default. */
  readonly parameters?: readonly string[];
}

const POSITION_IDS = 'position_ids';

/**
 * Makes the training step of a task on a model, which is not changed.
 * A table that one Gather reads with ids from a graph input gets a sparse gradient (of the gathered rows).
 * Throws `TRAIN_OPTIONS`, and what the task and `addGradients` throw.
 */
export function buildTrainingStep(model: Model, task: Task, options: TrainingStepOptions = {}): TrainingStep {
  const { dropout = 0 } = options;
  if (!(dropout >= 0 && dropout < 1)) {
    throw new SlmError('TRAIN_OPTIONS', `train: dropout must be in [0, 1), got ${dropout}`);
  }
  const names = options.parameters ?? trainableParameters(model);
  const fed = feedPositions(model.graph);
  const positions = fed.nodes.find((node) => node.opType === 'Gather' && node.inputs[1] === POSITION_IDS);
  const maxPositions = positions && model.graph.initializers.get(positions.inputs[0]!)?.dims[0];

  const { graph, sites } = insertDropout(inferTypes({ ...model, graph: fed }).graph, dropout);
  const g = createGraphBuilder('training-step', { ...graph, outputs: [] });
  const objective = task.appendLoss(g, model, g.input('loss_scale', 'float32', []));
  const { loss, start, direct = [] } = objective;
  g.output(loss, 'float32', []);
  for (const value of start ? [start.value, start.gradient] : []) g.output(value, 'float32', undefined);
  for (const { gradient } of direct) g.output(gradient, 'float32', undefined);
  const forward = removeDeadNodes.run({ ...model, graph: g.graph() }).model;
  const read = new Set(forward.graph.nodes.flatMap((node) => node.inputs));
  const byHand = new Set(direct.map(({ parameter }) => parameter));
  const swept = names.filter((name) => read.has(name) || !byHand.has(name));
  const inferred = inferTypes(
    withParametersAsInputs(
      forward,
      names.filter((name) => !swept.includes(name)),
    ),
  );
  const made = addGradients(inferred, {
    loss: start?.value ?? loss,
    ...(start && { seed: start.gradient }),
    parameters: swept,
    sparse: sparseTables(forward.graph, swept),
  });
  const between = new Set(start ? [start.value, start.gradient] : []);
  const outputs = made.model.graph.outputs.filter(({ name }) => !between.has(name));
  return {
    model: turnWeightGradients({ ...made.model, graph: { ...made.model.graph, outputs } }),
    evaluation: withParametersAsInputs(task.evaluationModel?.(model) ?? model, names),
    parameters: names.map((name) => {
      const own = direct.filter(({ parameter }) => parameter === name).map(toStepGradient);
      const found = made.gradients.get(name);
      return {
        name,
        dims: model.graph.initializers.get(name)!.dims,
        gradients: found ? [found, ...own] : own,
      };
    }),
    sites,
    dropout,
    countsPositions: fed !== model.graph,
    ...(maxPositions !== undefined && { maxPositions }),
  };
}

function toStepGradient({ gradient, indices }: DirectGradient): StepGradient {
  return { output: gradient, ...(indices !== undefined && { indices }) };
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
