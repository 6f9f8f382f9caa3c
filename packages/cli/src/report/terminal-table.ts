import Table from 'cli-table3';
import pc from 'picocolors';
import type { Comparison, Report, Row } from './schema.ts';
import {
  bytesText,
  comparisonOf,
  headline,
  integer,
  orderedRows,
  parentOf,
  points,
  pValueText,
  significant,
  speedupOf,
  teacherOf,
  times,
} from './wording.ts';

export interface TerminalTableOptions {
  /** Colours; on only when standard output is a terminal, by default. */
  readonly colors?: boolean;
}

type Colors = ReturnType<typeof pc.createColors>;

const NONE = '–';
const WIDTH = 100;

/**
 * The report as text for a terminal of 100 columns: the headline, a line per row (baselines first, the difference to
 * the parent with the paired test's verdict), all paired tests, warnings. Without colours it is plain text.
 */
export function terminalTable(
  report: Pick<Report, 'rows' | 'comparisons' | 'warnings'>,
  { colors = process.stdout.isTTY === true }: TerminalTableOptions = {},
): string {
  const paint = pc.createColors(colors);
  const teacher = teacherOf(report);
  const table = new Table({
    head: [
      'model',
      'accuracy % [95 %]',
      'to parent',
      'F1 %',
      'size',
      'p50 ms',
      `× ${shorten(teacher?.name ?? 'base', 8)}`,
      'texts/s',
      'memory',
    ].map((title) => paint.dim(title)),
    colAligns: ['left', 'left', 'left', 'right', 'right', 'right', 'right', 'right', 'right'],
    chars: PLAIN_LINES,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
  });
  for (const row of orderedRows(report.rows)) table.push(cells(report, row, teacher, paint));
  const sections = [
    wrap(headline(report), '').map(paint.bold).join('\n'),
    trimLines(table.toString()),
    testLines(report, paint).join('\n'),
    report.warnings.flatMap((warning) => wrap(`warning: ${warning}`, '  ').map(paint.yellow)).join('\n'),
  ];
  return `${sections.filter(Boolean).join('\n\n')}\n`;
}

const PLAIN_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
};

function cells(
  report: Pick<Report, 'rows' | 'comparisons'>,
  row: Row,
  teacher: Row | undefined,
  paint: Colors,
): string[] {
  const { low, high } = row.accuracyInterval;
  const speedup = teacher && row.latencyMs ? speedupOf(row, teacher) : undefined;
  return [
    row.kind === 'baseline' ? paint.dim(shorten(row.name, 14)) : paint.bold(shorten(row.name, 14)),
    `${(row.accuracy * 100).toFixed(2)} ${paint.dim(`[${(low * 100).toFixed(1)}, ${(high * 100).toFixed(1)}]`)}`,
    toParent(report, row, paint),
    (row.macroF1 * 100).toFixed(2),
    row.bytes === null ? NONE : bytesText(row.bytes),
    row.latencyMs === null ? NONE : significant(row.latencyMs.p50),
    speedup === undefined ? NONE : times(speedup),
    row.textsPerSecond === null ? NONE : integer(row.textsPerSecond),
    row.peakMemoryBytes === null ? NONE : bytesText(row.peakMemoryBytes),
  ];
}

function toParent(report: Pick<Report, 'rows' | 'comparisons'>, row: Row, paint: Colors): string {
  const parent = parentOf(report, row);
  if (!parent) return NONE;
  const difference = points(row.accuracy - parent.accuracy);
  const test = comparisonOf(report, row.name, parent.name);
  return test ? `${difference} ${paintVerdict(test.verdict, test.verdict, paint)}` : difference;
}

/** One paragraph per row that others were tested against. */
function testLines({ comparisons }: Pick<Report, 'comparisons'>, paint: Colors): readonly string[] {
  if (comparisons.length === 0) return [];
  const against = [...new Set(comparisons.map(({ b }) => b))];
  return [
    'Paired tests (McNemar; a tie unless p < 0.05):',
    ...against.flatMap((b) => {
      const tests = comparisons.filter((test) => test.b === b);
      const lines = wrap(
        `  against ${b}: ${tests.map((test) => `${test.a} ${test.verdict} (${pValueText(test.pValue)})`).join(', ')}`,
        '    ',
      );
      return lines.map((line) =>
        line.replace(/\b(better|worse)(?= \(p )/g, (word) => paintVerdict(word as 'better' | 'worse', word, paint)),
      );
    }),
  ];
}

function paintVerdict(verdict: Comparison['verdict'], text: string, paint: Colors): string {
  if (verdict === 'tie') return paint.dim(text);
  return verdict === 'better' ? paint.green(text) : paint.red(text);
}

function wrap(text: string, indent: string): string[] {
  const lines: string[] = [];
  const lead = /^ */.exec(text)![0];
  let line = lead;
  for (const word of text.trim().split(' ')) {
    if (line.trim() !== '' && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = indent;
    }
    line += line.trim() === '' ? word : ` ${word}`;
  }
  return [...lines, line];
}

/** Paths keep their end, other names their beginning. */
function shorten(text: string, width: number): string {
  if (text.length <= width) return text;
  return text.includes('/') ? `…${text.slice(1 - width)}` : `${text.slice(0, width - 1)}…`;
}

function trimLines(text: string): string {
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}
