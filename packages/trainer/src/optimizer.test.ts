import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { planArena } from './arena.ts';
import { type Optimizer, resolveOptimizer } from './optimizer.ts';

const golden = JSON.parse(readFileSync(new URL('../goldens/optimizers.json', import.meta.url), 'utf8'));
const betas = { beta1: 0.9, beta2: 0.99, epsilon: 1e-6 };

test.each([
  ['adamw', { kind: 'adamw', ...betas }, 0.1],
  ['adam', { kind: 'adam', ...betas }, 0.1],
  ['sgd', { kind: 'sgd' }, 0.1],
  ['momentum', { kind: 'sgd', momentum: 0.9 }, 0.1],
  ['nesterov', { kind: 'sgd', momentum: 0.9, nesterov: true }, 0],
] as const)('%s gives what PyTorch gives', (name, optimizer: Optimizer, weightDecay) => {
  const plan = planArena();
  const { moments, update } = resolveOptimizer(optimizer);
  const [weights, gradients, ...regions] = Array.from({ length: 2 + moments.length }, () => plan.reserve(12));
  const arena = plan.open();
  const range = {
    weights: weights!.offset,
    gradients: gradients!.offset,
    moments: regions.map((region) => region.offset),
    count: 12,
    learningRate: 0.01,
    weightDecay,
  };
  arena.floats(weights!).set(golden.start);
  for (const [index, gradient] of golden.gradients.entries()) {
    arena.floats(gradients!).set(gradient.map((value: number) => value * 4));
    update(arena.kernels, range, index + 1, 0.25);
    const expected: readonly number[] = golden.trajectories[name][index];
    for (const [i, value] of expected.entries()) expect(arena.floats(weights!)[i]).toBeCloseTo(value, 6);
  }
});

test.each([
  [{ kind: 'adamw', beta1: 1 }, 'beta1 must be in [0, 1)'],
  [{ kind: 'adam', epsilon: 0 }, 'epsilon must be above 0'],
  [{ kind: 'sgd', momentum: 1 }, 'momentum must be in [0, 1)'],
  [{ kind: 'sgd', nesterov: true }, 'momentum must be above 0 with nesterov'],
  [{ kind: 'lion' } as unknown as Optimizer, 'optimizer must be adamw, adam or sgd, got lion'],
] as const)('%j is TRAIN_OPTIONS', (optimizer, message) => {
  expect(() => resolveOptimizer(optimizer)).toThrow(
    expect.objectContaining({ code: 'TRAIN_OPTIONS', message: expect.stringContaining(message) }),
  );
});
