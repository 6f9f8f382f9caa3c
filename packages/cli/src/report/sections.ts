import type { VNode } from 'preact';
import { type Content, dataTable, element, facts, none, section, tile, twoLines, verdict } from './elements.ts';
import type { Report, Row, StageReport } from './schema.ts';
import {
  bytesText,
  comparisonOf,
  duration,
  headline,
  integer,
  orderedRows,
  parentOf,
  percent,
  points,
  resultOf,
  shrinkageOf,
  significant,
  speedupOf,
  teacherOf,
  times,
  verdictText,
} from './wording.ts';

const MINUS = '−';

/** Name of the run, the headline and four figures of the result beside those of the model it came from. */
export function hero(report: Report): VNode {
  const result = resultOf(report);
  const teacher = teacherOf(report);
  return element(
    'header',
    { class: 'hero' },
    element(
      'div',
      null,
      element('p', { class: 'eyebrow' }, element('b', null, report.name), ` · ${report.data.name}`),
      element('h1', null, headline(report)),
      result ? tiles(result, teacher === result ? undefined : teacher) : null,
    ),
  );
}

function tiles(result: Row, teacher: Row | undefined): VNode {
  const from = (value: string | undefined) => (teacher && value ? `${teacher.name}: ${value}` : '');
  const measured = (value: number | null | undefined, text: (value: number) => string) =>
    value === null || value === undefined ? '–' : text(value);
  const milliseconds = (value: number) => `${significant(value)} ms`;
  return element(
    'dl',
    { class: 'tiles' },
    tile(
      `accuracy of ${result.name}`,
      percent(result.accuracy),
      from(teacher && percent(teacher.accuracy)) || `on ${integer(result.n)} test texts`,
    ),
    tile('model file', measured(result.bytes, bytesText), from(measured(teacher?.bytes, bytesText))),
    tile(
      'median latency',
      measured(result.latencyMs?.p50, milliseconds),
      from(measured(teacher?.latencyMs?.p50, milliseconds)),
    ),
    tile(
      'texts per second',
      measured(result.textsPerSecond, integer),
      from(measured(teacher?.textsPerSecond, integer)),
    ),
  );
}

/** Every row with all that was measured. */
export function results(report: Report): VNode {
  const baseline = report.rows.find(({ kind }) => kind === 'baseline');
  const teacher = teacherOf(report);
  const result = resultOf(report);
  const number = (value: number | null, text: (value: number) => Content) => (value === null ? none() : text(value));
  const columns = [
    { title: 'model' },
    { title: 'accuracy' },
    { title: 'macro F1' },
    ...(baseline ? [{ title: `vs ${baseline.name}` }] : []),
    { title: 'latency p50' },
    { title: 'request p50' },
    { title: 'texts/s' },
    { title: 'file' },
    { title: 'parameters' },
    { title: 'peak memory' },
    { title: 'load' },
  ];
  const rows = orderedRows(report.rows).map((row) => {
    const speedup = teacher && row !== teacher ? speedupOf(row, teacher) : undefined;
    const shrinkage = teacher && row !== teacher ? shrinkageOf(row, teacher) : undefined;
    return {
      result: row === result,
      cells: [
        twoLines(row.name, row.parent ? `from ${row.parent}` : row.kind === 'baseline' ? 'baseline' : ''),
        twoLines(percent(row.accuracy), intervalText(row.accuracyInterval)),
        twoLines(percent(row.macroF1), intervalText(row.macroF1Interval)),
        ...(baseline ? [row === baseline ? none() : verdict(comparisonOf(report, row.name, baseline.name))] : []),
        row.latencyMs
          ? twoLines(`${significant(row.latencyMs.p50)} ms`, speedup === undefined ? '' : speedupText(row, speedup))
          : none(),
        row.requestMs
          ? twoLines(`${significant(row.requestMs.p50)} ms`, `p99 ${significant(row.requestMs.p99)}`)
          : none(),
        number(row.textsPerSecond, integer),
        row.bytes === null
          ? none()
          : twoLines(bytesText(row.bytes), shrinkage === undefined ? '' : sizeText(shrinkage)),
        number(row.parameters, integer),
        number(row.peakMemoryBytes, bytesText),
        number(row.loadMs, (ms) => `${significant(ms)} ms`),
      ],
    };
  });
  const against = teacher ? `; × compares with ${teacher.name}` : '';
  return section(
    'results',
    'Every model',
    'All models answer the same test texts, which none of them saw in training. A difference that the paired test cannot tell from chance is called a tie.',
    dataTable(`Quality with 95 % intervals, speed and size${against}`, columns, rows),
  );
}

function speedupText(row: Row, ratio: number): string {
  const text = ratio >= 1 ? `${times(ratio)} faster` : `${times(1 / ratio)} slower`;
  return row.speedup ? `${times(ratio)} [${row.speedup.low.toFixed(1)}, ${row.speedup.high.toFixed(1)}]` : text;
}

function sizeText(ratio: number): string {
  if (Math.abs(ratio - 1) < 0.005) return 'same size';
  return ratio >= 1 ? `${times(ratio)} smaller` : `${times(1 / ratio)} larger`;
}

function intervalText({ low, high }: { readonly low: number; readonly high: number }): string {
  return `${(low * 100).toFixed(1)} – ${(high * 100).toFixed(1)}`;
}

/** What every stage changed against the row it was made from, and what it did. */
export function stageChanges(report: Report): VNode | null {
  const stages: readonly ShownStage[] =
    report.stages.length > 0 ? report.stages : report.rows.filter(({ parent }) => parent).map(stageOf);
  if (stages.length === 0) return null;
  const result = resultOf(report);
  return section(
    'stages',
    'What each step changed',
    'Each model against the one it was made from. Flips are test texts that it answers otherwise than its parent.',
    dataTable(
      'Steps in the order they ran',
      [
        { title: 'step' },
        { title: twoLines('accuracy', 'points') },
        { title: twoLines('macro F1', 'points') },
        { title: 'paired test' },
        { title: 'flips' },
        { title: 'latency' },
        { title: 'file' },
        { title: 'time' },
      ],
      stages.map((stage) => ({
        result: stage.name === result?.name,
        cells: [
          [
            stage.name,
            stage.parent || stage.kind !== stage.name
              ? element('small', null, stage.parent ? `${stage.kind}, from ${stage.parent}` : stage.kind)
              : null,
            ...stage.findings.map((finding) => element('small', { class: 'notes' }, finding)),
          ],
          ...changes(report, stage),
          stage.seconds !== undefined ? twoLines(duration(stage.seconds), stage.reused ? 'reused' : '') : none(),
        ],
      })),
    ),
  );
}

type ShownStage = Pick<StageReport, 'name' | 'kind' | 'parent' | 'findings' | 'reused'> & { readonly seconds?: number };

function stageOf(row: Row): ShownStage {
  return { name: row.name, kind: 'model', parent: row.parent!, findings: [] };
}

function changes(report: Report, stage: Pick<StageReport, 'name'>): readonly Content[] {
  const row = report.rows.find(({ name }) => name === stage.name);
  const parent = row && parentOf(report, row);
  if (!row || !parent) return Array.from({ length: 6 }, none);
  const flips = row.flipsAgainstParent;
  return [
    points(row.accuracy - parent.accuracy),
    points(row.macroF1 - parent.macroF1),
    verdict(comparisonOf(report, row.name, parent.name)),
    flips
      ? twoLines(`${flips.flips} of ${integer(flips.of)}`, `${flips.toRight} to right, ${flips.toWrong} to wrong`)
      : none(),
    row.latencyMs && parent.latencyMs
      ? change(parent.latencyMs.p50, row.latencyMs.p50, (ms) => `${significant(ms)} ms`)
      : none(),
    row.bytes !== null && parent.bytes !== null ? change(parent.bytes, row.bytes, bytesText) : none(),
  ];
}

/** The relative change with the two values under it. */
function change(before: number, after: number, text: (value: number) => string): Content {
  const relative = Math.round((after / before - 1) * 100);
  const sign = relative === 0 ? '±0' : relative < 0 ? `${MINUS}${-relative}` : `+${relative}`;
  return twoLines(`${sign} %`, `${text(before)} → ${text(after)}`);
}

/** All paired tests. */
export function pairedTests(report: Report): VNode | null {
  if (report.comparisons.length === 0) return null;
  return section(
    'tests',
    'Paired tests',
    "McNemar's test looks only at the texts on which two models disagree; below p = 0.05 one of them is called better.",
    dataTable(
      'Verdicts are those of the first model against the second',
      [
        { title: 'model' },
        { title: 'against', text: true },
        { title: 'only the first right' },
        { title: 'only the second right' },
        { title: 'verdict' },
      ],
      report.comparisons.map((test) => ({
        cells: [test.a, test.b, integer(test.aOnly), integer(test.bOnly), verdict(test)],
      })),
    ),
  );
}

/** With more labels than this, matrices of all rows would bury the page: the most frequent confusions are listed. */
const MOST_LABELS = 12;
const MOST_CONFUSIONS = 20;

/** A confusion matrix for every row; with many labels, the most frequent confusions of the result. */
export function confusions(report: Report): VNode {
  const { labels } = report.data;
  if (labels.length > MOST_LABELS) return frequentConfusions(report);
  return section(
    'confusion',
    'Confusion',
    'Lines are the true label, columns the answer: green is right, red is wrong, and stronger is a larger share of its line.',
    element(
      'div',
      { class: 'trio' },
      ...orderedRows(report.rows).map((row) => element('div', { class: 'card' }, confusionTable(row, labels))),
    ),
  );
}

function frequentConfusions(report: Report): VNode {
  const { labels } = report.data;
  const row = resultOf(report) ?? report.rows[0]!;
  const wrong = row.confusion
    .flatMap((line, i) => line.map((count, j) => ({ count, truth: labels[i]!, answer: labels[j]!, right: i === j })))
    .filter(({ count, right }) => count > 0 && !right)
    .sort((a, b) => b.count - a.count)
    .slice(0, MOST_CONFUSIONS);
  return section(
    'confusion',
    'Confusion',
    `What ${row.name} most often mistakes; the whole matrices are in report.json.`,
    dataTable(
      `The ${wrong.length} most frequent confusions of ${row.name}`,
      [{ title: 'true label' }, { title: 'answer', text: true }, { title: 'test texts' }],
      wrong.map(({ truth, answer, count }) => ({ cells: [truth, answer, integer(count)] })),
    ),
  );
}

function confusionTable({ name, confusion }: Row, labels: readonly string[]): VNode {
  const cell = (value: number, line: number, column: number) => {
    const total = confusion[line]!.reduce((sum, entry) => sum + entry, 0);
    const share = total === 0 ? 0 : value / total;
    const tint = line === column ? 'good' : 'bad';
    const strength = value === 0 ? 0 : Math.round(line === column ? 8 + 30 * share : 14 + 50 * Math.min(1, share * 4));
    return element('td', { style: `--tint: var(--${tint}); --share: ${strength}%` }, integer(value));
  };
  return element(
    'div',
    { class: 'confusion-scroll', tabindex: 0, role: 'region', 'aria-label': `Confusion matrix of ${name}` },
    element('h3', null, name),
    element(
      'table',
      { class: 'confusion' },
      element('caption', null, 'true label ↓ · answer →'),
      element(
        'thead',
        null,
        element('tr', null, element('th', null), ...labels.map((label) => element('th', { scope: 'col' }, label))),
      ),
      element(
        'tbody',
        null,
        ...confusion.map((line, i) =>
          element('tr', null, element('th', { scope: 'row' }, labels[i]), ...line.map((value, j) => cell(value, i, j))),
        ),
      ),
    ),
  );
}

/** Precision, recall and F1 of every label and row; with many labels, of the result alone. */
export function perClass(report: Report): VNode {
  const result = resultOf(report);
  const shown = report.data.labels.length > MOST_LABELS && result ? [result] : orderedRows(report.rows);
  return section(
    'classes',
    'Per label',
    'Precision: how many of the texts given this label bear it. Recall: how many of the texts that bear it were found.',
    dataTable(
      'Quality for each label',
      [
        { title: 'model' },
        { title: 'label', text: true },
        { title: 'precision' },
        { title: 'recall' },
        { title: 'F1' },
        { title: 'test texts' },
      ],
      shown.flatMap((row) =>
        row.perClass.map(({ label, precision, recall, f1, support }) => ({
          result: row === result && shown.length > 1,
          cells: [row.name, label, percent(precision), percent(recall), percent(f1), integer(support)],
        })),
      ),
    ),
  );
}

/** Sizes and settings that were tried before one was chosen. */
export function trials(report: Report): VNode | null {
  const tried = report.stages.filter((stage) => (stage.trials?.length ?? 0) > 0);
  if (tried.length === 0) return null;
  return section(
    'trials',
    'What was tried',
    'Chosen on the validation texts; the test texts took no part.',
    dataTable(
      'Trials',
      [
        { title: 'step' },
        { title: 'trial', text: true },
        { title: 'parameters' },
        { title: 'validation accuracy' },
        { title: 'time' },
        { title: 'chosen' },
      ],
      tried.flatMap((stage) =>
        stage.trials!.map((trial) => ({
          result: trial.chosen,
          cells: [
            stage.name,
            trial.name,
            trial.parameters === undefined ? none() : integer(trial.parameters),
            percent(trial.validationAccuracy),
            trial.seconds === undefined ? none() : duration(trial.seconds),
            trial.chosen ? 'yes' : '',
          ],
        })),
      ),
    ),
  );
}

/** Where the texts came from and what was dropped, and why. */
export function dataAccount({ data }: Report): VNode {
  const { train, validation, test } = data.counts;
  return section(
    'data',
    'The data',
    `${duplicatesText(data.duplicates)} What is left was split once; the test texts took no part in any choice.`,
    element(
      'div',
      { class: 'pair' },
      element(
        'div',
        { class: 'card' },
        facts([
          ['source', data.name],
          ['labels', data.labels.join(', ')],
          ['training texts', integer(train)],
          ['validation texts', integer(validation)],
          ['test texts', integer(test)],
          ['digest', element('code', null, data.digest)],
        ]),
      ),
      dataTable(
        'What cleaning left',
        [{ title: 'step' }, { title: 'dropped' }, { title: 'left' }, { title: 'why', text: true }],
        data.steps.map(({ name, before, after, reason }) => ({
          cells: [name, after === before ? none() : integer(before - after), integer(after), reason ?? ''],
        })),
      ),
    ),
  );
}

function duplicatesText({ exact, near }: Report['data']['duplicates']): string {
  if (exact + near === 0) return 'No duplicates were removed.';
  return `${integer(exact)} exact and ${integer(near)} near-duplicates were removed before the split.`;
}

/** The machine, how the figures came about and how to get them again. */
export function method(report: Report): VNode {
  const { machine } = report;
  const limit = machine.cpuLimit === null ? '' : `, limited to ${machine.cpuLimit} by the control group`;
  const memory = machine.memoryLimitBytes === null ? '' : `, limited to ${bytesText(machine.memoryLimitBytes)}`;
  const versions = Object.entries(machine.packages).map(([name, version]) => `${name} ${version}`);
  return section(
    'method',
    'How it was measured',
    'Timings belong to this machine. A ratio with an interval was measured with both models taking turns in one process.',
    element(
      'div',
      { class: 'pair' },
      element(
        'div',
        { class: 'card' },
        facts([
          ['processor', machine.cpu],
          ['cores', `${machine.cores}${limit}`],
          ['instructions', machine.flags.join(', ') || 'unknown'],
          ['memory', `${bytesText(machine.memoryBytes)}${memory}`],
          ['system', `${machine.platform} ${machine.osRelease}, ${machine.architecture}`],
          ['software', [`Node ${machine.node}`, ...versions].join(', ')],
          ['load average', machine.loadAverage.map((load) => load.toFixed(2)).join(', ')],
          ['made by', `${report.createdBy}, seed ${report.seed}`],
        ]),
      ),
      element(
        'div',
        { class: 'card' },
        element(
          'ul',
          { class: 'how' },
          ...[
            'Latency: the engine alone, one text of 128 tokens at a time on one thread.',
            'Request: from text to label, tokenizer included.',
            'Texts per second: the pool of workers, one single-thread session each.',
            'Peak memory: resident memory of a process of its own that serves the model.',
            'Intervals: 95 %, bootstrap over the test texts (quality) and over rounds (ratios).',
            "Paired test: McNemar's, on the same test texts; a tie unless p < 0.05.",
          ].map((line) => element('li', null, line)),
        ),
        report.command
          ? [element('h3', { style: 'margin-top: 18px' }, 'To make this again'), element('pre', null, report.command)]
          : null,
      ),
    ),
  );
}

/** What the measurement says against itself. */
export function warnings(report: Report): VNode | null {
  if (report.warnings.length === 0) return null;
  return element(
    'section',
    { 'aria-label': 'Warnings' },
    element('ul', { class: 'warnings' }, ...report.warnings.map((warning) => element('li', null, warning))),
  );
}

/** One sentence on the result against its teacher's paired test, for the description of the page. */
export function description(report: Report): string {
  const result = resultOf(report);
  const baseline = report.rows.find(({ kind }) => kind === 'baseline');
  const test = result && baseline ? comparisonOf(report, result.name, baseline.name) : undefined;
  return test && baseline ? `${headline(report)} Against ${baseline.name}: ${verdictText(test)}.` : headline(report);
}
