import { describe, expect, it } from 'vitest';
import type { AttributeInput, GraphBuilder } from '../builder.ts';
import { createGraphBuilder, float } from '../builder.ts';
import { isSlmError, type SlmError } from '../errors.ts';
import { float32, int64, scalar } from '../model.ts';
import { openReference } from '../reference/open-reference.ts';
import type { GradientOptions } from './add-gradients.ts';
import { addGradients } from './add-gradients.ts';
import { refusing } from './rules/stops.ts';

/** The error of differentiating Σ of what `body` makes from the parameter w [2, 2]. */
function refusal(
  body: (g: GraphBuilder, w: string) => string,
  options: Partial<GradientOptions> & { readonly opset?: number; readonly reduce?: boolean } = {},
): SlmError {
  const { opset = 17, reduce = true, ...rest } = options;
  const g = createGraphBuilder('refused');
  const w = g.constant('w', float32([1, 2, 3, 4], [2, 2]));
  const made = body(g, w);
  const loss = reduce ? g.op('ReduceSum', [made], { keepdims: 0 }, { outputs: ['loss'] }) : made;
  g.output(loss, 'float32', reduce ? [] : [2, 2]);
  try {
    addGradients(g.model({ opset }), { loss, parameters: ['w'], ...rest });
  } catch (error) {
    if (isSlmError(error)) return error;
    throw error;
  }
  throw new Error('differentiated without an error');
}

describe('addGradients refuses', () => {
  it('an operator without a row, naming the node and the path to the parameter', () => {
    const error = refusal((g, w) => g.op('Fold', [g.op('Exp', [w], {}, { name: 'grow' })], {}, { name: 'head/fold' }));
    expect(error.code).toBe('GRADIENT_UNSUPPORTED');
    expect(error.message).toBe(
      'addGradients, node "head/fold": expected an operator that passes gradients, got Fold: ' +
        'no gradient row for this operator (on the path w → Exp "grow" → Fold "head/fold")',
    );
  });

  it('an operator of another domain', () => {
    const error = refusal((g, w) => g.op('Inverse', [w], {}, { name: 'act', domain: 'com.microsoft' }));
    expect(error.code).toBe('GRADIENT_UNSUPPORTED');
    expect(error.message).toContain('com.microsoft.Inverse');
  });

  it('operators that have a gradient which cannot be emitted, naming the node, the reason and the path', () => {
    for (const operator of Object.keys(refusing)) {
      const error = refusal((g, w) => {
        const shape = g.input('shape', 'int64', [undefined]);
        const x = g.op('Reshape', [w, shape], {}, { name: 'any rank' });
        return g.op(operator, operator === 'Loop' ? ['', '', x] : [x], {}, { name: 'odd' });
      });
      expect(error.code).toBe('GRADIENT_UNSUPPORTED');
      expect(error.message).toMatch(
        new RegExp(
          `node "odd": .* got ${operator}: .{20,} \\(on the path w → Reshape "any rank" → ${operator} "odd"\\)$`,
        ),
      );
    }
  });

  it('a loss that depends on the parameter through a piecewise constant operator alone', () => {
    const error = refusal((g, w) => g.op('Floor', [w], {}, { name: 'steps' }));
    expect(error.code).toBe('GRADIENT_UNSUPPORTED');
    expect(error.message).toContain('Floor: is piecewise constant (on the path w → Floor "steps")');
  });

  it('a cast to integers', () => {
    const error = refusal((g, w) => g.op('Cast', [g.op('Cast', [w], { to: 7 }, { name: 'round' })], { to: 1 }));
    expect(error.message).toContain('node "round"');
  });

  it('a loss that does not depend on the parameter', () => {
    const error = refusal((g) => g.op('Exp', [g.constant('other', scalar(1))]));
    expect(error.code).toBe('GRADIENT_NO_PATH');
    expect(error.message).toContain('parameter "w": expected loss "loss" to depend on it');
  });

  it('a parameter that does not exist, or holds integers', () => {
    expect(refusal((_, w) => w, { parameters: ['v'] }).message).toContain('got no such value (a pass may have folded');
    expect(refusal((_, w) => w, { parameters: ['w', 'w'] }).message).toContain('expected each once, got "w" again');
    expect(refusal((_, w) => w, { parameters: ['v'] }).code).toBe('GRADIENT_PARAMETER');
    const error = refusal((g, w) => g.op('Gather', [w, g.constant('rows', int64([0]))]), { parameters: ['rows'] });
    expect(error.message).toContain('expected a float type, got int64');
  });

  it('a loss of several elements, or one that is not computed', () => {
    expect(refusal((g, w) => g.op('Exp', [w]), { reduce: false }).message).toContain('expected one element, got [2,2]');
    expect(refusal((_, w) => w, { loss: 'nowhere' }).code).toBe('GRADIENT_LOSS');
  });

  it('operator sets before 13', () => {
    expect(refusal((_, w) => w, { opset: 12 }).code).toBe('GRADIENT_OPSET');
  });

  it('forms that a row does not cover', () => {
    const yes = (g: GraphBuilder) => g.constant('yes', { type: 'bool', dims: [], data: Uint8Array.of(1) });
    const half = (g: GraphBuilder) => g.constant('half', scalar(0.5));
    expect(
      refusal((g, w) => g.op('Dropout', [half(g), g.op('ReduceMax', [w], { keepdims: 0 }), yes(g)])).message,
    ).toContain('gradient of the ratio');
    const twice: (g: GraphBuilder) => string = (g) => g.constant('scales', float32([0.5, 0.25]));
    const levels = (g: GraphBuilder, w: string) => g.op('QuantizeLinear', [w, twice(g)]);
    expect(refusal((g, w) => g.op('DequantizeLinear', [levels(g, w), half(g)])).message).toContain('the scale differs');
  });

  it('forms that can neither be differentiated nor spelled out, with the reason of the decomposition', () => {
    const domain = 'com.microsoft';
    const packed = { domain, name: 'turn' };
    const error = refusal((g, w) => {
      const rows = g.constant('rows', float32([1, 1], [2, 1]));
      const at = g.constant('at', int64([0]));
      return g.op('RotaryEmbedding', [w, at, rows, rows], { is_packed_batching: 1 }, packed);
    });
    expect(error.message).toContain(
      'got com.microsoft.RotaryEmbedding: it cannot be spelled out: packed batching (on the path w → RotaryEmbedding "turn")',
    );
  });

  it('recurrent layers with forms that the forward states do not determine', () => {
    const lstm = (attributes: Record<string, AttributeInput>, peepholes: boolean) =>
      refusal((g, w) => {
        const x = g.op('Reshape', [w, g.constant('shape', int64([2, 1, 2]))]);
        const zeros = (name: string, dims: number[]) =>
          g.constant(name, float32(new Float32Array(dims.reduce((a, b) => a * b)), dims));
        const inputs = [x, zeros('wx', [1, 8, 2]), zeros('wh', [1, 8, 2])];
        const more = peepholes ? ['', '', '', '', zeros('p', [1, 6])] : [];
        return g.op('LSTM', [...inputs, ...more], { hidden_size: 2, ...attributes });
      }).message;
    expect(lstm({ clip: float(1) }, false)).toContain('a cell clip');
    expect(lstm({ input_forget: 1 }, false)).toContain('coupled input and forget gates');
    expect(lstm({}, true)).toContain('peepholes');
    expect(lstm({ activations: ['Sigmoid', 'Softsign', 'Tanh'] }, false)).toContain('activation Softsign');
  });

  it('forms and unknown shapes of single operators, with the reason', () => {
    type Form = readonly [
      reason: string,
      dims: readonly (number | undefined)[] | undefined,
      build: (g: GraphBuilder, x: string) => string,
      opset?: number,
    ];
    const ints = (g: GraphBuilder, ...values: readonly number[]) => g.constant('ints', int64(values));
    const weights = (g: GraphBuilder, ...dims: readonly (number | undefined)[]) => g.input('weights', 'float32', dims);
    const four = [1, 2, 4, 4];
    const forms: readonly Form[] = [
      ['gradient of slices of an axis', [2, 2], (g, x) => g.op('Unique', [x], { axis: 0 })],
      ['the size of the matrix must be known', [undefined, undefined], (g, x) => g.op('Det', [x])],
      ['the rank of an operand with an ellipsis', undefined, (g, x) => g.op('Einsum', [x], { equation: '...i->...' })],
      [
        'a kept aspect ratio',
        four,
        (g, x) => g.op('Resize', [x, '', '', ints(g, 1, 2, 8, 6)], { keep_aspect_ratio_policy: 'not_larger' }),
        18,
      ],
      [
        'coordinates by a region of interest',
        four,
        (g, x) =>
          g.op('Resize', [x, weights(g, 8), '', ints(g, 1, 2, 8, 8)], {
            coordinate_transformation_mode: 'tf_crop_and_resize',
          }),
      ],
      ['the rank of the input must be known', undefined, (g, x) => g.op('Resize', [x, '', weights(g, 4)])],
      ['whether the input is complex must be known', [1, 4, undefined], (g, x) => g.op('DFT', [x])],
      ['the rank of the input must be known', undefined, (g, x) => g.op('DFT', [x])],
      ['the inverse of half a spectrum', [1, 3, 2], (g, x) => g.op('DFT', [x], { inverse: 1, onesided: 1 }), 20],
      ['the axis must be constant', [1, 4, 2], (g, x) => g.op('DFT', [x, '', g.input('axis', 'int64', [])]), 20],
      [
        'whether the signal is complex must be known',
        [1, 8, undefined],
        (g, x) => g.op('STFT', [x, g.constant('step', int64([2], [])), weights(g, 4)]),
      ],
      ['the rank of the input must be known', undefined, (g, x) => g.op('Conv', [x, g.op('Exp', [x])])],
      [
        'the size of the kernel must be known',
        [1, 1, 5],
        (g, x) => g.op('Conv', [x, weights(g, 1, 1, undefined)], { auto_pad: 'SAME_UPPER' }),
      ],
      [
        'the size of the kernel must be known',
        [1, 1, 5],
        (g, x) => g.op('ConvTranspose', [x, weights(g, 1, 1, undefined)], { output_shape: [6] }),
      ],
      [
        'output_shape with input sizes that are not known',
        [1, 1, undefined],
        (g, x) => g.op('ConvTranspose', [x, weights(g, 1, 1, 3)], { output_shape: [6] }),
      ],
      [
        'an output larger than the kernel reaches',
        [1, 1, 5],
        (g, x) => g.op('ConvTranspose', [x, weights(g, 1, 1, 3)], { output_shape: [9] }),
      ],
      [
        'an output shape that is given',
        [1, 1, 2],
        (g, x) => {
          const indices = g.constant('indices', int64([0, 3], [1, 1, 2]));
          return g.op('MaxUnpool', [x, indices, ints(g, 1, 1, 6)], { kernel_shape: [2], strides: [2] });
        },
      ],
      [
        'the shape of the blocks must be constant',
        [1, 8, 9],
        (g, x) => g.op('Col2Im', [x, ints(g, 4, 4), g.input('blocks', 'int64', [2])]),
        18,
      ],
      ['cubic interpolation', four, (g, x) => g.op('GridSample', [x, weights(g, 1, 2, 2, 2)], { mode: 'bicubic' })],
      [
        'reflected borders',
        four,
        (g, x) => g.op('GridSample', [x, weights(g, 1, 2, 2, 2)], { padding_mode: 'reflection' }),
      ],
      [
        'gradient of the mean or the deviation',
        [2, 4],
        (g, x) => g.ops('LayerNormalization', [x, weights(g, 4)], {}, { outputs: 2 })[1]!,
      ],
      ['the rank of the input must be known', undefined, (g, x) => g.op('RMSNormalization', [x, x], { axis: 1 }), 23],
      [
        'gradient of the running statistics',
        [2, 4],
        (g, x) => {
          const statistics = Array.from({ length: 4 }, () => 'weights');
          weights(g, 4);
          return g.ops('BatchNormalization', [x, ...statistics], { training_mode: 1 }, { outputs: 3 })[1]!;
        },
      ],
      ['the rank of the cache must be known', undefined, (g, x) => g.op('TensorScatter', [x, x]), 24],
      [
        'the rank of the grid must be known',
        [1, 2, 3],
        (g, x) => g.op('AffineGrid', [x, g.input('size', 'int64', [undefined])]),
        20,
      ],
    ];
    for (const [reason, dims, build, opset = 17] of forms) {
      const g = createGraphBuilder('form');
      const y = build(g, g.input('x', 'float32', dims ?? []));
      g.output(g.op('ReduceSum', [y], { keepdims: 0 }), 'float32', [], 'loss');
      const model = g.model({ opset });
      const [x, ...others] = model.graph.inputs;
      const inputs = dims ? model.graph.inputs : [{ name: x!.name, type: { type: 'float32' as const } }, ...others];
      expect(() =>
        addGradients({ ...model, graph: { ...model.graph, inputs } }, { loss: 'loss', parameters: ['x'] }),
      ).toThrow(reason);
    }
  });

  it('a sparse parameter that is not read by one Gather(axis 0) with ids from an input', () => {
    const sparse = ['w'];
    const ids = (g: GraphBuilder) => g.input('ids', 'int64', ['n']);
    expect(refusal((g, w) => g.op('Exp', [w]), { sparse }).message).toContain('got Exp "Exp"');
    expect(refusal((g, w) => g.op('Gather', [w, ids(g)], { axis: 1 }), { sparse }).code).toBe('GRADIENT_SPARSE');
    const fixed = refusal((g, w) => g.op('Gather', [w, g.constant('rows', int64([0]))]), { sparse });
    expect(fixed.message).toContain('expected row ids from a graph input, got "rows"');
  });
});

describe('addGradients refuses control flow', () => {
  const body = (inputs: readonly string[], outputs: number) => {
    const b = createGraphBuilder('body');
    for (const name of inputs) b.input(name, 'float32', [2, 2]);
    const made = Array.from({ length: outputs }, (_, at) => b.op('Exp', ['w'], {}, { outputs: [`made${at}`] }));
    return { ...b.graph(), outputs: made.map((name) => ({ name })) };
  };

  it('whose bodies do not fit the node', () => {
    const scan = refusal((g, w) =>
      g.op('Scan', [w], { body: body(['h', 'x'], 1), num_scan_inputs: 0 }, { name: 'rounds' }),
    );
    expect(scan.message).toContain('a body of 2 inputs and 1 outputs for 1 and 1 (on the path w → Scan "rounds")');
    const rounds = (g: GraphBuilder) => g.constant('n', int64([2], []));
    const loop = refusal((g, w) => g.op('Loop', [rounds(g), '', w], { body: body(['i', 'go'], 2) }));
    expect(loop.message).toContain('a body of 2 inputs and 2 outputs for 3 and 2');
    expect(refusal((g, w) => g.op('Scan', [w])).message).toContain('no graph in attribute body');
  });

  it('whose body gives one value twice', () => {
    const twice = { ...body(['h'], 1), outputs: [{ name: 'made0' }, { name: 'made0' }] };
    const error = refusal((g, w) =>
      g.op('Add', [...g.ops('Scan', [w], { body: twice, num_scan_inputs: 0 }, { outputs: 2 })]),
    );
    expect(error.message).toContain('the body gives "made0" more than once');
  });
});

describe('addGradients', () => {
  it('gives sparse parameters the gradients of the gathered rows', async () => {
    const g = createGraphBuilder('lookup');
    const table = g.constant('table', float32([1, 2, 3, 4, 5, 6], [3, 2]));
    const rows = g.op('Gather', [table, g.input('ids', 'int64', ['b', 's'])]);
    g.output(g.op('ReduceSum', [g.op('Mul', [rows, rows])], { keepdims: 0 }), 'float32', [], 'loss');
    const { model, gradients } = addGradients(g.model({ opset: 17 }), {
      loss: 'loss',
      parameters: ['table'],
      sparse: ['table'],
    });
    expect(gradients.get('table')).toEqual({ output: 'grad/table', indices: 'ids' });
    const engine = await openReference(model);
    const result = await engine.run({ ids: int64([2, 2, 0], [1, 3]), table: float32([1, 2, 3, 4, 5, 6], [3, 2]) });
    expect(result['grad/table']).toEqual(float32([10, 12, 10, 12, 2, 4], [1, 3, 2]));
  });

  it('emits nothing for inputs that need no gradient, and no node twice', () => {
    const g = createGraphBuilder('dense');
    const x = g.input('x', 'float32', ['batch', 'sequence', 4]);
    const w = g.constant('w', float32(new Float32Array(8), [4, 2]));
    const b = g.constant('b', float32([0, 0]));
    const y = g.op('Add', [g.op('MatMul', [x, w]), b]);
    g.output(g.op('ReduceSum', [g.op('Mul', [y, y])], { keepdims: 0 }), 'float32', [], 'loss');
    const model = g.model({ opset: 17 });
    const step = addGradients(model, { loss: 'loss', parameters: ['w', 'b'] }).model;
    const emitted = step.graph.nodes.slice(model.graph.nodes.length).map((node) => node.opType);
    expect(emitted).toEqual(['Add', 'ReduceSum', 'Reshape', 'Reshape', 'Gemm']);
    expect(step.graph.nodes.slice(0, model.graph.nodes.length)).toEqual(model.graph.nodes);
    expect(step.graph.inputs.map((input) => input.name)).toEqual(['x', 'w', 'b']);
  });

  it('hands one gradient to two parameters', async () => {
    const g = createGraphBuilder('twins');
    const [a, b] = ['a', 'b'].map((name) => g.input(name, 'float32', [2]));
    g.output(g.op('ReduceSum', [g.op('Exp', [g.op('Add', [a!, b!])])], { keepdims: 0 }), 'float32', [], 'loss');
    const { model } = addGradients(g.model({ opset: 17 }), { loss: 'loss', parameters: ['a', 'b'] });
    const result = await (await openReference(model)).run({ a: float32([0, 1]), b: float32([0, -1]) });
    expect(result['grad/a']).toEqual(float32([1, 1]));
    expect(result['grad/b']).toEqual(float32([1, 1]));
  });
});
