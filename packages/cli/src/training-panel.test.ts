import { expect, test } from 'vitest';
import { panelLines, type StepEvent, sparkline, type ValidationEvent } from './training-panel.ts';

const step = (step: number, loss: number): StepEvent => ({
  kind: 'step',
  step,
  totalSteps: 200,
  epoch: 1,
  loss,
  learningRate: 1e-4,
  gradientNorm: 1.5,
  batchMs: 1,
  usefulTokensPerSecond: 12345.6,
  etaMs: 65_000,
});
const validation: ValidationEvent = {
  kind: 'validation',
  step: 80,
  epoch: 1,
  trainingLoss: 0.4,
  validationLoss: 0.31,
  metrics: { accuracy: 0.875 },
  best: true,
};

test('a sparkline shows means of equal stretches', () => {
  expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8)).toBe('▁▂▃▄▅▆▇█');
  expect(sparkline([0, 2, 7, 7], 2)).toBe('▁█');
  expect(sparkline([3, 3], 8)).toBe('▁▁');
  expect(sparkline([], 8)).toBe('');
});

test('a panel says loss, validation, rate, norm, speed, memory and time left, within its width', () => {
  const steps = Array.from({ length: 100 }, (_, i) => step(i + 1, 1 - i / 100));
  const lines = panelLines({ steps, validations: [validation], memoryBytes: 1.25e9 }, 100);
  expect(lines).toHaveLength(4);
  expect(lines[0]).toMatch(/^ {2}loss {4}0\.1050 {2}█.*▁$/);
  expect(lines[1]).toBe('  validated 0.3100  ▁  accuracy 0.8750  best at step 80');
  expect(lines[2]).toBe('  rate 1.00e-4   gradient norm 1.500   12,346 tokens/s   1.3 GB');
  expect(lines[3]).toBe('  step 100 of 200 (50 %), epoch 1   1 min 05 s left');
  for (const line of panelLines({ steps, validations: [validation] }, 40)) expect(line.length).toBeLessThanOrEqual(40);
  expect(panelLines({ steps: [], validations: [] }, 80)).toEqual([]);
});
