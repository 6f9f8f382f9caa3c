import { int64 } from '../../model.ts';
import { dropping, forEach, type OpsetStep, type StepContext, type StepTable } from '../step.ts';

/** Up to version 12 the axes from `axis` on are one; since then only the axis itself counts. */
const alongAxis: OpsetStep = {
  to: 13,
  convert(c) {
    const axis = c.int('axis', 1);
    const rank = c.dims(c.x(0))?.length;
    const last = axis === -1 || (rank !== undefined && axis === rank - 1);
    if (last) return c.revise({ set: { axis: -1 } });
    const shape = c.op('Shape', [c.x(0)]);
    const rows = c.op('Flatten', [c.x(0)], { axis });
    const results = c.fresh('rows');
    c.revise({ inputs: [rows], outputs: [results], set: { axis: -1 } });
    c.op('Reshape', [results, shape], {}, { output: c.node.outputs[0] ?? '' });
  },
};

/** Softmax and its kin, and normalizations. */
export const normalization: StepTable = {
  ...forEach('Hardmax LogSoftmax Softmax', alongAxis),
  BatchNormalization: [
    dropping(6, 'consumed_inputs'),
    /** Since then it trains where there are further outputs. */
    {
      to: 7,
      convert(c) {
        if (c.int('is_test', 0) === 0) c.refuse('is_test 1 (its training has another form)', 'is_test 0');
        c.revise({ drop: ['is_test'] });
      },
    },
    {
      to: 9,
      convert(c) {
        if (c.int('spatial', 1) !== 0) return c.revise({ drop: ['spatial'] });
        perPosition(c);
      },
    },
    /** The statistics of the batch itself are no outputs any more. */
    {
      to: 14,
      convert(c) {
        if (c.wants(3) || c.wants(4)) c.refuse('no use of saved_mean and saved_var', 'one');
        const isTraining = c.node.outputs.slice(1).some((name) => name !== '');
        if (isTraining) c.revise({ outputs: c.node.outputs.slice(0, 3), set: { training_mode: 1 } });
        else c.revise({});
      },
    },
  ],
  /** Scale and bias per group became per channel. */
  GroupNormalization: [
    {
      to: 21,
      convert(c) {
        const groups = c.int('num_groups', 0);
        if (groups < 1) c.refuse('num_groups of at least 1', `${groups}`);
        const channels = c.dims(c.x(0))?.[1];
        if (typeof channels === 'number' && channels % groups !== 0) {
          c.refuse(`a multiple of ${groups} channels`, `${channels}`);
        }
        const shape =
          typeof channels === 'number' ? c.tensor('groups', int64([groups, channels / groups])) : groupShape(c, groups);
        const ofGroup = c.tensor('per_group', int64([groups, 1]));
        const flat = c.tensor('per_channel', int64([-1]));
        const perChannel = (value: string) =>
          c.op('Reshape', [c.op('Expand', [c.op('Reshape', [value, ofGroup]), shape]), flat]);
        c.revise({ inputs: [c.x(0), perChannel(c.x(1)), perChannel(c.x(2))] });
      },
    },
  ],
};

/** The shape [groups, channels / groups] of an input whose number of channels is not known. */
function groupShape(c: StepContext, groups: number): string {
  const count = c.tensor('count', int64([groups]));
  const channels = c.op('Shape', [c.x(0)], { start: 1, end: 2 });
  return c.op('Concat', [count, c.op('Div', [channels, count])], { axis: 0 });
}

/** `spatial` 0: every position of a row has statistics of its own. */
function perPosition(c: StepContext): void {
  if (c.node.outputs.slice(1).some((name) => name !== '')) c.refuse('inference where spatial is 0', 'training');
  const shape = c.op('Shape', [c.x(0)]);
  const flat = c.tensor('flat', int64([-1]));
  const parameters = [1, 2, 3, 4].map((index) => c.op('Reshape', [c.x(index), flat]));
  const rows = c.fresh('rows');
  c.revise({
    inputs: [c.op('Flatten', [c.x(0)], { axis: 1 }), ...parameters],
    outputs: [rows],
    drop: ['spatial'],
  });
  c.op('Reshape', [rows, shape], {}, { output: c.node.outputs[0] ?? '' });
}
