import { describe, expect, it } from 'vitest';
import { positive, worstError } from '../../test/gradients/finite-differences.ts';
import type { AttributeInput } from '../builder.ts';
import { createGraphBuilder, float } from '../builder.ts';
import { checkModel } from '../check/check-model.ts';
import type { Model, Tensor } from '../model.ts';
import { elementCount, float32, int64, scalar } from '../model.ts';
import { operatorKey } from '../operator.ts';
import { openReference } from '../reference/open-reference.ts';
import { createRng } from '../rng.ts';
import { decomposeOperators } from './decompose-operators.ts';
import { decompositions } from './table.ts';

/** Shape of a random float input, a tensor that is a constant, or an omitted input. */
type Input = readonly number[] | Tensor | '';

interface Form {
  readonly inputs: readonly Input[];
  readonly attributes?: Readonly<Record<string, AttributeInput>>;
  readonly outputs?: number;
  /** 21 by default. */
  readonly opset?: number;
  /** Levels by which quantized results may differ: one rounding instead of two. */
  readonly levels?: number;
  /** False where the inputs carry no gradient, or the gradient is not that of the rounded function. */
  readonly differentiable?: boolean;
  readonly draw?: (normal: number) => number;
}

const rng = createRng('decompositions');
const bytes = (dims: readonly number[]): Tensor => ({
  type: 'uint8',
  dims,
  data: Uint8Array.from({ length: elementCount(dims) }, () => rng.integer(256)),
});
const signed = (dims: readonly number[]): Tensor => ({
  type: 'int8',
  dims,
  data: Int8Array.from({ length: elementCount(dims) }, () => rng.integer(120) - 60),
});
const level = (value: number): Tensor => ({ type: 'uint8', dims: [], data: Uint8Array.of(value) });
const whole = (values: readonly number[], dims: readonly number[] = [values.length]): Tensor => ({
  type: 'int32',
  dims,
  data: Int32Array.from(values),
});
const mask = (values: readonly number[], dims: readonly number[]): Tensor => ({
  type: 'bool',
  dims,
  data: Uint8Array.from(values),
});
const waves = (dims: readonly number[], phase: number): Tensor =>
  float32(
    Float32Array.from({ length: elementCount(dims) }, (_, i) => Math.cos(i + phase)),
    dims,
  );

const x23: readonly Form[] = [{ inputs: [[2, 3]] }];
const microsoft = 'com.microsoft.';
const integers = { differentiable: false, levels: 1 };
const qkv = [2, 3, 8];

/** Forms of each operator; every row of the table has some. */
const forms: Readonly<Record<string, readonly Form[]>> = {
  Gelu: [...x23, { inputs: [[2, 3]], attributes: { approximate: 'tanh' } }],
  HardSwish: x23,
  HardSigmoid: x23,
  Mish: x23,
  Celu: [{ inputs: [[2, 3]], attributes: { alpha: float(2) } }],
  Elu: x23,
  Selu: x23,
  LeakyRelu: x23,
  PRelu: [{ inputs: [[2, 3], [3]] }],
  ThresholdedRelu: x23,
  Softsign: x23,
  Shrink: [{ inputs: [[2, 3]], attributes: { bias: float(0.2), lambd: float(0.3) } }],
  Swish: [{ inputs: [[2, 3]], attributes: { alpha: float(0.5) }, opset: 24 }],
  [`${microsoft}Gelu`]: x23,
  [`${microsoft}BiasGelu`]: [{ inputs: [[2, 3], [3]] }],
  [`${microsoft}FastGelu`]: [...x23, { inputs: [[2, 3], [3]] }],
  [`${microsoft}QuickGelu`]: x23,
  LayerNormalization: [
    { inputs: [[2, 3, 4], [4], [4]] },
    {
      inputs: [
        [2, 3, 4],
        [3, 4],
      ],
      attributes: { axis: 1 },
      outputs: 3,
    },
  ],
  RMSNormalization: [{ inputs: [[2, 3, 4], [4]], opset: 23 }],
  SimplifiedLayerNormalization: [{ inputs: [[2, 3, 4], [4]] }],
  [`${microsoft}SimplifiedLayerNormalization`]: [],
  [`${microsoft}SkipLayerNormalization`]: [
    { inputs: [[2, 3, 4], [2, 3, 4], [4], [4], [4]], outputs: 4 },
    { inputs: [[2, 3, 4], [3, 4], [4]], opset: 16 },
  ],
  [`${microsoft}SkipSimplifiedLayerNormalization`]: [{ inputs: [[2, 3, 4], [2, 3, 4], [4], [4]] }],
  [`${microsoft}EmbedLayerNormalization`]: [
    {
      inputs: [whole([1, 2, 3, 0, 1, 1], [2, 3]), whole([0, 0, 1, 1, 1, 0], [2, 3]), [5, 4], [6, 4], [2, 4], [4], [4]],
    },
    { inputs: [whole([1, 2, 3, 0, 1, 1], [2, 3]), '', [5, 4], [6, 4], '', [4], [4]] },
  ],
  GroupNormalization: [
    { inputs: [[2, 4, 3], [4], [4]], attributes: { num_groups: 2 } },
    { inputs: [[2, 4, 3], [2], [2]], attributes: { num_groups: 2 }, opset: 18 },
  ],
  InstanceNormalization: [{ inputs: [[2, 3, 4], [3], [3]] }],
  BatchNormalization: [{ inputs: [[2, 3, 2], [3], [3], [3], [3]], draw: positive }],
  MeanVarianceNormalization: [{ inputs: [[2, 3, 2, 2]] }],
  LpNormalization: [...x23, { inputs: [[2, 3]], attributes: { p: 1, axis: 0 } }],
  Softmax: [...x23, { inputs: [[2, 3, 2]], opset: 12, differentiable: false }],
  LogSoftmax: [...x23, { inputs: [[2, 3, 2]], opset: 12, differentiable: false }],
  [`${microsoft}BiasSoftmax`]: [
    {
      inputs: [
        [2, 2, 3, 4],
        [2, 1, 1, 4],
      ],
      attributes: { axis: 3, is_inner_broadcast: 1 },
    },
    {
      inputs: [
        [2, 3, 4],
        [1, 3, 4],
      ],
      attributes: { axis: 1, is_inner_broadcast: 0 },
    },
  ],
  SoftmaxCrossEntropyLoss: [
    { inputs: [[4, 5], int64([0, 1, 4, 2])], attributes: { ignore_index: 1 }, outputs: 2 },
    { inputs: [[2, 3, 2], int64([0, 1, 2, 1], [2, 2]), [3]], attributes: { reduction: 'none' }, opset: 13 },
  ],
  NegativeLogLikelihoodLoss: [{ inputs: [[4, 5], int64([0, 1, 4, 2]), [5]], draw: positive }],
  RotaryEmbedding: [
    { inputs: [[2, 3, 8], waves([2, 3, 2], 0), waves([2, 3, 2], 1)], attributes: { num_heads: 2 }, opset: 23 },
    {
      inputs: [[2, 2, 3, 6], waves([9, 2], 0), waves([9, 2], 1), int64([0, 1, 2, 3, 4, 8], [2, 3])],
      attributes: { interleaved: 1, rotary_embedding_dim: 4 },
      opset: 23,
    },
  ],
  [`${microsoft}RotaryEmbedding`]: [{ inputs: [[2, 3, 8], int64([2]), waves([9, 2], 0), waves([9, 2], 1)] }],
  Attention: [
    {
      inputs: [[2, 2, 3, 4], [2, 2, 3, 4], [2, 2, 3, 4], '', [2, 2, 2, 4], [2, 2, 2, 4]],
      attributes: { is_causal: 1 },
      outputs: 3,
      opset: 23,
    },
    {
      inputs: [
        [2, 3, 8],
        [2, 5, 4],
        [2, 5, 4],
        [3, 5],
      ],
      attributes: { q_num_heads: 2, kv_num_heads: 1, softcap: float(2), scale: float(0.3) },
      opset: 23,
    },
    {
      inputs: [[1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4], mask([1, 0, 1, 0, 0, 0, 1, 1, 1], [3, 3])],
      opset: 23,
    },
    {
      inputs: [
        [2, 2, 3, 4],
        [2, 2, 4, 4],
        [2, 2, 4, 4],
        mask([1, 1, 1, 0, 1, 1, 1, 1, 1], [3, 3]),
        '',
        '',
        int64([3, 2]),
      ],
      opset: 24,
    },
  ],
  [`${microsoft}MultiHeadAttention`]: [
    { inputs: [qkv, qkv, qkv, [24]], attributes: { num_heads: 2, unidirectional: 1 } },
    {
      inputs: [qkv, qkv, qkv, '', whole([1, 1, 1, 1, 1, 0], [2, 3]), [1, 2, 3, 3]],
      attributes: { num_heads: 2, mask_filter_value: float(-3) },
    },
  ],
  [`${microsoft}Attention`]: [
    { inputs: [qkv, [8, 24], [24], '', [2, 2, 2, 4, 4]], attributes: { num_heads: 2, unidirectional: 1 }, outputs: 2 },
  ],
  [`${microsoft}GroupQueryAttention`]: [
    {
      inputs: [[2, 3, 16], [2, 3, 8], [2, 3, 8], '', '', whole([2, 2]), whole([3], [])],
      attributes: { num_heads: 2, kv_num_heads: 1 },
    },
  ],
  [`${microsoft}FusedMatMul`]: [
    {
      inputs: [
        [2, 4, 3],
        [2, 5, 4],
      ],
      attributes: { transA: 1, transB: 1, alpha: float(0.5) },
    },
    {
      inputs: [
        [3, 2, 4],
        [4, 2, 5],
      ],
      attributes: { transBatchA: 1, transBatchB: 1 },
    },
  ],
  [`${microsoft}TransposeMatMul`]: [
    {
      inputs: [
        [2, 3, 4],
        [2, 5, 4],
      ],
      attributes: { transB: 1 },
    },
  ],
  [`${microsoft}FusedGemm`]: [{ inputs: [[3, 4], [4, 2], [2]], attributes: { activation: 'Tanh' } }],
  [`${microsoft}FusedConv`]: [
    { inputs: [[1, 2, 4, 4], [3, 2, 3, 3], [3]], attributes: { activation: 'Tanh', pads: [1, 1, 1, 1] } },
  ],
  [`${microsoft}MatMulNBits`]: [
    {
      inputs: [[2, 40], bytes([3, 2, 16]), [3, 2], bytes([3])],
      attributes: { N: 3, K: 40, bits: 4, block_size: 32 },
    },
  ],
  MatMulInteger: [{ inputs: [bytes([2, 4]), signed([4, 3]), level(7)], ...integers, levels: 0 }],
  ConvInteger: [{ inputs: [bytes([1, 2, 4, 4]), bytes([2, 2, 3, 3]), level(7)], ...integers, levels: 0 }],
  DynamicQuantizeLinear: [{ inputs: [waves([3, 4], 0)], outputs: 3, ...integers }],
  QLinearMatMul: [
    {
      inputs: [bytes([2, 4]), scalar(0.1), level(7), bytes([4, 3]), scalar(0.2), level(90), scalar(8), level(100)],
      ...integers,
    },
  ],
  QLinearConv: [
    {
      inputs: [
        bytes([1, 2, 4, 4]),
        scalar(0.1),
        level(7),
        signed([3, 2, 3, 3]),
        float32([0.1, 0.2, 0.3]),
        { type: 'int8', dims: [3], data: Int8Array.of(0, 0, 0) },
        scalar(20),
        level(100),
        whole([30, 40, 50]),
      ],
      attributes: { pads: [1, 1, 1, 1] },
      ...integers,
    },
  ],
  [`${microsoft}MatMulIntegerToFloat`]: [
    { inputs: [bytes([2, 4]), signed([4, 3]), scalar(0.1), float32([0.1, 0.2, 0.3]), level(3), '', [3]] },
  ],
  [`${microsoft}DynamicQuantizeMatMul`]: [
    { inputs: [[2, 4], signed([4, 3]), float32([0.1, 0.2, 0.3]), '', [3]], differentiable: false },
  ],
  [`${microsoft}QGemm`]: [
    {
      inputs: [
        bytes([2, 4]),
        scalar(0.1),
        level(3),
        signed([3, 4]),
        float32([0.1, 0.2, 0.3]),
        { type: 'int8', dims: [3], data: Int8Array.of(0, 0, 0) },
        whole([5, -7, 100]),
      ],
      attributes: { transB: 1 },
      differentiable: false,
    },
  ],
  ...Object.fromEntries(
    ['QLinearAdd', 'QLinearMul'].map((name) => [
      microsoft + name,
      [
        {
          inputs: [bytes([2, 4]), scalar(0.1), level(3), bytes([4]), scalar(0.2), level(3), scalar(0.3), level(3)],
          ...integers,
        },
      ],
    ]),
  ),
  [`${microsoft}QLinearSigmoid`]: [
    { inputs: [bytes([2, 4]), scalar(0.02), level(100), scalar(1 / 256), level(0)], ...integers },
  ],
  [`${microsoft}QLinearLeakyRelu`]: [
    { inputs: [bytes([2, 4]), scalar(0.02), level(100), scalar(0.02), level(50)], ...integers },
  ],
  [`${microsoft}QuantizeLinear`]: [{ inputs: [waves([2, 3], 0), scalar(0.1), level(100)], ...integers }],
  [`${microsoft}DequantizeLinear`]: [{ inputs: [bytes([2, 3]), scalar(0.1), level(100)], ...integers }],
  If: [],
};

/** Rows that another one shares, or whose node has subgraphs. */
const elsewhere = new Set([`${microsoft}SimplifiedLayerNormalization`, 'If']);

function nodeOf(key: string) {
  const dot = key.lastIndexOf('.');
  return dot < 0 ? { domain: '', opType: key } : { domain: key.slice(0, dot), opType: key.slice(dot + 1) };
}

/** A model of one node; float inputs are graph inputs, of whose shapes the sizes in front may be unknown. */
function modelOf(key: string, form: Form): Model {
  const g = createGraphBuilder('form');
  const { domain, opType } = nodeOf(key);
  const inputs = form.inputs.map((input, i) => {
    if (input === '') return '';
    return Array.isArray(input) ? g.input(`x${i}`, 'float32', input) : g.constant(`c${i}`, input as Tensor);
  });
  const outputs = g.ops(opType, inputs, form.attributes ?? {}, { domain, outputs: form.outputs ?? 1 });
  const model = g.model({ opset: form.opset ?? 21, opsets: { 'com.microsoft': 1 }, irVersion: 10 });
  return { ...model, graph: { ...model.graph, outputs: outputs.map((name) => ({ name })) } };
}

function feedsOf(form: Form): Record<string, Tensor> {
  const { draw = (normal: number) => normal } = form;
  const entries = form.inputs.flatMap((input, i) => {
    if (!Array.isArray(input)) return [];
    const data = Float32Array.from({ length: elementCount(input) }, () => draw(rng.normal()));
    return [[`x${i}`, float32(data, input)] as const];
  });
  return Object.fromEntries(entries);
}

describe('decompositions', () => {
  it('has forms for every row, and rows for every form', () => {
    expect(Object.keys(decompositions).filter((key) => !forms[key]?.length && !elsewhere.has(key))).toEqual([]);
    expect(Object.keys(forms).filter((key) => !decompositions[key])).toEqual([]);
  });

  for (const [key, rows] of Object.entries(forms)) {
    if (rows.length === 0) continue;
    it(`${key} gives what its kernel gives`, async () => {
      for (const [index, form] of rows.entries()) {
        const model = modelOf(key, form);
        const { model: spelled, findings } = decomposeOperators().run(model);
        const where = `form ${index}`;
        expect(
          findings.map(({ kind }) => kind),
          `${where}: ${findings[0]?.message}`,
        ).toEqual(['patched']);
        expect(spelled.graph.nodes.filter((node) => decompositions[operatorKey(node)]).map(operatorKey), where).toEqual(
          [],
        );
        expect(
          spelled.graph.nodes.every((node) => node.domain === ''),
          where,
        ).toBe(true);
        checkModel(spelled);
        expect(decomposeOperators().run(spelled).model, where).toBe(spelled);
        const feeds = feedsOf(form);
        const [fused, plain] = await Promise.all(
          [model, spelled].map(async (one) => (await openReference(one)).run(feeds)),
        );
        for (const { name } of model.graph.outputs) {
          const [expected, found] = [fused![name]!, plain![name]!];
          expect([found.type, found.dims], where).toEqual([expected.type, expected.dims]);
          const float = expected.type === 'float32';
          const scale = float ? Math.max(1, ...Array.from(expected.data as Float32Array, Math.abs)) : 1;
          const worst = Math.max(
            ...Array.from(expected.data as ArrayLike<number>, (value, i) =>
              Math.abs(Number(value) - Number(found.data[i])),
            ),
          );
          expect(worst / scale, `${where}, ${name}`).toBeLessThanOrEqual(float ? 1e-5 : (form.levels ?? 0));
        }
      }
    });

    const smooth = rows.filter(({ differentiable }) => differentiable !== false);
    if (smooth.length === 0) continue;
    it(`${key} is differentiated like its finite differences`, async () => {
      for (const [index, form] of smooth.entries()) {
        const { domain, opType } = nodeOf(key);
        const floats = form.inputs.filter((input): input is readonly number[] => Array.isArray(input));
        const row = {
          shapes: floats,
          opset: form.opset ?? 21,
          ...(form.draw && { draw: form.draw }),
          build: (g: ReturnType<typeof createGraphBuilder>, x: readonly string[]) => {
            const left = [...x];
            const inputs = form.inputs.map((input, i) => {
              if (input === '') return '';
              return Array.isArray(input) ? left.shift()! : g.constant(`c${i}`, input as Tensor);
            });
            const outputs = g.ops(opType, inputs, form.attributes ?? {}, { domain, outputs: form.outputs ?? 1 });
            return key === 'LayerNormalization' ? outputs[0]! : outputs;
          },
        };
        const error = await worstError(row, 'shapes', index);
        expect(error, `form ${index}`).toBeLessThanOrEqual(1e-6);
      }
    });
  }
});

describe('decompose-operators', () => {
  const fused = (): Model => modelOf(`${microsoft}SkipLayerNormalization`, { inputs: [[2, 3, 4], [2, 3, 4], [4]] });

  it('spells out the chosen operators alone, and says by how many nodes', () => {
    const pass = decomposeOperators({ only: [`${microsoft}SkipLayerNormalization`] });
    const { model, findings } = pass.run(fused());
    expect(model.graph.nodes.map((node) => node.opType)).toEqual(['Add', 'LayerNormalization']);
    expect(findings).toEqual([
      {
        kind: 'patched',
        where: 'SkipLayerNormalization',
        message: 'com.microsoft.SkipLayerNormalization by 2 nodes',
      },
    ]);
  });

  it('returns the same model when nothing is to do', () => {
    const model = fused();
    const { model: same, findings } = decomposeOperators({ only: ['Gelu'] }).run(model);
    expect(same).toBe(model);
    expect(findings).toEqual([]);
  });

  it('takes the branch of a constant condition, under names of its own', async () => {
    const branch = (name: string, opType: string) => {
      const b = createGraphBuilder(name);
      b.output(b.op(opType, ['x'], {}, { outputs: ['inner'] }), 'float32', [2]);
      return b.graph();
    };
    const g = createGraphBuilder('choice');
    const x = g.input('x', 'float32', [2]);
    const yes = g.constant('yes', { type: 'bool', dims: [], data: Uint8Array.of(1) });
    const branches = { then_branch: branch('then', 'Exp'), else_branch: branch('else', 'Neg') };
    g.output(g.op('If', [yes], branches), 'float32', [2], 'y');
    const { model } = decomposeOperators().run(g.model({ opset: 17 }));
    expect(model.graph.nodes.map((node) => node.opType)).toEqual(['Exp', 'Identity']);
    expect(x).toBe('x');
    const { y } = await (await openReference(model)).run({ x: float32([0, 0]) });
    expect(y).toEqual(float32([1, 1]));
  });

  it('skips what a row does not cover, and old operator sets, with the reason', () => {
    const skip = (key: string, form: Form) => decomposeOperators().run(modelOf(key, form)).findings[0]?.message;
    expect(
      skip(`${microsoft}RotaryEmbedding`, {
        ...forms[`${microsoft}RotaryEmbedding`]![0]!,
        attributes: { is_packed_batching: 1 },
      }),
    ).toBe('com.microsoft.RotaryEmbedding: packed batching');
    const uneven = { ...forms[`${microsoft}GroupQueryAttention`]![0]!, attributes: { num_heads: 3, kv_num_heads: 2 } };
    expect(skip(`${microsoft}GroupQueryAttention`, uneven)).toContain('sizes that are whole numbers');
    const wide = {
      inputs: [[2, 3, 6], waves([2, 3, 2], 0), waves([2, 3, 2], 1)],
      attributes: { num_heads: 2 },
      opset: 23,
    };
    expect(skip('RotaryEmbedding', wide)).toContain('a rotation wider than the heads');
    expect(skip('Softmax', { inputs: [[2, 3]], opset: 9 })).toBe('Softmax: needs opset 11 or later, the model has 9');
    expect(
      skip('BatchNormalization', { ...forms.BatchNormalization![0]!, attributes: { training_mode: 1 } }),
    ).toContain('training mode');
  });

  it('refuses an operator that has no decomposition', () => {
    expect(() => decomposeOperators({ only: ['MatMul'] })).toThrow(
      expect.objectContaining({
        code: 'DECOMPOSE_UNKNOWN',
        message: 'decompose-operators: expected operators with a decomposition, got "MatMul" (leave it out)',
      }),
    );
  });
});
