import { readFile } from 'node:fs/promises';
import { SlmError } from '@slm-compress/onnx';
import { z } from 'zod';

const count = z.int().nonnegative();
const share = z.number().min(0).max(1);
const milliseconds = z.number().nonnegative();

const interval = z.strictObject({ low: z.number(), high: z.number() });
const quantiles = z.strictObject({ p50: milliseconds, p90: milliseconds, p99: milliseconds });

const machine = z.strictObject({
  cpu: z.string(),
  cores: count,
  cpuLimit: z.number().nullable().describe('CPUs granted by the control group'),
  memoryBytes: count,
  memoryLimitBytes: count.nullable(),
  platform: z.string(),
  architecture: z.string(),
  osRelease: z.string(),
  node: z.string(),
  flags: z.array(z.string()).describe('instruction sets that decide the speed of matrix products'),
  loadAverage: z.tuple([z.number(), z.number(), z.number()]),
  packages: z.record(z.string(), z.string()),
});

const perClass = z.strictObject({
  label: z.string(),
  precision: share,
  recall: share,
  f1: share,
  support: count,
});

const row = z.strictObject({
  name: z.string(),
  kind: z.enum(['baseline', 'model']).describe('a baseline has no graph and no engine numbers'),
  parent: z.string().optional().describe('name of the row this one was made from'),
  folder: z.string().optional().describe('model folder, relative to the report'),
  accuracy: share,
  accuracyInterval: interval.describe('95 % bootstrap interval'),
  macroF1: share,
  macroF1Interval: interval.describe('95 % bootstrap interval'),
  perClass: z.array(perClass),
  confusion: z.array(z.array(count)).describe('[true label][predicted label], in the order of data.labels'),
  n: count.describe('texts evaluated'),
  split: z.literal('test'),
  flipsAgainstParent: z
    .strictObject({ flips: count, toRight: count, toWrong: count, of: count })
    .optional()
    .describe('texts answered otherwise than by the parent'),
  bytes: count.nullable().describe('size of the .onnx file'),
  parameters: count.nullable(),
  loadMs: milliseconds.nullable(),
  latencyMs: quantiles.nullable().describe('the engine alone: one text, one thread, 128 tokens'),
  latencySamples: z.array(milliseconds).max(400).nullable(),
  requestMs: quantiles.nullable().describe('from text to label, tokenizer included'),
  textsPerSecond: z.number().nonnegative().nullable().describe('of the worker pool'),
  peakMemoryBytes: count.nullable(),
  speedup: z
    .strictObject({ against: z.string(), ratio: z.number().positive(), low: z.number(), high: z.number() })
    .optional()
    .describe('ratio of median latencies measured alternately in one process, with its 95 % bootstrap interval'),
});

const comparison = z.strictObject({
  a: z.string(),
  b: z.string(),
  aOnly: count.describe('texts only a answers rightly'),
  bOnly: count.describe('texts only b answers rightly'),
  pValue: share.describe("McNemar's test on the same texts"),
  verdict: z.enum(['better', 'worse', 'tie']).describe('of a against b: a tie unless p < 0.05'),
});

const stage = z.strictObject({
  name: z.string(),
  kind: z.string(),
  parent: z.string().optional(),
  seconds: z.number().nonnegative(),
  reused: z.boolean().optional().describe('true when the stage was not run again; seconds are those of its first run'),
  findings: z.array(z.string()),
  history: z
    .array(
      z.strictObject({
        epoch: count,
        trainLoss: z.number().optional(),
        validationLoss: z.number(),
        validationAccuracy: share,
        best: z.boolean().optional(),
      }),
    )
    .optional(),
  trials: z
    .array(
      z.strictObject({
        name: z.string(),
        parameters: count.optional(),
        validationAccuracy: share,
        seconds: z.number().nonnegative().optional(),
        chosen: z.boolean(),
      }),
    )
    .optional(),
});

const data = z.strictObject({
  name: z.string(),
  digest: z.string(),
  labels: z.array(z.string()).min(2),
  counts: z.strictObject({ train: count, validation: count, test: count }),
  duplicates: z.strictObject({ exact: count, near: count }).describe('texts removed before the split'),
  steps: z
    .array(z.strictObject({ name: z.string(), before: count, after: count, reason: z.string().optional() }))
    .describe('what cleaning left, in order'),
});

/** The shape of `report.json`. Version 1: fields may be added, none will change its meaning. */
export const reportSchema = z
  .strictObject({
    schemaVersion: z.literal(1),
    name: z.string(),
    createdBy: z.string().describe('program and version, for example slm-compress 0.1.0'),
    command: z.string().optional().describe('command that makes this report again'),
    seed: z.union([z.int(), z.string()]),
    machine,
    data,
    rows: z.array(row).min(1),
    comparisons: z.array(comparison),
    stages: z.array(stage),
    warnings: z.array(z.string()),
  })
  .describe('What a slm-compress run made and measured');

/** Readonly to the bottom, so that values of other packages fit in without a copy. */
type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

export type Report = DeepReadonly<z.infer<typeof reportSchema>>;
/** What was measured of one model or baseline. */
export type Row = Report['rows'][number];
/** McNemar's test of two rows on the same texts. */
export type Comparison = Report['comparisons'][number];
/** What one stage of a run did. */
export type StageReport = Report['stages'][number];
/** Where the texts came from and what was dropped. */
export type DataReport = Report['data'];
/** The machine, as `fingerprint()` of the bench package describes it. */
export type MachineReport = Report['machine'];

/** The JSON Schema (draft 2020-12) of `report.json`, as kept in `docs/report.schema.json`. */
export function reportJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(reportSchema) as Record<string, unknown>;
}

/**
 * Checks a parsed `report.json`, also for what a schema can't say: names of rows are unique, a parent is a row,
 * confusion matrices fit the labels.
 *
 * @param where names the source in errors, usually the file's path.
 * @throws SlmError `REPORT_INVALID` with the path of the first field that is wrong.
 */
export function checkReport(value: unknown, where: string): Report {
  const version = (value as { schemaVersion?: unknown } | null)?.schemaVersion;
  if (version !== undefined && version !== 1) {
    throw new SlmError('REPORT_INVALID', `${where}: expected schemaVersion 1, got ${JSON.stringify(version)}`);
  }
  const result = reportSchema.safeParse(value);
  if (!result.success) {
    const issue = result.error.issues[0]!;
    throw new SlmError('REPORT_INVALID', `${where}, ${z.core.toDotPath(issue.path) || 'top level'}: ${issue.message}`);
  }
  checkReferences(result.data, where);
  return result.data;
}

/**
 * Reads and checks a `report.json`.
 *
 * @throws SlmError `FILE_NOT_FOUND` when it can't be read, `REPORT_INVALID` when it is no report.
 */
export async function readReport(path: string): Promise<Report> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new SlmError('FILE_NOT_FOUND', `${path}: expected a report.json, got no readable file`, { cause });
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new SlmError('REPORT_INVALID', `${path}: expected JSON, got ${(cause as Error).message}`, { cause });
  }
  return checkReport(value, path);
}

function checkReferences(report: Report, where: string): void {
  const names = new Set<string>();
  const labels = report.data.labels.length;
  for (const { name, confusion } of report.rows) {
    if (names.has(name)) {
      throw new SlmError('REPORT_INVALID', `${where}, rows: expected unique names, got "${name}" twice`);
    }
    names.add(name);
    if (confusion.length !== labels || confusion.some((line) => line.length !== labels)) {
      throw new SlmError(
        'REPORT_INVALID',
        `${where}, row "${name}": expected a confusion matrix of ${labels} × ${labels}`,
      );
    }
  }
  for (const { name, parent } of report.rows) {
    if (parent !== undefined && !names.has(parent)) {
      throw new SlmError(
        'REPORT_INVALID',
        `${where}, row "${name}": expected its parent among the rows, got "${parent}"`,
      );
    }
  }
}
