import type { Engine, GraphBuilder, Model, Tensors } from '@slm-compress/onnx';

/** Which draw of chance it is: what is drawn anew at every step depends on nothing else, so that a training resumes exactly. */
export interface Draw {
  /** Of the training. */
  readonly seed: number;
  readonly step: number;
  /** Number of the shard in its step. */
  readonly shard: number;
}

/** Some examples as the step graph takes them. */
export interface ExampleFeeds {
  /** By graph input: the model's inputs and those of the loss, without `loss_scale`. */
  readonly tensors: Tensors;
  /** Tokens that are not padding. */
  readonly tokens: number;
  /** How much the examples weigh in the mean that the loss is: texts, predicted tokens. */
  readonly weight: number;
}

/** What a training learns from. */
export interface Examples {
  /** Tokens of every example, by which batches are cut. */
  readonly lengths: readonly number[];
  /** The feeds of the examples with these numbers, in this order. */
  feeds(indices: readonly number[], draw: Draw): ExampleFeeds;
}

/** What of the step graph is differentiated. */
export interface Objective {
  /** Scalar: the sum of the examples' weighted losses times the input `loss_scale`. */
  readonly loss: string;
  /**
   * Where the backward pass starts when that is not the loss itself: a value and the value that holds its gradient
   * (the objective computed it by hand, for instance in chunks).
   */
  readonly start?: { readonly value: string; readonly gradient: string };
  /** Gradients of parameters that the objective computed by hand, added to those of the backward pass. */
  readonly direct?: readonly DirectGradient[];
}

export interface DirectGradient {
  readonly parameter: string;
  /** Value with the gradient: of the parameter's shape, or `[..., width]` rows of it when `indices` is there. */
  readonly gradient: string;
  /** Graph input, int64, with the row numbers. */
  readonly indices?: string;
}

/** How good a model is on the validation examples. */
export interface Evaluation {
  /** Mean loss. */
  readonly loss: number;
  /** By name: `accuracy`, `perplexity`, … */
  readonly metrics: Readonly<Record<string, number>>;
}

export interface EvaluateOptions {
  /** Tokens of a batch, padding included. */
  readonly tokenBudget: number;
}

/** What is learned: from which examples, by which loss, and what counts as better. Plain functions, so that a user can write one. */
export interface Task {
  readonly train: Examples;
  /**
   * Appends the loss to the forward graph in `g`; reads values of `model` and new graph inputs that the examples feed.
   * The input `loss_scale`, float32 `[]`, is there.
   */
  appendLoss(g: GraphBuilder, model: Model, scale: string): Objective;
  /** Throws SlmError when the data does not fit the model; after {@link appendLoss}. `maxPositions` is the longest sequence it takes. */
  check?(limits: { readonly maxPositions?: number }): void;
  /** The graph that {@link evaluate} runs, made of the forward graph; the forward graph itself by default. */
  evaluationModel?(model: Model): Model;
  /** Runs the model over the validation examples. Weights are fed already. */
  evaluate(engine: Pick<Engine, 'run'>, options: EvaluateOptions): Promise<Evaluation>;
  /** Whether `a` is better than `b`. */
  better(a: Evaluation, b: Evaluation): boolean;
  /** Feeds everything that determines the result to a hash: settings and data. */
  hash(update: (data: string | Uint8Array) => void): void;
}
