import { createGraphBuilder, float32, type Model, type Tensor } from '@slm-compress/onnx';
import { openEngine } from '@slm-compress/runtime';
import { describe, expect, it } from 'vitest';
import { seededClassifier } from '../../test/zoo.ts';
import { unpaddedFeeds } from '../batches.ts';
import { prunableWeights, pruneMagnitude } from './magnitude.ts';

function zeros({ data }: Tensor): number {
  return [...(data as Float32Array)].filter((value) => value === 0).length;
}

/** x · a · b */
function chain(a: readonly number[], b: readonly number[]): Model {
  const g = createGraphBuilder('chain');
  const x = g.input('x', 'float32', ['rows', 2]);
  const hidden = g.op('MatMul', [x, g.constant('a', float32([...a], [2, a.length / 2]))]);
  g.output(g.op('MatMul', [hidden, g.constant('b', float32([...b], [a.length / 2, 1]))]), 'float32', ['rows', 1]);
  return g.model({ opset: 17 });
}

const weights = (model: Model, name: string) => [...(model.graph.initializers.get(name)!.data as Float32Array)];

describe('pruneMagnitude', () => {
  it('zeroes the smallest weights of all tensors together', () => {
    const { model } = pruneMagnitude(chain([1, -8, 2, 9], [-3, 7]), { sparsity: 0.5 });
    expect(weights(model, 'a')).toEqual([0, -8, 0, 9]);
    expect(weights(model, 'b')).toEqual([0, 7]);
  });

  it('zeroes the same share of each tensor under scope layer', () => {
    const { model } = pruneMagnitude(chain([1, -8, 2, 9], [-30, 70]), { sparsity: 0.5, scope: 'layer' });
    expect(weights(model, 'a')).toEqual([0, -8, 0, 9]);
    expect(weights(model, 'b')).toEqual([0, 70]);
  });

  it('takes the earlier of equal weights, exactly as many as asked for', () => {
    const { model } = pruneMagnitude(chain([1, 1, -1, 1], [1, 1]), { sparsity: 0.5 });
    expect(weights(model, 'a')).toEqual([0, 0, 0, 1]);
    expect(weights(model, 'b')).toEqual([1, 1]);
  });

  it('leaves biases, norms and embeddings of a classifier, and the classifier runs', async () => {
    const { model } = seededClassifier();
    const { model: pruned, findings } = pruneMagnitude(model, { sparsity: 0.6 });
    const names = prunableWeights(model);
    expect(names).toHaveLength(9);
    let zeroed = 0;
    let total = 0;
    for (const [name, tensor] of pruned.graph.initializers) {
      if (names.includes(name)) {
        zeroed += zeros(tensor);
        total += tensor.data.length;
      } else expect(tensor).toBe(model.graph.initializers.get(name));
    }
    expect(zeroed).toBe(Math.floor(0.6 * total));
    expect(findings).toHaveLength(10);
    await using engine = await openEngine(pruned);
    const { logits } = await engine.run(unpaddedFeeds([Int32Array.of(2, 5, 9, 3)]));
    expect((logits!.data as Float32Array).every(Number.isFinite)).toBe(true);
  });

  it('says what gzip gains and that speed gains nothing', () => {
    const { findings } = pruneMagnitude(seededClassifier().model, { sparsity: 0.8 });
    const { message } = findings.at(-1)!;
    const [, before, after] = /^(\d+) bytes of compressed \(gzip\) weights became (\d+)/.exec(message)!;
    expect(Number(after) / Number(before)).toBeLessThan(0.4);
    expect(message).toMatch(/dense runtimes compute as long as before/);
  });

  it.each([0, 1, -0.5, 2, Number.NaN])('refuses the sparsity %s', (sparsity) => {
    expect(() => pruneMagnitude(chain([1, 2, 3, 4], [5, 6]), { sparsity })).toThrow(
      expect.objectContaining({ code: 'PRUNE_SPARSITY' }),
    );
  });

  it('refuses to empty a tensor and names it', () => {
    expect(() => pruneMagnitude(chain([1, 2, 3, 4], [50, 60]), { sparsity: 0.7 })).toThrow(
      expect.objectContaining({ code: 'PRUNE_EVERYTHING', message: expect.stringContaining('weight "a"') }),
    );
  });

  it('refuses when there is nothing to prune, and names that are no weights', () => {
    expect(() => pruneMagnitude(chain([1, 2], [3]), { sparsity: 0.1 })).toThrow(
      expect.objectContaining({ code: 'PRUNE_NOTHING' }),
    );
    expect(() => pruneMagnitude(chain([1, 2], [3]), { sparsity: 0.5, parameters: ['c'] })).toThrow(
      /parameter "c": expected a float32 initializer, got no initializer of that name/,
    );
  });
});
