import type { DataInspection, LabelConflict } from '@slm-compress/text';
import pc from 'picocolors';
import type { InspectedData } from './data-inspection.ts';
import { table } from './inspection-text.ts';
import { integer, percent } from './report/wording.ts';

/** Rows of a table that could be endless. */
const SHOWN = 12;

/** The account of a data set for the terminal: tables, then advice. */
export function dataInspectionText(name: string, inspection: InspectedData): string {
  const sections = [
    head(name, inspection),
    columns(inspection),
    classes(inspection),
    lengths(inspection),
    tokens(inspection),
    duplicates(inspection),
    leaks(inspection),
    conflicts(inspection),
    languages(inspection),
    cleaning(inspection),
    outliers(inspection),
    advice(inspection),
  ];
  return sections.filter((section) => section !== '').join('\n\n');
}

/** The part of an account that fits in a few lines: rows, classes, lengths, advice. */
export function shortAccountText(name: string, inspection: InspectedData): string {
  return [head(name, inspection), classes(inspection, 5), lengths(inspection), advice(inspection)]
    .filter((section) => section !== '')
    .join('\n\n');
}

function head(
  name: string,
  { rows, wrongRows, emptyRows, unlabelled, inputs, read, sample, classes, columns }: InspectedData,
): string {
  const notes = [
    ...(wrongRows > 0 ? [`${integer(wrongRows)} cannot be read`] : []),
    ...(emptyRows.rows > 0 ? [`${integer(emptyRows.rows)} without text`] : []),
    ...(classes !== undefined && unlabelled > 0 ? [`${integer(unlabelled)} without a label`] : []),
  ];
  const parts = inputs
    .filter(({ split }) => split !== undefined)
    .map(({ split, rows: own }) => `${split} ${integer(own)}`);
  const label = read.label === undefined || classes === undefined ? '' : `, label: ${read.label}`;
  return [
    `${pc.bold(name)}  ${integer(rows)} rows${parts.length > 0 ? ` (${parts.join(', ')})` : ''}${notes.length > 0 ? `, ${notes.join(', ')}` : ''}`,
    `text: ${read.text ?? 'text'}${label}`,
    ...(columns.some(({ nameIsValue }) => nameIsValue)
      ? ['  the first line looks like a row, not like names of columns: put a line of names before it']
      : []),
    ...inputs
      .flatMap(({ examples }) => examples)
      .slice(0, 5)
      .map((example) => `  wrong  ${example}`),
    ...(sample.rows < rows
      ? [`tokens, languages and cleaning: of ${integer(sample.rows)} different texts, sampled`]
      : []),
  ].join('\n');
}

function columns({ columns: found }: InspectedData): string {
  if (found.length === 0) return '';
  const rows = found
    .slice(0, 3 * SHOWN)
    .map(({ name, kind, missing, distinct, distinctCapped, meanCharacters, examples }) => [
      name === '' ? '(no name)' : name,
      kind,
      `${integer(distinct)}${distinctCapped ? '+' : ''}`,
      missing === 0 ? '' : integer(missing),
      meanCharacters.toFixed(0),
      oneLine(examples.join(' · '), 48),
    ]);
  return table(['column', 'kind', 'different', 'missing', 'characters', 'examples'], rows, [2, 3, 4]);
}

function classes({ classes: found }: InspectedData, shown = SHOWN): string {
  if (found === undefined) return '';
  const { labels, majorityBaseline, imbalanceRatio } = found;
  const most = labels[0]!.rows;
  const list = labels.length <= shown ? labels : [...labels.slice(0, shown - 2), ...labels.slice(-1)];
  const rows = list.map(({ label, rows: count, share }) => [
    oneLine(label, 40),
    integer(count),
    percent(share, 1),
    bar(count / most),
  ]);
  if (list.length < labels.length) rows.splice(-1, 0, [`… ${labels.length - list.length} more`, '', '', '']);
  return [
    table([`${labels.length} labels`, 'rows', '', ''], rows, [1, 2]),
    `always the first: ${percent(majorityBaseline, 1)} right; ${imbalanceRatio.toFixed(1)} of the first for one of the last`,
  ].join('\n');
}

function lengths({ lengths: { characters, words }, tokens: counted }: InspectedData): string {
  const row = (
    title: string,
    { mean, min, max, percentiles: { p5, p50, p95, p99 } }: DataInspection['lengths']['words'],
  ) => [title, mean.toFixed(1), ...[min, p5, p50, p95, p99, max].map(integer)];
  const histogram = counted?.lengths.histogram ?? words.histogram;
  const most = Math.max(1, ...histogram.map(({ rows }) => rows));
  return [
    table(
      ['length', 'mean', 'min', '5 %', '50 %', '95 %', '99 %', 'max'],
      [
        row('characters', characters),
        row('words', words),
        ...(counted === undefined
          ? []
          : [row(counted.tokenizer === 'given' ? 'tokens' : 'tokens (estimated)', counted.lengths)]),
      ],
    ),
    table(
      [counted === undefined ? 'words' : 'tokens', 'texts', ''],
      histogram
        .filter(({ rows }, at) => rows > 0 || histogram.slice(0, at).some((earlier) => earlier.rows > 0))
        .map(({ from, below, rows }) => [
          below - from <= 1 ? integer(from) : `${integer(from)}–${integer(below - 1)}`,
          integer(rows),
          bar(rows / most),
        ]),
      [1],
    ),
  ].join('\n\n');
}

function tokens({ tokens: counted }: InspectedData): string {
  if (counted === undefined) return '';
  const { vocabulary, vocabSize, tokenizer, truncation } = counted;
  const whose =
    tokenizer === 'given' ? 'the tokenizer' : 'a WordPiece learned from half of the sample, measured on the other half';
  const unknown = vocabulary.unknownWords.length > 0 ? ` (${vocabulary.unknownWords.slice(0, 5).join(', ')})` : '';
  return [
    table(
      ['maxLength', 'texts cut', 'tokens lost'],
      truncation
        .filter(({ maxLength }) => [32, 64, 128, 256, 512].includes(maxLength))
        .map(({ maxLength, textsCut, tokensLost }) => [
          String(maxLength),
          percent(textsCut, 1),
          percent(tokensLost, 1),
        ]),
    ),
    `${pc.bold('vocabulary')}  ${integer(vocabSize)} tokens of ${whose}`,
    `  ${percent(vocabulary.wordsCovered, 1)} of the words are one token (${percent(vocabulary.differentWordsCovered, 1)} of the different ones), ${vocabulary.tokensPerWord.toFixed(2)} tokens a word, ${percent(vocabulary.unknownRate, 2)} unknown${unknown}`,
  ].join('\n');
}

function duplicates({ duplicates: { equal, near }, rows }: InspectedData): string {
  if (equal.rows === 0 && near.rows === 0) return `${pc.bold('duplicates')}  none`;
  const share = (part: number, whole: number) => percent(part / Math.max(1, whole), 1);
  const least = equal.complete ? '' : 'at least ';
  return [
    `${pc.bold('duplicates')}  ${least}${integer(equal.rows)} rows (${share(equal.rows, rows)}) equal an earlier one, ${integer(near.rows)} of ${integer(near.compared)} different texts (${share(near.rows, near.compared)}) nearly do`,
    ...equal.examples.map(
      ({ text, rows: count, first }) => `  ${integer(count)} times  ${oneLine(text, 70)}  ${first}`,
    ),
    ...near.examples.flatMap(({ a, b, similarity }) => [
      `  ${similarity.toFixed(2)}  ${oneLine(a.text, 90)}  ${a.where}`,
      `        ${oneLine(b.text, 90)}  ${b.where}`,
    ]),
  ].join('\n');
}

function leaks({ leaks: found = [] }: InspectedData): string {
  return found
    .map(({ from, into, rows, examples }) =>
      [
        `${pc.bold('leak')}  ${integer(rows)} rows of ${into} occur in ${from}, exactly or nearly`,
        ...examples.map(
          ({ a, b, similarity }) => `  ${similarity.toFixed(2)}  ${oneLine(b.text, 70)}  ${b.where} and ${a}`,
        ),
      ].join('\n'),
    )
    .join('\n');
}

function conflicts({ suspiciousLabels: { equal, near } }: InspectedData): string {
  const lines = (title: string, list: readonly LabelConflict[]) =>
    list.length === 0
      ? []
      : [
          `${pc.bold(title)}  ${integer(list.length)}`,
          ...list
            .slice(0, SHOWN)
            .flatMap(({ rows }) =>
              rows
                .slice(0, 3)
                .map(({ text, where, label }, i) => `  ${i === 0 ? '' : '  '}${label}: ${oneLine(text, 80)}  ${where}`),
            ),
          ...(list.length > SHOWN ? [`  … ${integer(list.length - SHOWN)} more (--json lists them)`] : []),
        ];
  return [...lines('one text, several labels', equal), ...lines('nearly one text, several labels', near)].join('\n');
}

function languages({ languages: found }: InspectedData): string {
  if (found.length === 0) return '';
  const shown = found.filter(({ share }, i) => i === 0 || share >= 0.0005).slice(0, SHOWN);
  const list = shown.map(({ language, share }) => `${language} ${percent(share, 1)}`);
  return `${pc.bold('languages')}  ${list.join(', ')}${found.length > shown.length ? ', …' : ''}`;
}

function cleaning({ cleaning: trials }: InspectedData): string {
  const found = trials.filter(({ rows, dropped }) => rows + dropped > 0);
  if (found.length === 0) return `${pc.bold('cleaning')}  no step would change a row`;
  return table(
    ['cleaning step', 'would change', 'drop', '', 'example'],
    found.map(({ step, rows, dropped, share, examples: [example] }) => [
      step.step === 'placeholders' ? `${step.step} ${step.kinds.join(', ')}` : step.step,
      integer(rows),
      integer(dropped),
      percent(share, 1),
      example === undefined
        ? ''
        : `${visible(example.before, 32)}${example.after === undefined ? '' : ` → ${visible(example.after, 32)}`}  ${example.where}`,
    ]),
    [1, 2, 3],
  );
}

function outliers({ outliers: { longest, shortest } }: InspectedData): string {
  const lines = (title: string, list: DataInspection['outliers']['longest']) =>
    list.map(({ characters, text, where }, i) => [i === 0 ? title : '', integer(characters), oneLine(text, 60), where]);
  return table(['outliers', 'characters', '', ''], [...lines('longest', longest), ...lines('shortest', shortest)], [1]);
}

function advice({ advice: list }: InspectedData): string {
  return list.length === 0 ? '' : [pc.bold('advice'), ...list.map(({ message }) => `  ${message}`)].join('\n');
}

function bar(share: number): string {
  return '█'.repeat(Math.round(24 * share)) || (share > 0 ? '▏' : '');
}

export function oneLine(text: string, length: number): string {
  const line = text.replace(/[\s\p{Cc}\p{Cf}]+/gu, ' ').trim();
  return line.length <= length ? line : `${line.slice(0, length - 1)}…`;
}

/** The beginning of a text with what cannot be seen written as escapes. */
function visible(text: string, length: number): string {
  const shown = JSON.stringify(text.slice(0, length)).replace(
    /[\p{Cc}\p{Cf}\p{Co}\u00a0]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return text.length > length ? `${shown.slice(0, -1)}…"` : shown;
}
