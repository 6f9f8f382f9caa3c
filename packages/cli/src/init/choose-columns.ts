import { SlmError } from '@slm-compress/onnx';
import type { ColumnProfile, FoundColumns } from '@slm-compress/text';
import type { Asker } from './ask.ts';

/** The columns a recipe is to read. */
export interface ChosenColumns {
  readonly text: string;
  readonly label: string;
}

export interface ColumnAnswers {
  readonly text?: string;
  readonly label?: string;
  /** Takes the likeliest where nobody can be asked. */
  readonly yes?: boolean;
}

/**
 * The columns of text and label: those named, else those found; a person is asked where several are as likely, or where
 * there is someone to ask.
 *
 * Throws SlmError `DATA_COLUMN` for a name that is not there, for no column of texts or labels, for several without
 * anyone to decide, for a table without a line of names, and for a column `id` with repeated values; `DATA_LABEL` for a label column of quantities, lists or free text.
 */
export async function chooseColumns(
  path: string,
  found: FoundColumns,
  answers: ColumnAnswers,
  asker?: Asker,
): Promise<ChosenColumns> {
  if (answers.text === undefined || answers.label === undefined) checkNames(path, found);
  const text = answers.text ?? (await chooseText(path, found, asker));
  profileOf(path, found, text, '--text');
  const label = answers.label ?? (await chooseLabel(path, found, text, answers.yes === true, asker));
  checkLabel(path, profileOf(path, found, label, '--label'));
  checkIds(path, found);
  if (text === label) {
    throw new SlmError(
      'DATA_COLUMN',
      `${path}: expected text and label in two columns, got ${JSON.stringify(text)} for both`,
    );
  }
  return { text, label };
}

async function chooseText(path: string, { columns, texts }: FoundColumns, asker: Asker | undefined): Promise<string> {
  if (texts.length === 0) {
    throw new SlmError('DATA_COLUMN', `${path}: expected a column of texts, got ${listed(columns)} (--text names it)`);
  }
  return asker === undefined || texts.length === 1 ? texts[0]! : asker.choice('Which column holds the text?', texts);
}

async function chooseLabel(
  path: string,
  { columns, labels, labelUnsure }: FoundColumns,
  text: string,
  yes: boolean,
  asker: Asker | undefined,
): Promise<string> {
  const candidates = labels.filter((name) => name !== text);
  if (candidates.length === 0) {
    // What a person may have meant, so that the error says why it cannot be.
    const meant = columns.filter(({ kind, name }) => name !== text && (kind === 'number' || kind === 'list'));
    if (meant.length === 1) checkLabel(path, meant[0]!);
    const single = columns.filter(({ kind, name }) => name !== text && kind === 'constant');
    if (single.length === 1) return single[0]!.name;
    throw new SlmError(
      'DATA_COLUMN',
      `${path}: expected a label column, few values that repeat, got ${listed(columns)} (--label names it)`,
    );
  }
  if (asker !== undefined && candidates.length > 1) return asker.choice('Which column holds the label?', candidates);
  if (labelUnsure && candidates.length > 1 && !yes) {
    throw new SlmError(
      'DATA_COLUMN',
      `${path}: expected one label column, got ${candidates.join(', ')} (--label names it, --yes takes the first)`,
    );
  }
  return candidates[0]!;
}

function profileOf(path: string, { columns }: FoundColumns, name: string, option: string): ColumnProfile {
  const profile = columns.find((column) => column.name === name);
  if (profile !== undefined) return profile;
  const names = columns.map((column) => column.name).slice(0, 20);
  throw new SlmError(
    'DATA_COLUMN',
    `${path}: ${option}: expected a column, got ${JSON.stringify(name)} (there are ${names.join(', ')})`,
  );
}

/** Why a column of a kind cannot be a label, and what to do. */
const unfit: Readonly<Partial<Record<ColumnProfile['kind'], readonly [what: string, hint: string]>>> = {
  number: ['different numbers, a quantity', 'cut it into ranges, a name each: a classifier has no order'],
  list: ['different lists, several labels a row', 'keep one label a row: classifiers here give one'],
  messages: ['different chats', 'name a column of labels'],
  object: ['different objects', 'name a field of it: column.field'],
  text: ['different texts', 'a label is one of few names'],
  id: ['different ids', 'a label is one of few names'],
  date: ['different dates', 'cut them into ranges, a name each'],
};

function checkLabel(path: string, { name, kind, distinct, distinctCapped, present }: ColumnProfile): void {
  if (kind === 'empty') {
    throw new SlmError('DATA_LABEL', `${path}: expected labels in ${JSON.stringify(name)}, got an empty column`);
  }
  const reason = unfit[kind];
  // Few values are classes, whatever they look like.
  if (
    reason === undefined ||
    (kind !== 'list' && kind !== 'messages' && kind !== 'object' && distinct <= 20 && present > distinct)
  )
    return;
  const [what, hint] = reason;
  const count = `${distinct.toLocaleString('en')}${distinctCapped ? ' or more' : ''}`;
  throw new SlmError(
    'DATA_LABEL',
    `${path}: expected few labels in ${JSON.stringify(name)}, got ${count} ${what}, in ${present.toLocaleString('en')} rows (${hint})`,
  );
}

/** A table whose first line is a row would lose it, and have texts for names. */
function checkNames(path: string, { columns }: FoundColumns): void {
  const value = columns.find(({ nameIsValue }) => nameIsValue);
  if (value === undefined) return;
  throw new SlmError(
    'DATA_COLUMN',
    `${path}: expected names of columns in the first line, got what looks like a row: ${JSON.stringify(value.name)} is a value of its column too ` +
      '(put a line of names before it, as text,label; or name columns with --text and --label)',
  );
}

/** A column of the name that ids are read from must have one a row. */
function checkIds(path: string, { columns }: FoundColumns): void {
  const ids = columns.find(({ name }) => name === 'id');
  if (ids === undefined || ids.distinctCapped || ids.distinct === ids.present) return;
  throw new SlmError(
    'DATA_COLUMN',
    `${path}: expected an id of its own for every row in "id", got ${ids.distinct} in ${ids.present} rows (rename the column if it holds something else)`,
  );
}

function listed(columns: readonly ColumnProfile[]): string {
  return columns
    .map(({ name, kind }) => `${name === '' ? '(no name)' : name} (${kind})`)
    .slice(0, 20)
    .join(', ');
}
