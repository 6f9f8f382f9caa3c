import { describeValue, rowError, type SourceRecord } from './record.ts';

/** Names of the columns that hold what a row is made of; a dotted name reaches into an object (`answers.text`). */
export interface RowColumns {
  /** `text` by default, or `messages` where a record has no `text`. */
  readonly text?: string;
  /** Chat messages `[{role, content}]`, or `[{from, value}]` as ShareGPT writes them. */
  readonly messages?: string;
  /** The second text of a pair. */
  readonly pair?: string;
  /** `label` by default, where there is one; a column that is named is needed in every row. */
  readonly label?: string;
  /** `id` by default, where there is one. */
  readonly id?: string;
  /** What keeps rows on one side of a split: a user, a thread, a document. */
  readonly group?: string;
  /** An ISO date or a number, by which splits in time are cut. */
  readonly time?: string;
}

export interface ChatMessage {
  readonly role: string;
  readonly content: string;
}

/** A row of text, whatever file it came from. */
export interface TextRow {
  /** The id column's value, else `where`. */
  readonly id: string;
  /** File and line, or row group and row. */
  readonly where: string;
  /** The text; of a chat, the contents of its messages with a line feed between two. */
  readonly text: string;
  readonly messages?: readonly ChatMessage[];
  readonly pair?: string;
  readonly label?: string;
  readonly group?: string;
  readonly time?: string;
  /** The bytes were not valid UTF-8 and their charset was guessed. */
  readonly repaired: boolean;
}

const shareGptRoles: Readonly<Record<string, string>> = { human: 'user', gpt: 'assistant', bing: 'assistant' };

/**
 * The row that a record holds. `classNames` gives names to numbered labels, by column.
 * Throws SlmError `DATA_ROW`, naming the place and the columns that there are, for a value that is missing or of another
 * kind, and for a whole number beyond ±2^53, whose digits JSON loses.
 */
export function toTextRow(
  record: Extract<SourceRecord, { readonly fields: unknown }>,
  columns: RowColumns,
  classNames: Readonly<Record<string, readonly string[]>> = {},
): TextRow {
  const { where, fields, repaired } = record;
  const fail = (expected: string, value: unknown) => {
    const names = Object.keys(fields).slice(0, 12).join(', ');
    return rowError(where, `expected ${expected}, got ${describeValue(value)} (columns: ${names})`);
  };
  const text = (column: string): string => {
    const value = fieldOf(fields, column);
    if (typeof value !== 'string') throw fail(`a string in "${column}"`, value);
    return value;
  };
  const scalar = (column: string, named: boolean): string | undefined => {
    const value = fieldOf(fields, column);
    if (!named && (value === undefined || value === null || value === '')) return undefined;
    if (typeof value === 'string' && value.trim() !== '') return value.trim();
    if (typeof value === 'bigint' || typeof value === 'boolean') return String(value);
    if (value instanceof Date) return value.toISOString();
    if (typeof value !== 'number' || !Number.isFinite(value)) throw fail(`a string or number in "${column}"`, value);
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
      throw fail(`a whole number within ±2^53 in "${column}" (write longer ones as strings)`, value);
    }
    return String(value);
  };
  const optional = (key: 'pair' | 'group' | 'time') => {
    const column = columns[key];
    if (column === undefined) return {};
    return { [key]: key === 'pair' ? text(column) : scalar(column, true)! };
  };
  const messagesColumn =
    columns.messages ??
    (columns.text === undefined && !Object.hasOwn(fields, 'text') && Object.hasOwn(fields, 'messages')
      ? 'messages'
      : undefined);
  const messages = messagesColumn === undefined ? undefined : chat(fieldOf(fields, messagesColumn));
  if (typeof messages === 'string') {
    throw fail(`chat messages [{role, content}] in "${messagesColumn}"${messages}`, fieldOf(fields, messagesColumn!));
  }
  const labelColumn = columns.label ?? 'label';
  const label = scalar(labelColumn, columns.label !== undefined);
  if (label !== undefined && /[\t\n\v\f\r\u0085\u2028\u2029]/.test(label)) {
    throw fail(`a label without line breaks and tabs in "${labelColumn}"`, label);
  }
  const names = classNames[labelColumn];
  return {
    id: scalar(columns.id ?? 'id', false) ?? where,
    where,
    text: messages ? messages.map((message) => message.content).join('\n') : text(columns.text ?? 'text'),
    ...(messages ? { messages } : {}),
    ...optional('pair'),
    ...(label === undefined ? {} : { label: names?.[Number(label)] ?? label }),
    ...optional('group'),
    ...optional('time'),
    repaired,
  };
}

function fieldOf(fields: Readonly<Record<string, unknown>>, column: string): unknown {
  if (Object.hasOwn(fields, column)) return fields[column];
  let value: unknown = fields;
  for (const key of column.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

/** The messages, or what is wrong with them. */
function chat(value: unknown): readonly ChatMessage[] | string {
  if (!Array.isArray(value) || value.length === 0) return '';
  const messages: ChatMessage[] = [];
  for (const [i, item] of value.entries()) {
    const { role, from, content, value: said } = (item ?? {}) as Record<string, unknown>;
    const speaker = role ?? (typeof from === 'string' ? (shareGptRoles[from] ?? from) : undefined);
    const words = content ?? said;
    if (typeof speaker !== 'string' || typeof words !== 'string') return `, wrong in message ${i + 1}`;
    messages.push({ role: speaker, content: words });
  }
  return messages;
}
