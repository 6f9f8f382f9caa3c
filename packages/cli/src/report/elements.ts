import { type ComponentChildren, h, type VNode } from 'preact';
import type { Chart } from './charts.ts';
import type { Comparison } from './schema.ts';
import { pValueText } from './wording.ts';

/** Anything that can stand inside an element; text is escaped when it is rendered. */
export type Content = ComponentChildren;

/** An HTML element; attributes as HTML names them. */
export function element(
  tag: string,
  attributes: Readonly<Record<string, unknown>> | null,
  ...content: Content[]
): VNode {
  return h(tag, attributes as Record<string, never> | null, ...content);
}

/** A figure at the head of a page, with what it is and a note. */
export function tile(title: string, value: string, note: string): VNode {
  return element(
    'div',
    { class: 'tile' },
    element('dt', null, title),
    element('dd', null, element('div', { class: 'value' }, value), element('div', { class: 'note' }, note)),
  );
}

/** A titled part of the page with one sentence that says how to read it. */
export function section(id: string, title: string, lead: Content, ...content: Content[]): VNode {
  return element(
    'section',
    { id, 'aria-labelledby': `${id}-title` },
    element('h2', { id: `${id}-title` }, title),
    element('p', { class: 'lead' }, lead),
    ...content,
  );
}

/** A chart in a card; the narrow drawing is shown on narrow screens only. */
export function figure(caption: string, note: string, chart: Chart): VNode {
  const drawing = (name: 'wide' | 'narrow') =>
    element('div', { class: name, dangerouslySetInnerHTML: { __html: chart[name] } });
  return element(
    'figure',
    { class: 'card' },
    element('figcaption', null, caption, element('small', null, note)),
    drawing('wide'),
    drawing('narrow'),
  );
}

export interface Column {
  readonly title: Content;
  /** Text is left-aligned and may wrap; numbers are right-aligned. */
  readonly text?: boolean;
}

export interface TableRow {
  readonly cells: readonly Content[];
  /** Marks the row that is the result of the run. */
  readonly result?: boolean;
}

/** A table whose first column names the rows, in a container that scrolls instead of the page. */
export function dataTable(caption: string, columns: readonly Column[], rows: readonly TableRow[]): VNode {
  const kind = (index: number) => (columns[index]?.text ? { class: 'text' } : {});
  return element(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption },
    element(
      'table',
      null,
      element('caption', null, caption),
      element(
        'thead',
        null,
        element('tr', null, ...columns.map(({ title }, i) => element('th', { scope: 'col', ...kind(i) }, title))),
      ),
      element(
        'tbody',
        null,
        ...rows.map(({ cells, result }) =>
          element(
            'tr',
            result ? { class: 'result' } : null,
            ...cells.map((cell, i) => (i === 0 ? element('th', { scope: 'row' }, cell) : element('td', kind(i), cell))),
          ),
        ),
      ),
    ),
  );
}

/** A figure with a smaller second line. */
export function twoLines(first: Content, second: Content): Content {
  return second === undefined || second === '' ? first : [first, element('small', null, second)];
}

/** The dash that stands where nothing was measured. */
export function none(): VNode {
  return element('span', { class: 'none', title: 'not measured' }, '–');
}

/** The verdict of a paired test as a badge with its p-value. */
export function verdict(test: Comparison | undefined): Content {
  if (!test) return none();
  return [
    element('span', { class: `verdict ${test.verdict}` }, test.verdict),
    ' ',
    element('small', null, pValueText(test.pValue)),
  ];
}

/** Names and values. */
export function facts(entries: readonly (readonly [string, Content])[]): VNode {
  return element(
    'dl',
    { class: 'facts' },
    ...entries.flatMap(([name, value]) => [element('dt', null, name), element('dd', null, value)]),
  );
}
