import { performance } from 'node:perf_hooks';
import { checkModel } from '../check/check-model.ts';
import { SlmError } from '../errors.ts';
import type { Model } from '../model.ts';
import type { Finding, Pass } from '../pass.ts';
import { summarizeModel } from '../summarize-model.ts';

/** Size of a model before and after a pass. */
export interface PassSize {
  readonly nodes: number;
  readonly parameters: number;
  readonly bytes: number;
}

/** What a pass did. */
export interface PassReport {
  readonly pass: string;
  /** False when the pass returned the model it was given. */
  readonly changed: boolean;
  readonly findings: readonly Finding[];
  readonly before: PassSize;
  readonly after: PassSize;
  readonly milliseconds: number;
}

export interface RunPassesOptions {
  /** Called after every pass with its report and the model it returned. */
  readonly onPass?: (report: PassReport, model: Model) => void;
}

/**
 * Runs passes one after the other and checks the model before the first and after each that changed it.
 *
 * Errors name the pass, its place and the passes before it: a pass that throws keeps its code; a pass that leaves a model
 * the checker refuses throws `PASS_INVALID_MODEL`. A model that is invalid from the start throws `ONNX_INVALID`.
 */
export function runPasses(
  model: Model,
  passes: readonly Pass[],
  options: RunPassesOptions = {},
): { readonly model: Model; readonly reports: readonly PassReport[] } {
  checkModel(model);
  const reports: PassReport[] = [];
  let current = model;
  passes.forEach((pass, index) => {
    const earlier = passes.slice(0, index).map(({ name }) => name);
    const where = `pass ${index + 1} of ${passes.length}, ${pass.name}${earlier.length === 0 ? '' : ` (after ${earlier.join(', ')})`}`;
    const before = sizeOf(current);
    const start = performance.now();
    const { model: next, findings } = named(where, undefined, () => pass.run(current));
    const milliseconds = performance.now() - start;
    if (next !== current) named(where, 'PASS_INVALID_MODEL', () => checkModel(next));
    const report = { pass: pass.name, changed: next !== current, findings, before, after: sizeOf(next), milliseconds };
    current = next;
    reports.push(report);
    options.onPass?.(report, next);
  });
  return { model: current, reports };
}

function named<T>(where: string, code: string | undefined, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof SlmError)) throw error;
    throw new SlmError(code ?? error.code, `${where}: ${error.message}`, { cause: error });
  }
}

function sizeOf(model: Model): PassSize {
  const { nodes, parameters, bytes } = summarizeModel(model);
  return { nodes, parameters, bytes };
}
