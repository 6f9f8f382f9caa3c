import type { Graph, ValueInfo } from '../../model.ts';
import type { ControlKernel, KernelContext, Results, Steps } from '../kernel.ts';
import { axisOf, checkedAxis } from '../kernel.ts';
import type { AnyValue, TensorValue } from '../value.ts';
import { allocate, describeValue, emptyOf, size } from '../value.ts';
import { item, stacked } from './movement.ts';

const integer = (value: number): TensorValue => ({ type: 'int64', dims: [], data: BigInt64Array.of(BigInt(value)) });
const truth = (value: boolean): TensorValue => ({ type: 'bool', dims: [], data: Float64Array.of(value ? 1 : 0) });

/** A value that must be a tensor. */
function tensor(c: KernelContext, value: AnyValue | undefined): TensorValue {
  return value && value.kind === undefined ? value : c.misfit('a tensor', describeValue(value));
}

function* branch(c: KernelContext): Steps<Results> {
  const chosen = c.input(0).data[0] ?? c.misfit('a condition', 'no elements');
  return yield* c.run(c.graph(chosen === 0 ? 'else_branch' : 'then_branch'), []);
}

/** The values of all iterations side by side; of none, an empty tensor of the declared type. */
function accumulated(
  c: KernelContext,
  values: readonly TensorValue[],
  declared: ValueInfo | undefined,
  axis: number,
): TensorValue {
  if (values.length > 0) return stacked(c, values, axis);
  const inner = (declared?.type?.dims ?? []).map((dim) => (typeof dim === 'number' ? dim : 0));
  const at = axisOf(axis, inner.length + 1);
  return { ...emptyOf(declared?.type?.type ?? 'float32'), dims: [...inner.slice(0, at), 0, ...inner.slice(at)] };
}

function* loop(c: KernelContext): Steps<Results> {
  const body = c.graph('body');
  const trips = c.integers(0)?.[0] ?? Number.POSITIVE_INFINITY;
  let going = (c.optional(1)?.data[0] ?? 1) !== 0;
  let carried: readonly AnyValue[] = c.values.slice(2).map((value, index) => value ?? c.any(index + 2));
  const scans: TensorValue[][] = body.outputs.slice(1 + carried.length).map(() => []);
  for (let i = 0; i < trips && going; i++) {
    const outputs: readonly AnyValue[] = yield* c.run(body, [integer(i), truth(going), ...carried]);
    // Without a condition as input, what the body says of it still ends the loop where a trip count bounds it or not.
    going = Number(tensor(c, outputs[0]).data[0]) !== 0;
    carried = outputs.slice(1, 1 + carried.length);
    for (const [index, scan] of scans.entries()) scan.push(tensor(c, outputs[1 + carried.length + index]));
  }
  const declared = body.outputs.slice(1 + carried.length);
  return [...carried, ...scans.map((scan, index) => accumulated(c, scan, declared[index], 0))];
}

/** One scan: the body over the positions of the scanned axes. */
function* scanned(
  c: KernelContext,
  body: Graph,
  states: readonly AnyValue[],
  inputs: readonly TensorValue[],
  steps: number,
  axes: readonly number[],
  backwards: readonly boolean[],
): Steps<{ states: readonly AnyValue[]; outputs: readonly (readonly TensorValue[])[] }> {
  const outputs: TensorValue[][] = body.outputs.slice(states.length).map(() => []);
  let current = states;
  for (let i = 0; i < steps; i++) {
    const items = inputs.map((input, index) => item(input, axes[index]!, backwards[index] ? steps - 1 - i : i));
    const made: readonly AnyValue[] = yield* c.run(body, [...current, ...items]);
    current = made.slice(0, states.length);
    for (const [index, output] of outputs.entries()) output.push(tensor(c, made[states.length + index]));
  }
  return { states: current, outputs };
}

function* scan(c: KernelContext): Steps<Results> {
  if (c.opset < 9) return yield* batchedScan(c);
  const body = c.graph('body');
  const count = c.int('num_scan_inputs', 0);
  const all = c.values.map((value, index) => value ?? c.any(index));
  const states = all.slice(0, all.length - count);
  const inputs = all.slice(all.length - count).map((value) => tensor(c, value));
  const axes = inputs.map(({ dims }, index) => checkedAxis(c, c.ints('scan_input_axes')?.[index] ?? 0, dims.length));
  const lengths = new Set(inputs.map(({ dims }, index) => dims[axes[index]!]!));
  if (lengths.size !== 1) c.misfit('scanned axes of one length', `${[...lengths]}`);
  const backwards = inputs.map((_, index) => c.ints('scan_input_directions')?.[index] === 1);
  const done = yield* scanned(c, body, states, inputs, [...lengths][0]!, axes, backwards);
  const outputs = done.outputs.map((values, index) => {
    const ordered = c.ints('scan_output_directions')?.[index] === 1 ? [...values].reverse() : values;
    return accumulated(c, ordered, body.outputs[states.length + index], c.ints('scan_output_axes')?.[index] ?? 0);
  });
  return [...done.states, ...outputs];
}

/** The form of operator set 8: axis 0 is the batch, axis 1 is scanned, samples may be shorter. */
function* batchedScan(c: KernelContext): Steps<Results> {
  const body = c.graph('body');
  const count = c.int('num_scan_inputs', 0);
  const all = c.values.slice(1).map((value, index) => tensor(c, value ?? c.any(index + 1)));
  const stateCount = all.length - count;
  const first = all[stateCount] ?? c.misfit('an input to scan', 'none');
  const [samples, longest] = [first.dims[0]!, first.dims[1]!];
  const lengths = c.integers(0) ?? new Array<number>(samples).fill(longest);
  const perSample: TensorValue[][] = body.outputs.map(() => []);
  for (let sample = 0; sample < samples; sample++) {
    const [states, inputs] = [all.slice(0, stateCount), all.slice(stateCount)].map((values) =>
      values.map((value) => item(value, 0, sample)),
    );
    const backwards = inputs!.map((_, index) => c.ints('directions')?.[index] === 1);
    const axes = inputs!.map(() => 0);
    const done = yield* scanned(c, body, states!, inputs!, Math.min(lengths[sample]!, longest), axes, backwards);
    for (const [index, state] of done.states.entries()) perSample[index]!.push(tensor(c, state));
    for (const [index, values] of done.outputs.entries()) {
      const [shape] = values;
      const blank = shape && { ...shape, data: allocate(shape, size(shape.dims)) as unknown as TensorValue['data'] };
      const padding = new Array<TensorValue>(longest - values.length).fill(blank!);
      perSample[stateCount + index]!.push(accumulated(c, [...values, ...padding], body.outputs[stateCount + index], 0));
    }
  }
  return perSample.map((values, index) => accumulated(c, values, body.outputs[index], 0));
}

/** Operators that run subgraphs. */
export const control: Readonly<Record<string, ControlKernel>> = { If: branch, Loop: loop, Scan: scan };
