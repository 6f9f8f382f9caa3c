import { SlmError } from '@slm-compress/onnx';
import { openRecords, type RowInput } from '../sources/open-rows.ts';
import { type ColumnCollector, type ColumnProfile, createColumnCollector, isUsualName } from './column-profile.ts';

/** The columns of an input, and which of them are likely to be what. */
export interface FoundColumns {
  /** Records looked at: the first 50,000. */
  readonly records: number;
  readonly columns: readonly ColumnProfile[];
  /** Columns that may hold the text, the likeliest first. */
  readonly texts: readonly string[];
  /** Columns that may hold the label, the likeliest first. */
  readonly labels: readonly string[];
  /** Several columns are as likely to hold the label as the first. */
  readonly labelUnsure: boolean;
  readonly id?: string;
  readonly group?: string;
  readonly time?: string;
}

const recordsRead = 50_000;
const columnsRead = 500;
/** Names that leave no doubt. */
const plainLabelName = /^(?:label|labels|class|category|target)$/i;

/**
 * Looks at the first 50,000 records of an input and says what its columns hold: the text is the longest that people
 * wrote, the label one of few values that repeat; usual names (`review`, `category`) come first. Records that cannot be read are
 * left out. Throws SlmError `DATA_EMPTY` when there is no record, `DATA_ROW` when all are wrong, and what reading the files throws.
 */
export async function findColumns(input: RowInput, options: { readonly baseDir?: string } = {}): Promise<FoundColumns> {
  const collectors = new Map<string, ColumnCollector>();
  let records = 0;
  let bad: string | undefined;
  for await (const record of openRecords(input, options)) {
    if ('bad' in record) {
      bad ??= `${record.where}: ${record.bad}`;
      continue;
    }
    records++;
    for (const [name, value] of Object.entries(record.fields)) {
      let collector = collectors.get(name);
      if (collector === undefined && collectors.size < columnsRead) {
        collector = createColumnCollector(name);
        collectors.set(name, collector);
      }
      collector?.add(value);
    }
    if (records === recordsRead) break;
  }
  if (records === 0) {
    if (bad !== undefined) throw new SlmError('DATA_ROW', bad);
    throw new SlmError('DATA_EMPTY', `${input.path}: expected rows, got none`);
  }
  const columns = [...collectors.values()].map((collector) => collector.profile(records));
  return { records, columns, ...chooseColumns(columns) };
}

/** Which columns are likely to be what. */
export function chooseColumns(columns: readonly ColumnProfile[]): Omit<FoundColumns, 'records' | 'columns'> {
  const ranked = (fits: (column: ColumnProfile) => boolean, score: (column: ColumnProfile) => number) =>
    columns
      .filter(fits)
      .map((column) => ({ name: column.name, score: score(column) }))
      .sort((a, b) => b.score - a.score);
  const texts = ranked(
    ({ kind }) => kind === 'text' || kind === 'messages',
    ({ name, meanCharacters }) => Math.min(meanCharacters, 2000) * (isUsualName(name, 'text') ? 3 : 1),
  );
  const labels = ranked(
    ({ kind, name }) => kind === 'category' && name !== texts[0]?.name,
    ({ name }) => (plainLabelName.test(name) ? 2 : isUsualName(name, 'label') ? 1 : 0),
  );
  const first = (kind: ColumnProfile['kind']) => {
    const found = columns.filter((column) => column.kind === kind && column.missing === 0);
    return (found.find(({ name }) => kind === 'date' || isUsualName(name, kind === 'id' ? 'id' : 'group')) ?? found[0])
      ?.name;
  };
  const [id, group, time] = [first('id'), first('group'), first('date')];
  return {
    texts: texts.map(({ name }) => name),
    labels: labels.map(({ name }) => name),
    labelUnsure: labels.length > 1 && labels[0]!.score === labels[1]!.score,
    ...(id === undefined ? {} : { id }),
    ...(group === undefined ? {} : { group }),
    ...(time === undefined ? {} : { time }),
  };
}
