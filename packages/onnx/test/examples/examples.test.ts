import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createGraphBuilder, float32 } from '@slm-compress/onnx';
import { describe, expect, test } from 'vitest';
import { applyPass } from '../pass-harness.ts';
import { multiplyInsteadOfDivide } from './multiply-instead-of-divide.ts';

const textOf = (path: string) => readFileSync(fileURLToPath(new URL(path, import.meta.url)), 'utf8');

test('docs/writing-passes.md shows the example as it is', () => {
  expect(textOf('../../../../docs/writing-passes.md')).toContain(textOf('./multiply-instead-of-divide.ts'));
});

describe('multiply-instead-of-divide', () => {
  const x = { x: float32([1, -3, 5]) };
  const divided = (divisors: readonly number[]) => {
    const g = createGraphBuilder('example');
    g.output(g.op('Div', [g.input('x', 'float32', [3]), g.constant('d', float32(divisors))]), 'float32', [3]);
    return g.model({ opset: 17 });
  };

  test('1. Div by powers of two', async () => {
    const { operators } = await applyPass(multiplyInsteadOfDivide, divided([2, 0.25, 8]), x);
    expect(operators).toBe('Mul');
  });

  test('refused: another divisor', async () => {
    const { operators, findings } = await applyPass(multiplyInsteadOfDivide, divided([2, 3, 8]), x);
    expect(operators).toBe('Div');
    expect(findings).toMatchObject([{ kind: 'skipped', message: 'the reciprocal of d is rounded' }]);
  });
});
