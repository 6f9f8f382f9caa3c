import { describe, expect, test } from 'vitest';
import { type AttributeInput, createGraphBuilder, float } from '../builder.ts';
import { checkModel } from '../check/check-model.ts';
import { newestOpset, onnxSignatures, signaturesOf } from '../check/signatures.ts';
import { isSlmError } from '../errors.ts';
import { type Attribute, elementCount, float32, int64, type Model, type Node, type Tensor } from '../model.ts';
import { fromNumbers } from '../number-formats.ts';
import { evaluateReference } from '../reference/open-reference.ts';
import { compatibleVersions } from './compatible-versions.ts';
import { convertOpset } from './convert-opset.ts';
import { irVersionOf } from './ir-version.ts';
import { opsetSteps } from './table.ts';

/** A node of an old form; fed inputs are graph inputs, constant ones initializers. */
interface Form {
  readonly op: string;
  readonly from: number;
  readonly fed?: readonly Tensor[];
  readonly constants?: readonly Tensor[];
  readonly attributes?: Readonly<Record<string, AttributeInput>>;
  readonly outputs?: number;
  /** What says the same to the reference, which does not know the form itself. */
  readonly like?: Form;
}

/** Different numbers around 0. */
function numbers(...dims: number[]): Tensor {
  return float32(
    Float32Array.from({ length: elementCount(dims) }, (_, at) => ((at * 7) % 11) / 4 - 1.3),
    dims,
  );
}

function positive(...dims: number[]): Tensor {
  const { data } = numbers(...dims);
  return float32(
    (data as Float32Array).map((value) => Math.abs(value) + 0.1),
    dims,
  );
}

const booleans = (...data: number[]): Tensor => ({ type: 'bool', dims: [data.length], data: Uint8Array.from(data) });
const floats = (...value: number[]): AttributeInput => ({ kind: 'floats', value });
const words = (names: string): readonly string[] => names.split(' ');
const square = numbers(2, 3);

function modelOf({ op, from, fed = [], constants = [], attributes = {}, outputs = 1 }: Form): Model {
  const g = createGraphBuilder('form');
  const inputs = [
    ...fed.map(({ type, dims }, at) => g.input(`x${at}`, type, dims)),
    ...constants.map((tensor, at) => g.constant(`c${at}`, tensor)),
  ];
  const made = g.ops(op, inputs, attributes, { name: 'node', outputs });
  for (const value of made) g.output(value, 'float32', []);
  const model = g.model({ opset: from, irVersion: irVersionOf(from) });
  const untyped = { ...model.graph, outputs: model.graph.outputs.map(({ name }) => ({ name })) };
  return { ...model, graph: untyped };
}

const consumed = { consumed_inputs: [0] };
const batch = [numbers(2, 3, 2, 2), ...[1, 2, 3].map(() => numbers(3)), positive(3)];

/** Old forms of every operator that has steps, each so that the step matters. */
const forms: readonly Form[] = [
  ...words('Abs Ceil Elu Exp Floor HardSigmoid LeakyRelu Neg Reciprocal Relu Selu Sigmoid Tanh Max Mean Min Sum').map(
    (op) => ({ op, from: 1, fed: [square], attributes: consumed }),
  ),
  ...words('Log Sqrt').map((op) => ({ op, from: 1, fed: [positive(2, 3)], attributes: consumed })),
  ...words('Add Div Mul Sub').map((op) => ({
    op,
    from: 1,
    fed: [numbers(2, 3, 4), positive(3)],
    attributes: { ...consumed, broadcast: 1, axis: 1 },
  })),
  { op: 'Add', from: 6, fed: [numbers(2, 3, 4), numbers(3)], attributes: { broadcast: 1, axis: -2 } },
  { op: 'Add', from: 6, fed: [square, numbers(1, 1)], attributes: { broadcast: 1, axis: 0 } },
  { op: 'Add', from: 6, fed: [square, square], attributes: { axis: 0 } },
  ...words('Greater Less Pow').map((op) => ({
    op,
    from: 1,
    fed: [positive(2, 3), positive(2)],
    attributes: { broadcast: 1, axis: 0 },
  })),
  { op: 'Equal', from: 1, fed: [int64([0, 1, 2, 0], [2, 2]), int64([0, 2])], attributes: { broadcast: 1, axis: 0 } },
  ...words('And Or Xor').map((op) => ({
    op,
    from: 1,
    fed: [{ ...booleans(0, 1, 1, 0), dims: [2, 2] }, booleans(1, 0)],
    attributes: { broadcast: 1, axis: 0 },
  })),
  ...words('GRU LSTM RNN').map((op, at) => ({
    op,
    from: 3,
    fed: [numbers(2, 1, 2), numbers(1, [3, 4, 1][at]! * 2, 2), numbers(1, [3, 4, 1][at]! * 2, 2)],
    attributes: { hidden_size: 2, output_sequence: 1 },
  })),
  { op: 'BatchNormalization', from: 1, fed: batch, attributes: { ...consumed, is_test: 1 } },
  {
    op: 'BatchNormalization',
    from: 7,
    fed: [batch[0]!, ...[1, 2, 3].map(() => numbers(3, 2, 2)), positive(3, 2, 2)],
    attributes: { spatial: 0 },
  },
  { op: 'Cast', from: 1, fed: [square], attributes: { to: 'INT32' } },
  { op: 'Cast', from: 1, fed: [square], attributes: { to: 'DOUBLE' } },
  { op: 'Clip', from: 1, fed: [square], attributes: { ...consumed, min: float(-0.5) } },
  {
    op: 'Clip',
    from: 6,
    fed: [{ type: 'float64', dims: [3], data: Float64Array.of(-2, 0, 2) }],
    attributes: { min: float(-1), max: float(0.5) },
  },
  { op: 'Concat', from: 1, fed: [square, square] },
  { op: 'DFT', from: 17, fed: [numbers(1, 4, 3, 1)] },
  { op: 'Dropout', from: 1, fed: [square], attributes: { ...consumed, is_test: 1, ratio: float(0.3) } },
  { op: 'Dropout', from: 7, fed: [square], outputs: 2 },
  { op: 'Erf', from: 9, fed: [square] },
  { op: 'Gemm', from: 1, fed: [square, numbers(3, 2), numbers(2)], attributes: { broadcast: 1, alpha: float(0.5) } },
  { op: 'GlobalLpPool', from: 1, fed: [numbers(1, 2, 3, 3)], attributes: { p: float(1) } },
  { op: 'GridSample', from: 16, fed: [numbers(1, 1, 3, 3), numbers(1, 2, 2, 2)], attributes: { mode: 'bicubic' } },
  { op: 'GridSample', from: 16, fed: [numbers(1, 1, 3, 3), numbers(1, 2, 2, 2)] },
  {
    op: 'GroupNormalization',
    from: 18,
    fed: [numbers(2, 4, 3), numbers(2), numbers(2)],
    attributes: { num_groups: 2 },
  },
  ...words('Hardmax LogSoftmax Softmax').flatMap((op) =>
    [{}, { axis: 0 }, { axis: 2 }].map((attributes) => ({ op, from: 1, fed: [numbers(2, 3, 2)], attributes })),
  ),
  { op: 'Softmax', from: 11, fed: [numbers(2, 3, 2)], attributes: { axis: -2 } },
  { op: 'InstanceNormalization', from: 1, fed: [numbers(2, 3, 4), numbers(3), numbers(3)], attributes: consumed },
  { op: 'LpPool', from: 1, fed: [numbers(1, 2, 4, 4)], attributes: { kernel_shape: [2, 2], p: float(2) } },
  { op: 'PRelu', from: 1, fed: [numbers(2, 3, 2, 2), numbers(3)], attributes: consumed },
  { op: 'PRelu', from: 6, fed: [numbers(2, 3), numbers(1)] },
  { op: 'Pad', from: 1, fed: [square], attributes: { paddings: [1, 0, 0, 2], value: float(0.5) } },
  { op: 'Pad', from: 2, fed: [square], attributes: { pads: [0, 1, 0, 1], mode: 'reflect' } },
  ...words(
    'ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare',
  ).flatMap((op) =>
    [{}, { axes: [0] }].map((attributes) => ({
      op,
      from: 1,
      fed: [positive(2, 3)],
      attributes: { ...attributes, keepdims: 0 },
    })),
  ),
  { op: 'Reshape', from: 1, fed: [square], attributes: { ...consumed, shape: [3, -1] } },
  ...[
    [1, 1, 2, 3],
    [1, 1, 0.6, 0.5],
  ].map((scales) => ({ op: 'Resize', from: 10, fed: [numbers(1, 1, 3, 4)], constants: [float32(scales)] })),
  { op: 'Resize', from: 10, fed: [numbers(1, 1, 3, 4), float32([1, 1, 2, 0.5])], attributes: { mode: 'linear' } },
  { op: 'Resize', from: 11, fed: [numbers(1, 1, 3, 4)], constants: [float32([]), float32([]), int64([1, 1, 5, 3])] },
  {
    op: 'Resize',
    from: 11,
    fed: [numbers(1, 1, 3, 4)],
    constants: [float32([]), float32([1, 1, 1.5, 2])],
    attributes: { coordinate_transformation_mode: 'tf_half_pixel_for_nn', nearest_mode: 'floor' },
  },
  {
    op: 'Resize',
    from: 11,
    fed: [numbers(1, 1, 3, 4)],
    constants: [float32([0, 0, 0.2, 0.3, 1, 1, 0.8, 0.7]), float32([]), int64([1, 1, 3, 3])],
    attributes: { coordinate_transformation_mode: 'tf_crop_and_resize' },
  },
  {
    op: 'RoiAlign',
    from: 10,
    fed: [numbers(1, 1, 4, 4), float32([0.4, 0.5, 3, 2.7], [1, 4]), int64([0])],
    attributes: { output_height: 2, output_width: 2 },
  },
  { op: 'Scatter', from: 9, fed: [square, int64([1, 0], [1, 2]), numbers(1, 2)] },
  { op: 'Selu', from: 5, fed: [square], attributes: { alpha: float(2) } },
  {
    op: 'Slice',
    from: 1,
    fed: [numbers(3, 4)],
    attributes: { starts: [1], ends: { kind: 'ints', value: [9223372036854775807n] }, axes: [1] },
  },
  { op: 'Slice', from: 1, fed: [numbers(3, 4)], attributes: { starts: [0, 1], ends: [-1, 3] } },
  { op: 'Split', from: 1, fed: [numbers(4, 2)], constants: [float32([1, 3])], attributes: { axis: 0 }, outputs: 2 },
  { op: 'Split', from: 2, fed: [numbers(4, 3)], attributes: { axis: 1, split: [1, 2] }, outputs: 2 },
  { op: 'Split', from: 13, fed: [numbers(4, 3)], outputs: 2 },
  { op: 'Squeeze', from: 1, fed: [numbers(1, 3, 1)], attributes: { axes: [2] } },
  { op: 'Squeeze', from: 1, fed: [numbers(1, 3, 1)] },
  {
    op: 'Tile',
    from: 1,
    fed: [square],
    constants: [
      { ...float32([2]), dims: [] },
      { ...float32([1]), dims: [] },
    ],
  },
  { op: 'TopK', from: 1, fed: [numbers(2, 5)], attributes: { k: 3 }, outputs: 2 },
  { op: 'Unsqueeze', from: 1, fed: [square], attributes: { axes: [0, 3] } },
  {
    op: 'Upsample',
    from: 1,
    fed: [numbers(1, 1, 2, 3)],
    attributes: { height_scale: float(2), width_scale: float(3), mode: 'bilinear' },
    like: {
      op: 'Upsample',
      from: 7,
      fed: [numbers(1, 1, 2, 3)],
      attributes: { scales: floats(1, 1, 2, 3), mode: 'linear' },
    },
  },
  { op: 'Upsample', from: 7, fed: [numbers(1, 1, 2, 3)], attributes: { scales: floats(1, 1, 2, 1.5) } },
  { op: 'Upsample', from: 9, fed: [numbers(1, 1, 2, 3), float32([1, 1, 2, 2])] },
];

const named = forms.map(
  (form) => [`${form.op} of opset ${form.from}: ${Object.keys(form.attributes ?? {})}`, form] as const,
);

test.each(named)('%s computes the same in every later form', (_, form) => {
  const model = modelOf(form);
  if (form.op !== 'GroupNormalization') checkModel(model);
  const feeds = Object.fromEntries((form.fed ?? []).map((tensor, at) => [`x${at}`, tensor]));
  const wanted = Object.values(evaluateReference(modelOf(form.like ?? form), feeds));
  const targets = (opsetSteps[form.op] ?? []).map(({ to }) => to).filter((to) => to > form.from);
  expect(targets.length).toBeGreaterThan(0);
  for (const target of new Set([...targets, 11, 13, 20, newestOpset])) {
    if (target <= form.from) continue;
    const { model: converted } = convertOpset(target).run(model);
    if (form.op !== 'GroupNormalization' || target >= 21) checkModel(converted);
    expect(convertOpset(target).run(converted).model).toBe(converted);
    const given = Object.values(evaluateReference(converted, feeds));
    expect(given.length).toBe(wanted.length);
    for (const [at, value] of given.entries()) {
      const other = wanted[at]!;
      if ('kind' in value || 'kind' in other) throw new Error('tensors only');
      expect([value.type, value.dims], `opset ${target}`).toEqual([other.type, other.dims]);
      const [a, b] = [value, other].map(({ data }) => Array.from(data as Float32Array, Number));
      for (const [index, element] of a!.entries()) expect(element, `opset ${target}`).toBeCloseTo(b![index]!, 5);
    }
  }
});

test('malformed nodes of every form are converted or refused', () => {
  const strange: readonly Attribute[] = [
    { kind: 'ints', value: [] },
    { kind: 'ints', value: [2n ** 62n, -1] },
    { kind: 'int', value: -(2n ** 63n) },
    { kind: 'float', value: Number.NaN },
    { kind: 'floats', value: [-1, Number.POSITIVE_INFINITY] },
    { kind: 'string', value: '__proto__' },
    { kind: 'ref', value: 'nothing', type: 7 },
  ];
  const codes = new Set<string>();
  const attempt = (model: Model, change: Partial<Node>) => {
    const { graph } = model;
    const outputs = change.outputs === undefined ? graph.outputs : [];
    const nodes = graph.nodes.map((node) => ({ ...node, ...change }));
    try {
      convertOpset().run({ ...model, graph: { ...graph, nodes, outputs } });
      codes.add('converted');
    } catch (error) {
      if (!isSlmError(error)) throw error;
      codes.add(error.code);
    }
  };
  for (const form of forms) {
    const model = modelOf(form);
    const { inputs, attributes } = model.graph.nodes[0]!;
    attempt(model, { inputs: [] });
    attempt(model, { inputs: inputs.map(() => '') });
    attempt(model, { inputs: inputs.toReversed() });
    attempt(model, { inputs: ['unknown', ...inputs, ...inputs] });
    attempt(model, { outputs: [] });
    attempt(model, { outputs: ['', 'a', 'b', 'c', 'd', 'e'] });
    attempt(model, { attributes: {} });
    for (const name of Object.keys(attributes)) {
      for (const value of strange) attempt(model, { attributes: { ...attributes, [name]: value } });
    }
  }
  expect([...codes].sort()).toEqual(['OPSET_UNCONVERTIBLE', 'converted']);
});

/** Forms that no later version has, or that cannot be told without knowing more. */
const refused: readonly (Form & { readonly target: number; readonly reason: RegExp })[] = [
  {
    op: 'Add',
    from: 6,
    fed: [square, numbers(3)],
    attributes: { broadcast: 1, axis: 2 },
    target: 7,
    reason: /an axis that \[3\] fits at, got 2/,
  },
  { op: 'BatchNormalization', from: 6, fed: batch, target: 7, reason: /is_test 1 .*, got is_test 0/ },
  { op: 'BatchNormalization', from: 9, fed: batch, outputs: 5, target: 14, reason: /no use of saved_mean/ },
  {
    op: 'BatchNormalization',
    from: 7,
    fed: batch,
    attributes: { spatial: 0 },
    outputs: 3,
    target: 9,
    reason: /inference where spatial is 0/,
  },
  {
    op: 'Cast',
    from: 1,
    fed: [square],
    attributes: { to: 'REAL' },
    target: 6,
    reason: /the name of an element type, got "REAL"/,
  },
  { op: 'Dropout', from: 6, fed: [square], target: 7, reason: /is_test 1/ },
  { op: 'Erf', from: 9, fed: [int64([1])], target: 13, reason: /expected floats, got int64/ },
  {
    op: 'GlobalLpPool',
    from: 1,
    fed: [numbers(1, 1, 2, 2)],
    attributes: { p: float(1.5) },
    target: 2,
    reason: /an integer p, got 1.5/,
  },
  {
    op: 'GroupNormalization',
    from: 18,
    fed: [numbers(1, 3, 2), numbers(2), numbers(2)],
    attributes: { num_groups: 2 },
    target: 21,
    reason: /a multiple of 2 channels, got 3/,
  },
  {
    op: 'GroupNormalization',
    from: 18,
    fed: [numbers(1, 3, 2), numbers(2), numbers(2)],
    attributes: { num_groups: 0 },
    target: 21,
    reason: /num_groups of at least 1, got 0/,
  },
  { op: 'LpPool', from: 1, fed: [numbers(1, 1, 2, 2)], target: 2, reason: /kernel_shape, got none/ },
  { op: 'Pad', from: 1, fed: [square], target: 2, reason: /paddings, got none/ },
  ...words('ReduceLogSum ReduceLogSumExp').map((op) => ({
    op,
    from: 18,
    fed: [int64([1])],
    target: 28,
    reason: /expected floats/,
  })),
  { op: 'Resize', from: 10, fed: [numbers(1, 1, 2, 2), float32([1, 1, 2, 2])], target: 11, reason: /constant scales/ },
  {
    op: 'Resize',
    from: 10,
    fed: [numbers(1, 1, 2, 2)],
    constants: [float32([1, 1, 2, 0.5])],
    target: 11,
    reason: /all enlarged or all shrunk/,
  },
  {
    op: 'Resize',
    from: 11,
    fed: [numbers(1, 1, 2, 2)],
    constants: [float32([]), float32([1, 1, 2, 2])],
    attributes: { coordinate_transformation_mode: 'tf_half_pixel_for_nn' },
    target: 13,
    reason: /nearest_mode floor/,
  },
  {
    op: 'Scan',
    from: 8,
    fed: [int64([1]), numbers(1, 2, 2)],
    attributes: { num_scan_inputs: 1 },
    target: 9,
    reason: /no sequence_lens, got some/,
  },
  { op: 'Split', from: 1, fed: [square], outputs: 2, target: 2, reason: /an axis/ },
  {
    op: 'Split',
    from: 1,
    fed: [square, int64([1, 1])],
    attributes: { axis: 0 },
    outputs: 2,
    target: 2,
    reason: /constant sizes, got computed ones/,
  },
  {
    op: 'Squeeze',
    from: 11,
    fed: [numbers(1, 3)],
    attributes: { axes: 0 },
    target: 13,
    reason: /attribute axes of kind ints, got int/,
  },
  { op: 'Tile', from: 1, fed: [square, float32([2]), float32([1])], target: 6, reason: /a constant number of tiles/ },
  { op: 'Upsample', from: 7, fed: [numbers(1, 1, 2, 2)], target: 9, reason: /scales, got none/ },
];

test.each(refused.map((form) => [`${form.op} ${form.from}, ${form.reason}`, form] as const))(
  'refused: %s',
  (_, form) => {
    const reason = expect.objectContaining({
      code: 'OPSET_UNCONVERTIBLE',
      message: expect.stringMatching(form.reason),
    });
    expect(() => convertOpset(form.target).run(modelOf(form))).toThrow(reason);
  },
);

describe('every version of every operator', () => {
  const compatible = new Set(
    Object.entries(compatibleVersions).flatMap(([version, names]) => words(names).map((name) => `${name} ${version}`)),
  );
  const stepped = new Set(
    Object.entries(opsetSteps).flatMap(([name, steps]) => steps.map(({ to }) => `${name} ${to}`)),
  );

  test('that changes the signature has a step or is compatible', () => {
    const own = Object.keys(onnxSignatures).filter((key) => !key.includes('.'));
    const open = own.flatMap((name) =>
      signaturesOf(name)
        .slice(1)
        .map(({ since }) => `${name} ${since}`)
        .filter((bump) => !stepped.has(bump) && !compatible.has(bump)),
    );
    expect(open).toEqual([]);
    expect([...stepped].filter((bump) => compatible.has(bump))).toEqual([]);
  });

  test('with a step is converted above', () => {
    const met = new Set(
      [...forms, ...refused].flatMap(({ op, from }) =>
        (opsetSteps[op] ?? []).filter(({ to }) => to > from).map(({ to }) => `${op} ${to}`),
      ),
    );
    expect([...stepped].filter((bump) => !met.has(bump))).toEqual([]);
  });
});

test('half-precision constants are of the type of the input', () => {
  const model = modelOf({
    op: 'Clip',
    from: 10,
    fed: [fromNumbers('float16', [2], [-3, 3])],
    attributes: { max: float(1) },
  });
  const { graph } = convertOpset(11).run(model).model;
  expect(graph.nodes[0]!.inputs).toEqual(['x0', '', 'node/max']);
  expect(graph.initializers.get('node/max')).toEqual(fromNumbers('float16', [], [1]));
});
