import type { Finding, Pass } from '../pass.ts';
import { cancelTransposes } from './cancel-transposes.ts';
import { type FoldConstantsOptions, foldConstants } from './fold-constants.ts';
import { inlineBranches } from './inline-branches.ts';
import { mergeCommonSubexpressions } from './merge-common-subexpressions.ts';
import { removeDeadNodes } from './remove-dead-nodes.ts';
import { removeIdentities } from './remove-identities.ts';
import { shareInitializers } from './share-initializers.ts';
import { simplifyShapes } from './simplify-shapes.ts';

/** How often {@link cleanUp} goes through its passes, at most. */
export const cleanUpRounds = 8;

/**
 * The passes of {@link cleanUp} in the order that works best: dead nodes first, so that nothing is computed for them;
 * constants and identities before shapes, which need them; sharing last, over what is left.
 */
export function cleanUpPasses(options: FoldConstantsOptions = {}): readonly Pass[] {
  return [
    removeDeadNodes,
    foldConstants(options),
    inlineBranches,
    removeIdentities,
    simplifyShapes,
    cancelTransposes,
    mergeCommonSubexpressions,
    shareInitializers,
  ];
}

/**
 * All clean-up passes, again and again until none changes anything (at most {@link cleanUpRounds} times). What they
 * compute, and the signature of the model, stay. Findings say what was patched by whom, and what was left at the end.
 *
 * With reports or a trace: `runPasses(model, cleanUpPasses(), { rounds: cleanUpRounds })`.
 */
export function cleanUp(options: FoldConstantsOptions = {}): Pass {
  const passes = cleanUpPasses(options);
  return {
    name: 'clean-up',
    run(model) {
      const patched: Finding[] = [];
      const skipped = new Map<Pass, readonly Finding[]>();
      const settled = new Map<Pass, unknown>();
      let current = model;
      for (let round = 0; round < cleanUpRounds; round++) {
        const before = current;
        for (const pass of passes) {
          if (settled.get(pass) === current) continue;
          const result = pass.run(current);
          const named = result.findings.map((finding) => ({ ...finding, message: `${pass.name}: ${finding.message}` }));
          patched.push(...named.filter(({ kind }) => kind === 'patched'));
          skipped.set(
            pass,
            named.filter(({ kind }) => kind === 'skipped'),
          );
          current = result.model;
          settled.set(pass, current);
        }
        if (current === before) break;
      }
      return { model: current, findings: [...patched, ...Array.from(skipped.values()).flat()] };
    },
  };
}
