import { describe, expect, it } from 'vitest';
import { createGraphBuilder } from '../builder.ts';
import type { Tensor } from '../model.ts';
import { float32 } from '../model.ts';
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
