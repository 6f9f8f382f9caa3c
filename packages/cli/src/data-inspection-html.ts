import type { ExampleRow, LabelConflict } from '@slm-compress/text';
import type { VNode } from 'preact';
import type { InspectedData } from './data-inspection.ts';
import { type Column, dataTable, element, section, type TableRow, tile } from './report/elements.ts';
import { htmlPage } from './report/page.ts';
import { integer, percent } from './report/wording.ts';

/** Rows of a table that could be endless. */
const SHOWN = 50;

const BAR_STYLE =
  '.bar { height: 12px; min-width: 1px; border-radius: 3px; background: var(--series-0); } td.text:has(> .bar) { width: 40%; }';

/**
 * The account of a data set as one HTML page: style inline, no script, no reference to any other file or host. Equal
 * accounts give equal pages; names and texts of the data are escaped.
 */
export function dataInspectionHtml(name: string, inspection: InspectedData): string {
  return htmlPage({
    title: `${name} · data`,
    style: BAR_STYLE,
    hero: hero(name, inspection),
    main: [
      advice(inspection),
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
      wrongRows(inspection),
    ],
    footer: inspection.format,
  });
}

function hero(name: string, inspection: InspectedData): VNode {
  const { rows, classes: found, duplicates: copies, sample, read, wrongRows: wrong } = inspection;
  const label = read.label === undefined || found === undefined ? '' : `, label: ${read.label}`;
  return element(
    'header',
    { class: 'hero' },
    element(
      'div',
      null,
      element('p', { class: 'eyebrow' }, element('b', null, name), ` · text: ${read.text ?? 'text'}${label}`),
      element('h1', null, `${integer(rows)} rows`),
      element(
        'dl',
        { class: 'tiles' },
        tile('labels', found === undefined ? 'none' : integer(found.labels.length), majority(found)),
        tile('equal texts', integer(copies.equal.rows), 'rows that equal an earlier one'),
        tile('near-duplicates', integer(copies.near.rows), `of ${integer(copies.near.compared)} different texts`),
        tile('wrong rows', integer(wrong), `costly measures on ${integer(sample.rows)} texts`),
      ),
    ),
  );
}

function majority(found: InspectedData['classes']): string {
  return found === undefined ? '' : `always the first: ${percent(found.majorityBaseline, 1)} right`;
}

function advice({ advice: list }: InspectedData): VNode | null {
  if (list.length === 0) return null;
  return section(
    'advice',
    'Advice',
    'What to do about it, most important first.',
    element('ul', { class: 'warnings' }, ...list.map(({ message }) => element('li', null, message))),
  );
}

function columns({ columns: found }: InspectedData): VNode | null {
  return listing(
    ['columns', 'Columns', 'As the first records show them.'],
    [text('column'), text('kind'), number('different'), number('missing'), number('characters'), text('examples')],
    found.map(({ name, kind, distinct, distinctCapped, missing, meanCharacters, examples }) => [
      name === '' ? '(no name)' : name,
      kind,
      `${integer(distinct)}${distinctCapped ? '+' : ''}`,
      integer(missing),
      meanCharacters.toFixed(0),
      examples.join(' · '),
    ]),
  );
}

function classes({ classes: found }: InspectedData): VNode | null {
  if (found === undefined) return null;
  const most = found.labels[0]!.rows;
  return listing(
    ['classes', 'Class balance', `${found.imbalanceRatio.toFixed(1)} rows of the first label for one of the last.`],
    [text('label'), number('rows'), number('share'), text('')],
    found.labels.map(({ label, rows, share }) => [label, integer(rows), percent(share, 1), bar(rows / most)]),
  );
}

function lengths({ lengths: { characters, words }, tokens: counted }: InspectedData): VNode {
  const units = [
    ['characters', characters],
    ['words', words],
    ...(counted === undefined
      ? []
      : ([[counted.tokenizer === 'given' ? 'tokens' : 'tokens (estimated)', counted.lengths]] as const)),
  ] as const;
  const { histogram } = counted?.lengths ?? words;
  const most = Math.max(1, ...histogram.map(({ rows }) => rows));
  const range = (from: number, below: number) =>
    below - from <= 1 ? integer(from) : `${integer(from)}–${integer(below - 1)}`;
  return section(
    'lengths',
    'Lengths',
    `The histogram is of ${counted === undefined ? 'words' : 'tokens, special ones included'}.`,
    element(
      'div',
      { class: 'stack' },
      dataTable(
        'Lengths of texts',
        [text('unit'), ...['mean', 'min', '5 %', '50 %', '95 %', '99 %', 'max'].map(number)],
        units.map(
          ([
            unit,
            {
              mean,
              min,
              max,
              percentiles: { p5, p50, p95, p99 },
            },
          ]) => ({
            cells: [unit, mean.toFixed(1), ...[min, p5, p50, p95, p99, max].map(integer)],
          }),
        ),
      ),
      dataTable(
        'Histogram',
        [text(counted === undefined ? 'words' : 'tokens'), number('texts'), text('')],
        histogram.map(({ from, below, rows }) => ({ cells: [range(from, below), integer(rows), bar(rows / most)] })),
      ),
    ),
  );
}

function tokens({ tokens: counted }: InspectedData): VNode | null {
  if (counted === undefined) return null;
  const { vocabulary, vocabSize, truncation, tokenizer } = counted;
  const whose = tokenizer === 'given' ? 'the tokenizer' : 'a WordPiece learned from half of the sample';
  const unknown = vocabulary.unknownWords.length === 0 ? '' : ` (${vocabulary.unknownWords.slice(0, 10).join(', ')})`;
  return listing(
    [
      'tokens',
      'Coverage and truncation',
      `${integer(vocabSize)} tokens of ${whose}: ${percent(vocabulary.wordsCovered, 1)} of the words are one token, ` +
        `${vocabulary.tokensPerWord.toFixed(2)} tokens a word, ${percent(vocabulary.unknownRate, 2)} unknown${unknown}.`,
    ],
    [text('maxLength'), number('texts cut'), number('tokens lost')],
    truncation.map(({ maxLength, textsCut, tokensLost }) => [
      String(maxLength),
      percent(textsCut, 1),
      percent(tokensLost, 1),
    ]),
  );
}

function duplicates({ duplicates: { equal, near } }: InspectedData): VNode | null {
  return listing(
    ['duplicates', 'Duplicates', `Examples; near ones from a similarity of ${near.threshold} on.`],
    [text('text'), text('nearly equals'), number('rows or similarity'), text('places')],
    [
      ...equal.examples.map(({ text: of, rows, first }) => [of, '', `${integer(rows)} times`, first]),
      ...near.examples.map(({ a, b, similarity }) => [a.text, b.text, similarity.toFixed(2), `${a.where}, ${b.where}`]),
    ],
  );
}

function leaks({ leaks: found = [] }: InspectedData): VNode | null {
  return listing(
    ['leaks', 'Leaks', 'Texts of one split that occur, exactly or nearly, in another.'],
    [text('splits'), number('rows'), text('examples')],
    found
      .filter(({ rows }) => rows > 0)
      .map(({ from, into, rows, examples }) => [
        `${from} in ${into}`,
        integer(rows),
        examples.map(({ a, b }) => `${b.text} (${b.where} and ${a})`).join(' · '),
      ]),
  );
}

function conflicts({ suspiciousLabels: { equal, near } }: InspectedData): VNode | null {
  const rows = (kind: string, list: readonly LabelConflict[]) =>
    list.map((conflict) => [
      kind,
      conflict.rows
        .slice(0, 3)
        .map((row) => `${row.label}: ${row.text} (${row.where})`)
        .join(' · '),
      Object.entries(conflict.labels)
        .map(([label, count]) => `${label} ${integer(count)}`)
        .join(', '),
    ]);
  return listing(
    [
      'suspicious-labels',
      'Suspicious labels',
      'Texts that occur with several labels: one of them is wrong, or none is.',
    ],
    [text('texts'), text('rows'), text('labels')],
    [...rows('equal', equal), ...rows('nearly equal', near)],
  );
}

function languages({ languages: found }: InspectedData): VNode | null {
  return listing(
    ['languages', 'Languages', 'Of the sample; a text too short to tell is “unsure”.'],
    [text('language'), number('texts'), number('share'), text('')],
    found.map(({ language, rows, share }) => [language, integer(rows), percent(share, 1), bar(share)]),
  );
}

function cleaning({ cleaning: trials }: InspectedData): VNode | null {
  return listing(
    ['cleaning', 'Cleaning', 'What each step, alone, would do to the sample.'],
    [text('step'), number('would change'), number('would drop'), text('example')],
    trials
      .filter(({ rows, dropped }) => rows + dropped > 0)
      .map(({ step, rows, dropped, examples: [example] }) => [
        step.step,
        integer(rows),
        integer(dropped),
        example === undefined ? '' : `${JSON.stringify(example.before)} → ${JSON.stringify(example.after ?? '')}`,
      ]),
  );
}

function outliers({ outliers: { longest, shortest } }: InspectedData): VNode | null {
  const rows = (kind: string, list: readonly (ExampleRow & { readonly characters: number })[]) =>
    list.map((row) => [kind, integer(row.characters), row.text, row.where]);
  return listing(
    ['outliers', 'Outliers', 'The longest and the shortest texts.'],
    [text(''), number('characters'), text('text'), text('place')],
    [...rows('longest', longest), ...rows('shortest', shortest)],
  );
}

function wrongRows({ inputs }: InspectedData): VNode | null {
  return listing(
    ['wrong-rows', 'Wrong rows', 'The first that cannot be read.'],
    [text('place and reason')],
    inputs.flatMap(({ examples }) => examples.map((example) => [example])),
  );
}

/** A section of one table; nothing without rows. */
function listing(
  [id, title, lead]: readonly [id: string, title: string, lead: string],
  titles: readonly Column[],
  rows: readonly TableRow['cells'][],
): VNode | null {
  if (rows.length === 0) return null;
  const more = rows.length - SHOWN;
  const caption = more > 0 ? `${title}: the first ${SHOWN}; ${integer(more)} more in --json` : title;
  return section(
    id,
    title,
    lead,
    dataTable(
      caption,
      titles,
      rows.slice(0, SHOWN).map((cells) => ({ cells })),
    ),
  );
}

function text(title: string): Column {
  return { title, text: true };
}

function number(title: string): Column {
  return { title };
}

function bar(share: number): VNode {
  return element('div', { class: 'bar', style: `width:${(100 * share).toFixed(1)}%` });
}
