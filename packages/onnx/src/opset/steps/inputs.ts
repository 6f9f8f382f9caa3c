import { int64, scalar } from '../../model.ts';
import { dropping, forEach, type OpsetStep, requiredVector, type StepTable } from '../step.ts';

/** An attribute of integers that became the second input. */
function toInput(to: number, name: string): OpsetStep {
  return { to, convert: (c) => c.revise({ inputs: [c.x(0), c.vector(name)], drop: [name] }) };
}

/** Attributes that became inputs. */
export const inputs: StepTable = {
  ...forEach(
    'ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSumSquare',
    toInput(18, 'axes'),
  ),
  ...forEach('ReduceSum Squeeze', toInput(13, 'axes')),
  Unsqueeze: [
    {
      to: 13,
      convert: (c) => c.revise({ inputs: [c.x(0), requiredVector(c, 'axes')], drop: ['axes'] }),
    },
  ],
  /** The defaults, the least and greatest float32, are no inputs. */
  Clip: [
    {
      to: 11,
      convert(c) {
        const bound = (name: string, none: number) => {
          const value = c.float(name, none);
          return value === none ? '' : c.scalar(name, value, c.x(0));
        };
        c.revise({ inputs: [c.x(0), bound('min', -MAX_FLOAT), bound('max', MAX_FLOAT)], drop: ['min', 'max'] });
      },
    },
  ],
  Slice: [
    {
      to: 10,
      convert: (c) =>
        c.revise({
          inputs: [c.x(0), requiredVector(c, 'starts'), requiredVector(c, 'ends'), c.vector('axes')],
          drop: ['starts', 'ends', 'axes'],
        }),
    },
  ],
  Split: [
    {
      to: 2,
      convert(c) {
        if (c.attribute('axis') === undefined) c.refuse('an axis (opset 1 names no default)', 'none');
        if (c.x(1) === '') return c.revise({});
        const sizes = c.constant(c.x(1)) ?? c.refuse('constant sizes', 'computed ones');
        c.revise({ inputs: [c.x(0)], set: { split: Array.from(sizes.data as ArrayLike<number | bigint>, Number) } });
      },
    },
    toInput(13, 'split'),
    {
      to: 18,
      convert: (c) => c.revise(c.x(1) === '' ? { set: { num_outputs: c.node.outputs.length } } : {}),
    },
  ],
  Pad: [
    {
      to: 2,
      convert(c) {
        const pads = c.attribute('paddings') ?? c.refuse('paddings', 'none');
        c.revise({ set: { pads }, drop: ['paddings'] });
      },
    },
    {
      to: 11,
      convert(c) {
        const value = c.float('value', 0);
        const filler = value === 0 ? '' : c.scalar('value', value, c.x(0));
        c.revise({ inputs: [c.x(0), requiredVector(c, 'pads'), filler], drop: ['pads', 'value'] });
      },
    },
  ],
  TopK: [
    {
      to: 10,
      convert: (c) => c.revise({ inputs: [c.x(0), c.tensor('k', int64([c.int('k', 0)]))], drop: ['k'] }),
    },
  ],
  /** The axis counted from the front by default, and does now from the back. */
  DFT: [
    {
      to: 20,
      convert: (c) =>
        c.revise({ inputs: [c.x(0), c.x(1), c.tensor('axis', int64([c.int('axis', 1)], []))], drop: ['axis'] }),
    },
  ],
  /** Opset 6 had a flag for inference; from opset 7 to 11 there is inference only, and later a flag for training. */
  Dropout: [
    dropping(6, 'consumed_inputs'),
    {
      to: 7,
      convert(c) {
        if (c.int('is_test', 0) === 0) c.refuse('is_test 1 (opset 7 has inference only)', 'is_test 0');
        c.revise({ drop: ['is_test'] });
      },
    },
    /** The mask became one of booleans. */
    {
      to: 10,
      convert(c) {
        if (!c.wants(1)) return c.revise(c.node.outputs.length < 2 ? {} : { outputs: c.node.outputs.slice(0, 1) });
        const type = c.type(c.x(0)) ?? c.refuse('an input of known type where the mask is used', 'an unknown one');
        const mask = c.fresh('mask');
        c.revise({ outputs: [c.node.outputs[0]!, mask] });
        c.cast(mask, type, c.node.outputs[1]!);
      },
    },
    {
      to: 12,
      convert: (c) =>
        c.revise(
          c.attribute('ratio') === undefined
            ? {}
            : { inputs: [c.x(0), c.tensor('ratio', scalar(c.float('ratio', 0.5)))], drop: ['ratio'] },
        ),
    },
  ],
};

/** The largest finite float32. */
const MAX_FLOAT = 3.4028234663852886e38;
