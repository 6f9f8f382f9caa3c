import { describe, expect, it } from 'vitest';
import { createGraphBuilder } from '../builder.ts';
import type { Tensor } from '../model.ts';
import { float32, scalar } from '../model.ts';
import { openReference } from '../reference/open-reference.ts';
import { addGradients } from './add-gradients.ts';

/** Gradient of Σ x·DQ(Q(x)) by its second factor's path alone: the mask of what did not saturate, times x. */
async function straightThrough(x: Tensor, scale: Tensor, zeroPoint: Tensor, axis: number): Promise<number[]> {
  const g = createGraphBuilder('qdq');
  const input = g.input('x', 'float32', x.dims);
  const weight = g.input('weight', 'float32', x.dims);
  const [s, z] = [g.constant('scale', scale), g.constant('zero', zeroPoint)];
  const q = g.op('QuantizeLinear', [input, s, z], { axis });
  const y = g.op('DequantizeLinear', [q, s, z], { axis });
  g.output(g.op('ReduceSum', [g.op('Mul', [y, weight])], { keepdims: 0 }), 'float32', [], 'loss');
  const { model } = addGradients(g.model({ opset: 17 }), { loss: 'loss', parameters: ['x'] });
  const weights = float32(
    Float32Array.from(x.data as Float32Array, (_, i) => i + 1),
    x.dims,
  );
  const engine = await openReference(model);
  const result = await engine.run({ x, weight: weights });
  return Array.from(result['grad/x']!.data as Float32Array);
}

describe('the straight-through estimator', () => {
  it('passes the gradient of what rounds and stops that of what saturates', async () => {
    // scale ½, zero point 10, uint8: values from −5.25 to 122.75 stay inside.
    const x = float32([-6, -5.2, -5, 0.3, 122.7, 123]);
    const zero: Tensor = { type: 'uint8', dims: [], data: Uint8Array.of(10) };
    const scale: Tensor = { type: 'float32', dims: [], data: Float32Array.of(0.5) };
    expect(await straightThrough(x, scale, zero, 1)).toEqual([0, 2, 3, 4, 5, 0]);
  });

  it('clips per axis', async () => {
    const x = float32([100, 200, 300, 100, 200, 300], [2, 3]);
    const zero: Tensor = { type: 'int8', dims: [2], data: Int8Array.of(0, 0) };
    expect(await straightThrough(x, float32([1, 2]), zero, 0)).toEqual([1, 0, 0, 4, 5, 0]);
    const column: Tensor = { type: 'int8', dims: [3], data: Int8Array.of(0, 0, 0) };
    expect(await straightThrough(x, float32([1, 1, 3]), column, -1)).toEqual([1, 0, 3, 4, 0, 6]);
  });
});

/** Gradient of Σ DQ(Q(x))·(1, 2, …) with respect to the scale. */
async function scaleGradient(x: Tensor, scale: Tensor, zeroPoint: Tensor, axis: number): Promise<number[]> {
  const g = createGraphBuilder('lsq');
  const [s, z] = [g.constant('scale', scale), g.constant('zero', zeroPoint)];
  const q = g.op('QuantizeLinear', [g.input('x', 'float32', x.dims), s, z], { axis });
  const weights = Float32Array.from(x.data as Float32Array, (_, i) => i + 1);
  const weighted = g.op('Mul', [
    g.op('DequantizeLinear', [q, s, z], { axis }),
    g.constant('w', float32(weights, x.dims)),
  ]);
  g.output(g.op('ReduceSum', [weighted], { keepdims: 0 }), 'float32', [], 'loss');
  const { model } = addGradients(g.model({ opset: 17 }), { loss: 'loss', parameters: ['scale'] });
  const result = await (await openReference(model)).run({ x, scale });
  return Array.from(result['grad/scale']!.data as Float32Array);
}

describe('learned scales', () => {
  const zero: Tensor = { type: 'int8', dims: [], data: Int8Array.of(0) };

  it('get what rounding added, and the outermost level where the value saturates', async () => {
    // x/s = 0.6, −2.8, 200: rounding adds 0.4 and −0.2, the last one stays at level 127.
    const x = float32([0.3, -1.4, 100]);
    const [found] = await scaleGradient(x, { type: 'float32', dims: [], data: Float32Array.of(0.5) }, zero, 1);
    expect(found).toBeCloseTo(1 * 0.4 + 2 * -0.2 + 3 * 127, 4);
  });

  it('per axis', async () => {
    const x = float32([0.3, -1.4, 100, 0.3], [2, 2]);
    const zeros: Tensor = { type: 'int8', dims: [2], data: Int8Array.of(0, 0) };
    const found = await scaleGradient(x, float32([0.5, 1]), zeros, 0);
    expect(found[0]).toBeCloseTo(1 * 0.4 + 2 * -0.2, 4);
    expect(found[1]).toBeCloseTo(4 * -0.3, 4);
  });
});

describe('Dropout in training', () => {
  it('passes the gradient of what it kept, scaled alike', async () => {
    const g = createGraphBuilder('dropout');
    const yes = g.constant('yes', { type: 'bool', dims: [], data: Uint8Array.of(1) });
    const ratio = g.constant('ratio', scalar(0.75));
    const y = g.op('Dropout', [g.input('x', 'float32', [4]), ratio, yes], {}, { outputs: ['y'] });
    g.output(g.op('ReduceSum', [y], { keepdims: 0 }), 'float32', [], 'loss');
    const { model } = addGradients(g.model({ opset: 17 }), { loss: 'loss', parameters: ['x'] });
    // The draw is the engine's own, so its outputs are fed.
    const drawn = model.graph.nodes.find((node) => node.opType === 'Dropout')!;
    const nodes = model.graph.nodes.filter((node) => node !== drawn);
    const inputs = [...model.graph.inputs, ...drawn.outputs.map((name) => ({ name }))];
    const [, mask] = drawn.outputs;
    const engine = await openReference({ ...model, graph: { ...model.graph, nodes, inputs } });
    const kept: Tensor = { type: 'bool', dims: [4], data: Uint8Array.of(1, 0, 0, 1) };
    const result = await engine.run({ x: float32([1, 1, 1, 1]), y: float32([4, 0, 0, 4]), [mask!]: kept });
    expect(result['grad/x']).toEqual(float32([4, 0, 0, 4]));
  });
});
