import type { Graph, ValueInfo } from '../../model.ts';
import { isInteger } from '../../number-formats.ts';
import { forEach, type OpsetStep, type StepContext, type StepTable } from '../step.ts';

/** A version that no longer takes integers. */
function onlyFloats(to: number): OpsetStep {
  return {
    to,
    convert(c) {
      const type = c.type(c.x(0));
      if (type !== undefined && isInteger(type)) c.refuse('floats', type);
      c.revise({});
    },
  };
}

/** Other names for `mode` of GridSample. */
const samplingModes: Readonly<Record<string, string>> = { bilinear: 'linear', bicubic: 'cubic' };

/** Changes of single operators. */
export const other: StepTable = {
  ...forEach('ReduceLogSum ReduceLogSumExp', onlyFloats(28)),
  Erf: [onlyFloats(13)],
  GridSample: [
    {
      to: 20,
      convert(c) {
        const mode = c.text('mode', 'bilinear');
        c.revise({ set: { mode: samplingModes[mode] ?? mode } });
      },
    },
  ],
  /** The default became to shift by half a pixel. */
  RoiAlign: [{ to: 16, convert: (c) => c.revise({ set: { coordinate_transformation_mode: 'output_half_pixel' } }) }],
  Scatter: [{ to: 11, convert: (c) => c.revise({ opType: 'ScatterElements' }) }],
  /** Opset 8 scans each element of a batch: a scan of opset 9 over the batch, with another one in its body. */
  Scan: [
    {
      to: 9,
      convert(c) {
        if (c.x(0) !== '') c.refuse('no sequence_lens', 'some');
        const body = c.attribute('body');
        if (body?.kind !== 'graph') return c.refuse('a body', 'none');
        const inputs = c.node.inputs.slice(1);
        const directions = c.ints('directions');
        const graph = scanBody(c, body.value, inputs, {
          num_scan_inputs: { kind: 'int', value: c.int('num_scan_inputs', 0) },
          ...(directions && { scan_input_directions: { kind: 'ints', value: directions } }),
        });
        c.revise({ inputs, set: { body: graph, num_scan_inputs: inputs.length }, drop: ['directions'] });
      },
    },
  ],
};

/** The body of the scan over the batch: the scan of one element. */
function scanBody(
  c: StepContext,
  body: Graph,
  inputs: readonly string[],
  attributes: Graph['nodes'][number]['attributes'],
): Graph {
  const element = (name: string, from: string | undefined): ValueInfo => {
    const [type, dims] = from === undefined ? [] : [c.type(from), c.dims(from)];
    return { name, ...(type && { type: { type, ...(dims && { dims: dims.slice(1) }) } }) };
  };
  const within = inputs.map((value) => element(c.fresh('element'), value));
  const results = c.node.outputs.map((value) => element(c.fresh('result'), value || undefined));
  return {
    name: c.fresh('batch'),
    inputs: within,
    outputs: results,
    nodes: [
      {
        name: c.fresh('sequence'),
        opType: 'Scan',
        domain: '',
        inputs: within.map(({ name }) => name),
        outputs: results.map(({ name }) => name),
        attributes: { body: { kind: 'graph', value: body }, ...attributes },
      },
    ],
    initializers: new Map(),
    types: new Map(),
  };
}
