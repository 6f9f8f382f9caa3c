import fc from 'fast-check';
import { type AttributeInput, createGraphBuilder, type GraphBuilder } from '../src/builder.ts';
import type { Tensors } from '../src/engine.ts';
import { elementCount, float32, int64, type Model, scalar } from '../src/model.ts';
import { createRng } from '../src/rng.ts';

/** A model that runs, and tensors to run it with. */
export interface RunnableModel {
  readonly model: Model;
  readonly feeds: Tensors;
}

interface Made {
  readonly name: string;
  readonly dims: readonly number[];
}

/** What a step of the generator sees: values so far are float32, their concrete sizes known. */
interface Step {
  readonly g: GraphBuilder;
  readonly x: Made;
  /** Another value of the same shape, if there is one. */
  readonly other: Made | undefined;
  readonly pick: number;
}

const unary = ['Identity', 'Relu', 'Tanh', 'Neg', 'Abs', 'Sigmoid', 'Floor', 'Dropout', 'Softmax', 'Erf'];
const binary = ['Add', 'Mul', 'Sub', 'Max', 'Div'];
const reduces = ['ReduceMax', 'ReduceMean'];

const op =
  (step: Step) =>
  (opType: string, inputs: readonly string[], attributes: Record<string, AttributeInput>, dims: readonly number[]) => ({
    name: step.g.op(opType, inputs, attributes),
    dims,
  });

/** The sizes of a value as the graph computes them. */
function sizes({ g }: Step, x: string, axes: readonly number[]): readonly string[] {
  const shape = g.op('Shape', [x]);
  return axes.map((axis) =>
    g.op('Unsqueeze', [g.op('Gather', [shape, g.constant('i', int64([axis], []))]), g.constant('zero', int64([0]))]),
  );
}

/** Ways to go on from a value; each gives the next one, or nothing where it does not fit. */
const steps: readonly ((step: Step) => Made | undefined)[] = [
  (step) => op(step)(unary[step.pick % unary.length]!, [step.x.name], {}, step.x.dims),
  (step) => {
    const { x, other } = step;
    return other && op(step)(binary[step.pick % 4]!, [x.name, other.name], {}, x.dims);
  },
  (step) => {
    const { g, x, pick } = step;
    const number = [0, 1, 2, 0.5][pick % 4]!;
    const constant = pick % 3 === 0 ? float32([number], [1]) : scalar(number);
    if (x.dims.length === 0 && pick % 3 === 0) return undefined;
    const opType = number === 0 ? ['Add', 'Mul', 'Sub'][(pick >> 2) % 3]! : binary[pick % binary.length]!;
    const name = g.constant('c', constant);
    const inputs = (pick >> 4) % 2 === 0 || opType === 'Div' ? [x.name, name] : [name, x.name];
    return op(step)(opType, inputs, {}, x.dims);
  },
  (step) => {
    const { x, pick } = step;
    const perm = createRng(pick).shuffle(x.dims.map((_, axis) => axis));
    return op(step)(
      'Transpose',
      [x.name],
      { perm },
      perm.map((axis) => x.dims[axis]!),
    );
  },
  (step) => {
    const { x, pick } = step;
    if (x.dims.length === 0) return undefined;
    const perm = createRng(pick).shuffle(x.dims.map((_, axis) => axis));
    const dims = perm.map((axis) => x.dims[axis]!);
    const turned = op(step)('Transpose', [x.name], { perm }, dims);
    const between = op(step)('Relu', [turned.name], {}, dims);
    const moved = [between, op(step)('Softmax', [between.name], { axis: pick % dims.length }, dims)][pick % 2]!;
    return op(step)('Transpose', [moved.name], { perm: perm.map((_, axis) => perm.indexOf(axis)) }, x.dims);
  },
  (step) => {
    const { g, x, pick } = step;
    if (x.dims.length === 0) return undefined;
    const axes = x.dims.map((_, axis) => axis);
    const parts = [
      ...sizes(step, x.name, axes.slice(0, -1)),
      g.constant('rest', int64([pick % 2 === 0 ? -1 : x.dims.at(-1)!])),
    ];
    return op(step)('Reshape', [x.name, g.op('Concat', parts, { axis: 0 })], {}, x.dims);
  },
  (step) => {
    const { g, x } = step;
    if (x.dims.length < 2) return undefined;
    const parts = [...sizes(step, x.name, [0]), g.constant('rest', int64([-1]))];
    const flat = [x.dims[0]!, elementCount(x.dims.slice(1))];
    return op(step)('Reshape', [x.name, g.op('Concat', parts, { axis: 0 })], {}, flat);
  },
  (step) => {
    const { g, x, pick } = step;
    if (x.dims.length > 3) return undefined;
    const axis = pick % (x.dims.length + 1);
    const axes = g.constant('axes', int64([axis]));
    const wide = op(step)('Unsqueeze', [x.name, axes], {}, x.dims.toSpliced(axis, 0, 1));
    return pick % 3 === 0 ? op(step)('Squeeze', [wide.name, axes], {}, x.dims) : wide;
  },
  (step) => {
    const { g, x, pick } = step;
    if (x.dims.length === 0) return undefined;
    const axis = pick % x.dims.length;
    const input = g.constant('axes', int64([axis]));
    const opType = reduces[pick % 2]!;
    const reduced = g.op(opType, [x.name, input], { keepdims: 1 });
    return op(step)('Sub', [x.name, reduced], {}, x.dims);
  },
  (step) => {
    const { g, x, pick } = step;
    if (x.dims.length === 0) return undefined;
    const end = pick % 2 === 0 ? 2 ** 40 : x.dims[0]!;
    const [from, to, axes] = [[0], [end], [0]].map((values) => g.constant('at', int64(values)));
    return op(step)('Slice', [x.name, from!, to!, axes!], {}, x.dims);
  },
  (step) => {
    const { g, x, pick } = step;
    const width = x.dims.at(-1);
    if (width === undefined || x.dims.length < 2) return undefined;
    const rng = createRng(pick);
    const weight = g.constant(
      'w',
      float32(
        Array.from({ length: 2 * width }, () => rng.normal()),
        [2, width],
      ),
    );
    return op(step)('MatMul', [x.name, g.op('Transpose', [weight])], {}, [...x.dims.slice(0, -1), 2]);
  },
  (step) => {
    const wide = op(step)('Cast', [step.x.name], { to: 11 }, step.x.dims);
    return op(step)('Cast', [wide.name], { to: 1 }, step.x.dims);
  },
  (step) => {
    const { g, x, pick } = step;
    const branch = (name: string) => {
      const inner = createGraphBuilder(name);
      const constant = inner.constant(`${g.fresh('k')}`, scalar(1));
      const scaled = inner.op('Mul', [x.name, constant], {}, { outputs: [g.fresh('scaled')] });
      const made = inner.op(name === 'then' ? 'Relu' : 'Identity', [scaled], {}, { outputs: [g.fresh('made')] });
      return inner.output(made, 'float32', []) && { ...inner.graph(), outputs: [{ name: made }] };
    };
    const condition = g.constant('condition', { type: 'bool', dims: [], data: Uint8Array.of(pick % 2) });
    return op(step)('If', [condition], { then_branch: branch('then'), else_branch: branch('else') }, x.dims);
  },
  (step) => {
    const { g, x } = step;
    const fill = g.op('ConstantOfShape', [g.op('Shape', [x.name])]);
    return op(step)('Add', [x.name, fill], {}, x.dims);
  },
];

/** Runnable models of opset 18 with the inputs `x` [batch, sequence, 4] and `y` [batch, sequence]; everything is finite. */
export const arbitraryGraph: fc.Arbitrary<RunnableModel> = fc
  .tuple(
    fc.array(fc.tuple(fc.nat(steps.length - 1), fc.nat(1000), fc.nat(1000)), { minLength: 1, maxLength: 14 }),
    fc.integer({ min: 1, max: 3 }),
    fc.nat(),
  )
  .map(([choices, outputs, seed]) => {
    const [batch, sequence] = [2, 3];
    const g = createGraphBuilder('arbitrary');
    const values: Made[] = [
      { name: g.input('x', 'float32', ['batch', 'sequence', 4]), dims: [batch, sequence, 4] },
      { name: g.input('y', 'float32', ['batch', 'sequence']), dims: [batch, sequence] },
    ];
    for (const [choice, from, pick] of choices) {
      const x = values.at(-1 - (from % Math.min(values.length, 4)))!;
      const other = values.findLast(({ name, dims }) => name !== x.name && String(dims) === String(x.dims));
      const next = steps[choice]!({ g, x, other, pick });
      if (next !== undefined) values.push(next);
    }
    const last = values.slice(2).slice(-outputs);
    if (last.length === 0) last.push({ name: g.op('Identity', ['x']), dims: [batch, sequence, 4] });
    for (const { name, dims } of last)
      g.output(
        name,
        'float32',
        dims.map(() => undefined),
      );
    const rng = createRng(seed);
    const feeds = Object.fromEntries(
      values.slice(0, 2).map(({ name, dims }) => {
        const numbers = Array.from({ length: elementCount(dims) }, () => rng.normal());
        return [name, float32(numbers, dims)];
      }),
    );
    return { model: g.model({ opset: 18 }), feeds };
  });
