import fc from 'fast-check';
import { describe, it } from 'vitest';
import { arbitraryGraph } from '../../test/arbitrary-graph.ts';
import { applyPass } from '../../test/pass-harness.ts';
import { cleanUp, cleanUpPasses } from './clean-up.ts';

describe('on any graph that runs', () => {
  for (const pass of [...cleanUpPasses(), cleanUp()]) {
    it(`${pass.name} keeps the signature and the numbers, and is idempotent`, async () => {
      await fc.assert(
        fc.asyncProperty(arbitraryGraph, async ({ model, feeds }) => {
          await applyPass(pass, model, feeds);
        }),
        { numRuns: 40 },
      );
    });
  }
});
