import { setImmediate } from 'node:timers/promises';
import type { Engine, RunOptions, Tensors } from '../engine.ts';
import { SlmError } from '../errors.ts';
import type { LocalFunction, Model, Node, Tensor, ValueInfo } from '../model.ts';
import { rowOf } from '../operator.ts';
import type { RuntimeValue } from '../runtime-value.ts';
import type { Program } from './interpreter.ts';
import { checkCovered, constantsOf, createProgram, runNode, runNodes, topScope } from './interpreter.ts';
import type { Steps } from './kernel.ts';
import { referenceKernels } from './table.ts';
import type { AnyValue, Precision } from './value.ts';
import { describeValue, fromRuntime, toRuntime } from './value.ts';

export interface ReferenceOptions {
  /** `float64` computes every float32 value in double precision and returns it as float64. Default `float32`. */
  readonly precision?: Precision;
}

/** Milliseconds of work after which a run lets timers and other callbacks in, so that it can be cancelled. */
const SLICE = 20;

/**
 * Opens the reference interpreter: one plain kernel per operator, one node after another. Slow and meant to be obviously
 * right; the witness for gradients and for other engines. Feeds of a float32 input may be float32 or float64. A run can also give intermediate
 * values: name them in `outputs`. It is cancelled between nodes, inside loops too.
 *
 * Errors: `REFERENCE_UNSUPPORTED` for an operator, form or element type without a kernel; `REFERENCE_SHAPE` for inputs that an operator is not
 * defined for; `ENGINE_INPUT` from `run` for missing or unknown feeds, unknown outputs and outputs that are no tensors.
 */
export async function openReference(model: Model, options: ReferenceOptions = {}): Promise<Engine> {
  const program = open(model, options);
  return {
    signature: { inputs: model.graph.inputs, outputs: model.graph.outputs },
    async run(feeds: Tensors, { signal, outputs }: RunOptions = {}) {
      signal?.throwIfAborted();
      const steps = evaluate(program, model, feeds, outputs);
      let begin = performance.now();
      let step = steps.next();
      while (!step.done) {
        signal?.throwIfAborted();
        if (performance.now() - begin > SLICE) {
          await setImmediate();
          begin = performance.now();
        }
        step = steps.next();
      }
      return Object.fromEntries(Object.entries(step.value).map(([name, value]) => [name, tensorOf(name, value)]));
    },
    async [Symbol.asyncDispose]() {},
  };
}

/**
 * Runs a model once, with values of every kind (tensors, sequences, optionals) for its inputs and outputs. Errors as of {@link openReference}.
 */
export function evaluateReference(
  model: Model,
  feeds: Readonly<Record<string, RuntimeValue>>,
  options: ReferenceOptions & Pick<RunOptions, 'outputs'> = {},
): Readonly<Record<string, RuntimeValue>> {
  return finish(evaluate(open(model, options), model, feeds, options.outputs));
}

/** What {@link evaluateNode} has to know of the model around a node. */
export interface EvaluateNodeOptions extends ReferenceOptions {
  /** Versions of the operator sets. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly functions?: readonly LocalFunction[];
  /** Values that the node's subgraphs take from outside. */
  readonly outer?: Readonly<Record<string, RuntimeValue>>;
}

/**
 * The outputs of a single node from its inputs, by position: for constant folding. Throws `REFERENCE_UNSUPPORTED` where the interpreter has no
 * kernel for it.
 */
export function evaluateNode(
  node: Node,
  inputs: readonly (RuntimeValue | undefined)[],
  { opsets, functions = [], outer = {}, precision = 'float32' }: EvaluateNodeOptions,
): readonly (RuntimeValue | undefined)[] {
  const program = createProgram(functions, precision);
  const scope = topScope({ opsets });
  for (const [name, value] of Object.entries(outer))
    scope.values.set(name, fromRuntime(value, `reference, value "${name}"`));
  for (const [index, name] of node.inputs.entries()) {
    const value = inputs[index];
    if (name !== '' && value) scope.values.set(name, fromRuntime(value, `reference, value "${name}"`));
  }
  return finish(runNode(program, node, scope)).map((value) => value && toRuntime(value, precision));
}

/** True where the interpreter has a kernel for a node's operator. */
export function hasReferenceKernel(node: Pick<Node, 'domain' | 'opType'>): boolean {
  return rowOf(referenceKernels, node) !== undefined;
}

function open(model: Model, { precision = 'float32' }: ReferenceOptions): Program {
  const functions = model.functions ?? [];
  checkCovered(functions, model.graph.nodes);
  const program = createProgram(functions, precision);
  constantsOf(program, model.graph);
  return program;
}

function finish<Result>(steps: Steps<Result>): Result {
  let step = steps.next();
  while (!step.done) step = steps.next();
  return step.value;
}

function* evaluate(
  program: Program,
  model: Model,
  feeds: Readonly<Record<string, RuntimeValue>>,
  outputs: readonly string[] | undefined,
): Steps<Readonly<Record<string, RuntimeValue>>> {
  const { graph } = model;
  const scope = topScope(model);
  for (const [name, value] of constantsOf(program, graph)) scope.values.set(name, value);
  for (const [name, value] of Object.entries(feeds)) scope.values.set(name, feed(name, value, graph.inputs));
  for (const input of graph.inputs) {
    if (scope.values.has(input.name)) continue;
    throw new SlmError('ENGINE_INPUT', `reference, input "${input.name}": expected a tensor, got none`);
  }
  yield* runNodes(program, graph.nodes, scope);
  const wanted = outputs ?? graph.outputs.map((output) => output.name);
  return Object.fromEntries(
    wanted.map((name) => {
      const value = scope.values.get(name);
      if (!value) throw new SlmError('ENGINE_INPUT', `reference, output "${name}": expected a graph output, got none`);
      return [name, toRuntime(value, program.precision)];
    }),
  );
}

function tensorOf(name: string, value: RuntimeValue): Tensor {
  if (!('kind' in value)) return value;
  if (value.kind === 'optional' && value.value) return tensorOf(name, value.value);
  throw new SlmError(
    'ENGINE_INPUT',
    `reference, output "${name}": expected a tensor, got a value of kind ${value.kind} (run evaluateReference)`,
  );
}

function feed(name: string, given: RuntimeValue, inputs: readonly ValueInfo[]): AnyValue {
  const input = inputs.find((candidate) => candidate.name === name);
  if (!input) {
    const known = inputs.map((candidate) => candidate.name).join(', ');
    throw new SlmError('ENGINE_INPUT', `reference, feed "${name}": expected one of ${known}, got no such input`);
  }
  const value = fromRuntime(given, `reference, feed "${name}"`);
  if (input.type === undefined) return value;
  const expected = input.type.type;
  if (value.kind !== undefined) {
    throw new SlmError('ENGINE_INPUT', `reference, feed "${name}": expected ${expected}, got ${describeValue(value)}`);
  }
  const widened = expected === 'float32' && value.type === 'float64';
  if (value.type !== expected && !widened) {
    throw new SlmError('ENGINE_INPUT', `reference, feed "${name}": expected ${expected}, got ${value.type}`);
  }
  const dims = input.type.dims;
  const fits =
    dims === undefined ||
    (dims.length === value.dims.length &&
      dims.every((dim, axis) => typeof dim !== 'number' || dim === value.dims[axis]));
  if (!fits) {
    throw new SlmError('ENGINE_INPUT', `reference, feed "${name}": expected [${dims}], got [${value.dims}]`);
  }
  return { ...value, type: expected };
}
