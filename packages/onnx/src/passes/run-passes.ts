import { performance } from 'node:perf_hooks';
import { checkModel } from '../check/check-model.ts';
import { SlmError } from '../errors.ts';
import type { Model } from '../model.ts';
import type { Finding, Pass } from '../pass.ts';
import { summarizeModel } from '../summarize-model.ts';

/** Size of a model before and after a pass. */
export interface PassSize {
  readonly nodes: number;
  /** Nodes by operator, as in a model's summary. */
  readonly operators: Readonly<Record<string, number>>;
  readonly parameters: number;
  readonly bytes: number;
}

/** What a pass did. */
export interface PassReport {
  readonly pass: string;
  /** Which time through the list this is, from 1. */
  readonly round: number;
  /** False when the pass returned the model it was given. */
  readonly changed: boolean;
  readonly findings: readonly Finding[];
  readonly before: PassSize;
  readonly after: PassSize;
  readonly milliseconds: number;
}

export interface RunPassesOptions {
  /** Called after every pass with its report, the model it returned and the model it was given. */
  readonly onPass?: (report: PassReport, model: Model, before: Model) => void;
  /** Name of the pass after whose first run to stop. */
  readonly stopAfter?: string;
  /** How often to go through the list, at most; it ends with a round that changes nothing. 1 by default. */
  readonly rounds?: number;
}

/**
 * Runs passes one after the other and checks the model before the first and after each that changed it.
 *
 * Errors name the pass, its place and the passes before it: a pass that throws keeps its code; a pass that leaves a model
 * the checker refuses throws `PASS_INVALID_MODEL`. A model that is invalid from the start throws `ONNX_INVALID`, a
 * `stopAfter` that is not in the list `PASS_OPTIONS`.
 */
export function runPasses(
  model: Model,
  passes: readonly Pass[],
  options: RunPassesOptions = {},
): { readonly model: Model; readonly reports: readonly PassReport[] } {
  const { onPass, stopAfter, rounds = 1 } = options;
  if (stopAfter !== undefined && !passes.some(({ name }) => name === stopAfter)) {
    const names = passes.map(({ name }) => name).join(', ');
    throw new SlmError('PASS_OPTIONS', `passes, stopAfter: expected one of ${names}, got ${JSON.stringify(stopAfter)}`);
  }
  checkModel(model);
  const reports: PassReport[] = [];
  let current = model;
  for (let round = 1; round <= rounds; round++) {
    const start = current;
    for (const [index, pass] of passes.entries()) {
      const report = runPass(current, pass, placeOf(passes, index), round);
      reports.push(report.report);
      onPass?.(report.report, report.model, current);
      current = report.model;
      if (pass.name === stopAfter) return { model: current, reports };
    }
    if (current === start) break;
  }
  return { model: current, reports };
}

function runPass(
  model: Model,
  pass: Pass,
  where: string,
  round: number,
): { readonly model: Model; readonly report: PassReport } {
  const before = sizeOf(model);
  const start = performance.now();
  const { model: next, findings } = named(where, undefined, () => pass.run(model));
  const milliseconds = performance.now() - start;
  const changed = next !== model;
  if (changed) named(where, 'PASS_INVALID_MODEL', () => checkModel(next));
  const after = changed ? sizeOf(next) : before;
  return { model: next, report: { pass: pass.name, round, changed, findings, before, after, milliseconds } };
}

/** `pass 2 of 3, fold-constants (after remove-dead-nodes)`. */
function placeOf(passes: readonly Pass[], index: number): string {
  const earlier = passes.slice(0, index).map(({ name }) => name);
  const after = earlier.length === 0 ? '' : ` (after ${earlier.join(', ')})`;
  return `pass ${index + 1} of ${passes.length}, ${passes[index]!.name}${after}`;
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
  const { nodes, operators, parameters, bytes } = summarizeModel(model);
  return { nodes, operators, parameters, bytes };
}
