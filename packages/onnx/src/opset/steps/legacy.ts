import { dataTypes } from '../../data-type.ts';
import type { DataType } from '../../model.ts';
import { dropping, forEach, type OpsetStep, requiredVector, type StepContext, type StepTable } from '../step.ts';

/** Version 6 no longer says which inputs may be overwritten. */
const unconsumed = dropping(6, 'consumed_inputs');

/** Version 7 broadcasts as NumPy does: where the second input is aligned with other axes, it gets ones behind. */
const broadcast: OpsetStep = {
  to: 7,
  convert(c) {
    const axis = c.attribute('axis') === undefined || c.int('broadcast', 0) === 0 ? undefined : c.int('axis', 0);
    const trailing = axis === undefined ? 0 : onesBehind(c, axis);
    const second = trailing === 0 ? c.x(1) : unsqueezed(c, c.x(1), trailing);
    c.revise({ inputs: [c.x(0), second], drop: ['axis', 'broadcast'] });
  },
};

/** How many axes of the first input lie behind those that the second is aligned with from `axis` on. */
function onesBehind(c: StepContext, axis: number): number {
  const [a, b] = [c.dims(c.x(0)), c.dims(c.x(1))];
  if (b?.every((dim) => dim === 1)) return 0;
  if (a === undefined || b === undefined) return c.refuse('inputs of known ranks where axis is set', 'unknown ranks');
  const first = axis < 0 ? axis + a.length : axis;
  const behind = a.length - b.length - first;
  return first >= 0 && behind >= 0 ? behind : c.refuse(`an axis that [${b}] fits at`, `${axis}`);
}

function unsqueezed(c: StepContext, value: string, trailing: number): string {
  const rank = c.dims(value)!.length;
  return c.op('Unsqueeze', [value], { axes: Array.from({ length: trailing }, (_, index) => rank + index) });
}

/** A float attribute that became an integer. */
function integral(to: number, name: string): OpsetStep {
  return {
    to,
    convert(c) {
      const value = c.float(name, 2);
      if (!Number.isInteger(value)) c.refuse(`an integer ${name}`, `${value}`);
      c.revise({ set: { [name]: value } });
    },
  };
}

/** Names of element types as texts: those of TensorProto.DataType. */
const typeNames = new Map<string, DataType>([
  ['FLOAT', 'float32'],
  ['DOUBLE', 'float64'],
  ...(Object.keys(dataTypes) as DataType[]).map((name) => [name.toUpperCase(), name] as const),
]);

/** The only integer of a constant input. */
function integerOf(c: StepContext, index: number, what: string): number {
  const [value, more] = c.constant(c.x(index))?.data ?? [];
  return value !== undefined && more === undefined ? Number(value) : c.refuse(`a constant ${what}`, 'a computed one');
}

/** What versions up to 7 changed: old models only. */
export const legacy: StepTable = {
  ...forEach(
    'Abs Ceil Elu Exp Floor HardSigmoid InstanceNormalization LeakyRelu Log Max Mean Min Neg Reciprocal Relu Sigmoid Sqrt Sum Tanh Clip',
    unconsumed,
  ),
  ...forEach('Add Div Mul Sub', unconsumed, broadcast),
  ...forEach('And Equal Greater Less Or Pow Xor', broadcast),
  ...forEach('GRU LSTM RNN', dropping(7, 'output_sequence')),
  Cast: [
    {
      to: 6,
      convert(c) {
        const name = c.text('to', '');
        const type = typeNames.get(name.toUpperCase()) ?? c.refuse('the name of an element type', JSON.stringify(name));
        c.revise({ set: { to: dataTypes[type].number } });
      },
    },
  ],
  Concat: [{ to: 4, convert: (c) => c.revise({ set: { axis: c.int('axis', 1) } }) }],
  Gemm: [dropping(7, 'broadcast')],
  GlobalLpPool: [integral(2, 'p')],
  LpPool: [
    {
      to: 2,
      convert(c) {
        if (c.attribute('kernel_shape') === undefined) c.refuse('kernel_shape', 'none');
        integral(2, 'p').convert(c);
      },
    },
  ],
  /** A slope per channel is an axis of its own since version 7. */
  PRelu: [
    unconsumed,
    {
      to: 7,
      convert(c) {
        const [x, slope] = [c.dims(c.x(0)), c.dims(c.x(1))];
        const single = slope?.every((dim) => dim === 1);
        if (!single && (x === undefined || slope === undefined)) c.refuse('inputs of known ranks', 'unknown ranks');
        const behind = single || slope!.length !== 1 ? 0 : Math.max(0, x!.length - 2);
        c.revise({ inputs: [c.x(0), behind === 0 ? c.x(1) : unsqueezed(c, c.x(1), behind)] });
      },
    },
  ],
  Reshape: [
    {
      to: 5,
      convert: (c) => c.revise({ inputs: [c.x(0), requiredVector(c, 'shape')], drop: ['shape', 'consumed_inputs'] }),
    },
  ],
  /** The defaults got more digits. */
  Selu: [
    {
      to: 6,
      convert: (c) =>
        c.revise({
          set: {
            alpha: { kind: 'float', value: c.float('alpha', Math.fround(1.6732)) },
            gamma: { kind: 'float', value: c.float('gamma', Math.fround(1.0507)) },
          },
          drop: ['consumed_inputs'],
        }),
    },
  ],
  Tile: [
    {
      to: 6,
      convert(c) {
        const rank = c.dims(c.x(0))?.length ?? c.refuse('an input of known rank', 'an unknown one');
        const [tiles, axis] = [integerOf(c, 1, 'number of tiles'), integerOf(c, 2, 'axis')];
        const data = BigInt64Array.from({ length: rank }, (_, at) => (at === axis ? BigInt(tiles) : 1n));
        c.revise({ inputs: [c.x(0), c.tensor('repeats', { type: 'int64', dims: [rank], data })] });
      },
    },
  ],
};
