import { createGraphBuilder, createRng, float32, int64, type Tensor } from '@slm-compress/onnx';
import { openEngine } from '@slm-compress/runtime';
import { expect, test } from 'vitest';
import { turnWeightGradients } from './weight-gradients.ts';

const rng = createRng(1);
const random = (...dims: number[]) =>
  float32(
    Float32Array.from({ length: dims.reduce((a, b) => a * b) }, () => rng.normal()),
    dims,
  );

/** ½·xᵀ·dy and xᵀ·(dy + dy) with weights [rows, columns]. */
function gradients(rows: number, columns: number) {
  const g = createGraphBuilder('gradients');
  const x = g.input('x', 'float32', ['batch', 'sequence', rows]);
  const dy = g.input('dy', 'float32', ['all', columns]);
  const flat = g.op('Reshape', [x, g.constant('shape', int64([-1, rows]))]);
  g.output(
    g.op('Gemm', [flat, dy], { transA: 1, alpha: { kind: 'float', value: 0.5 } }, { outputs: ['half'] }),
    'float32',
    [rows, columns],
  );
  g.output(g.op('Gemm', [flat, g.op('Add', [dy, dy])], { transA: 1 }, { outputs: ['double'] }), 'float32', [
    rows,
    columns,
  ]);
  return g.model({ opset: 17 });
}

test('large gradients are products of an input turned over once, with the same values', async () => {
  const model = gradients(256, 260);
  const turned = turnWeightGradients(model);
  const operators = turned.graph.nodes.map(({ opType }) => opType).sort();
  expect(operators).toEqual(['Add', 'Gemm', 'Gemm', 'Reshape', 'Reshape', 'Transpose']);
  const feeds = { x: random(3, 5, 256), dy: random(15, 260) };
  const results: Record<string, Tensor>[] = [];
  for (const candidate of [model, turned]) {
    await using engine = await openEngine(candidate);
    results.push(await engine.run(feeds));
  }
  for (const name of ['half', 'double']) {
    const [expected, got] = results.map((outputs) => outputs[name]!.data as Float32Array);
    const worst = Math.max(...got!.map((value, i) => Math.abs(value - expected![i]!)));
    expect(worst).toBeLessThan(2e-5);
  }
});

test('small gradients stay', () => {
  for (const model of [gradients(255, 300), gradients(300, 255)])
    expect(turnWeightGradients(model).graph).toBe(model.graph);
});
