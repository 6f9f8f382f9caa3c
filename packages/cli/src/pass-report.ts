import type { Finding, PassReport, PassSize } from '@slm-compress/onnx';
import pc from 'picocolors';
import { table } from './inspection-text.ts';
import { formatBytes } from './output.ts';

/** What `clean` did, as one JSON document; findings in full when `withFindings`, else their numbers. */
export function passDocument(
  file: string,
  out: string,
  reports: readonly PassReport[],
  withFindings: boolean,
): Readonly<Record<string, unknown>> {
  return {
    file,
    out,
    before: reports[0]?.before,
    after: reports.at(-1)?.after,
    passes: reports.map(({ findings, ...report }) => ({
      ...report,
      patched: countOf(findings, 'patched'),
      skipped: countOf(findings, 'skipped'),
      ...(withFindings ? { findings } : {}),
    })),
  };
}

/** What `clean` did, for the terminal: the runs of passes that changed something, then the sum. */
export function passText(file: string, out: string, reports: readonly PassReport[], withFindings: boolean): string {
  const changed = reports.filter((report) => report.changed);
  const rows = changed.map(({ pass, round, before, after, milliseconds, findings }) => [
    pass,
    String(round),
    change(before, after, ({ nodes }) => nodes),
    change(before, after, ({ parameters }) => parameters),
    change(before, after, ({ bytes }) => bytes, formatBytes),
    `${milliseconds.toFixed(0)} ms`,
    String(countOf(findings, 'patched')),
    String(countOf(findings, 'skipped')),
  ]);
  const titles = ['pass', 'round', 'nodes', 'parameters', 'bytes', 'time', 'patched', 'skipped'];
  const unchanged = reports.length - changed.length;
  const [first, last] = [reports[0]?.before, reports.at(-1)?.after];
  const sum =
    first && last && `${first.nodes} → ${last.nodes} nodes, ${formatBytes(first.bytes)} → ${formatBytes(last.bytes)}`;
  return [
    ...(rows.length === 0 ? [] : [table(titles, rows)]),
    ...(unchanged === 0 ? [] : [pc.dim(`${unchanged} runs of passes changed nothing`)]),
    ...(withFindings ? findingLines(reports) : []),
    `${pc.bold(out)}  ${sum ?? 'no passes'}  (from ${file})`,
  ].join('\n');
}

/** What every pass patched, and what it skipped the last time it ran. */
function findingLines(reports: readonly PassReport[]): readonly string[] {
  const last = new Map(reports.map((report) => [report.pass, report]));
  return reports.flatMap((report) =>
    report.findings
      .filter(({ kind }) => kind === 'patched' || last.get(report.pass) === report)
      .map(({ kind, where, message }) => `${kind === 'patched' ? '~' : '·'} ${report.pass}, ${where}: ${message}`),
  );
}

function countOf(findings: readonly Finding[], kind: Finding['kind']): number {
  return findings.filter((finding) => finding.kind === kind).length;
}

/** `272 → 198`, or the one number where it stays. */
function change(
  before: PassSize,
  after: PassSize,
  of: (size: PassSize) => number,
  format: (value: number) => string = (value) => value.toLocaleString('en'),
): string {
  const [from, to] = [format(of(before)), format(of(after))];
  return from === to ? to : `${from} → ${to}`;
}
