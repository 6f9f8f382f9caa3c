import { excerpt } from '../sources/record.ts';
import { wordsOf } from '../words-of.ts';

/**
 * What a column holds: `text` to read; `category`, few values that repeat; `number`, many; `list`, several values a row;
 * `messages` of a chat; `id`, one of its own a row; `group`, many short values that repeat; `date`; `constant`; `empty`;
 * `object`, anything else.
 */
export type ColumnKind =
  | 'text'
  | 'category'
  | 'number'
  | 'list'
  | 'messages'
  | 'id'
  | 'group'
  | 'date'
  | 'constant'
  | 'empty'
  | 'object';

/** A column as the first records of an input show it. */
export interface ColumnProfile {
  readonly name: string;
  readonly kind: ColumnKind;
  /** Records with a value. */
  readonly present: number;
  /** Records without one. */
  readonly missing: number;
  /** Different values; a least number once `distinctCapped`. */
  readonly distinct: number;
  readonly distinctCapped: boolean;
  readonly meanCharacters: number;
  readonly meanWords: number;
  /** Whether the name is, several times, a value too: a table without a line of names. */
  readonly nameIsValue: boolean;
  /** The first three different values, at most 60 characters of each. */
  readonly examples: readonly string[];
}

/** Collects the values of one column. */
export interface ColumnCollector {
  add(value: unknown): void;
  profile(records: number): ColumnProfile;
}

const distinctCap = 5000;
const datePattern =
  /^(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s*(?:Z|[+-]\d{2}:?\d{2}|[AP]M)?)?$/i;

/** Words of a column's name: `Customer_ID`, `customerId` → `customer`, `id`. */
export function nameWords(name: string): readonly string[] {
  return (name.replace(/(\p{Ll})(\p{Lu})/gu, '$1 $2').match(/[\p{L}\p{N}]+/gu) ?? []).map((word) => word.toLowerCase());
}

/** Names by which people call a column of a kind. */
export const usualNames: Readonly<Record<'text' | 'label' | 'id' | 'group', ReadonlySet<string>>> = {
  text: words(
    'text sentence review body content message comment question query utterance description document tweet post abstract ' +
      'headline title subject input prompt sms email mail narrative transcript article passage wording feedback said v2',
  ),
  label: words(
    'label class category target intent sentiment topic tag rating stars spam type genre emotion polarity stance answer ' +
      'output outcome kind y v1 department priority status language lang gold truth',
  ),
  id: words('id ids uuid guid key index idx nr row rowid unnamed hash'),
  group: words('user author customer thread session conversation speaker patient account client reviewer product'),
};

function words(text: string): ReadonlySet<string> {
  return new Set(text.split(' '));
}

/** Whether a column's name says one of the usual names of a kind. */
export function isUsualName(name: string, kind: keyof typeof usualNames): boolean {
  return nameWords(name).some(
    (word) => usualNames[kind].has(word) || (word.endsWith('s') && usualNames[kind].has(word.slice(0, -1))),
  );
}

/** A collector whose memory is bounded by 5,000 values of 200 characters. */
export function createColumnCollector(name: string): ColumnCollector {
  const counts = {
    present: 0,
    strings: 0,
    numbers: 0,
    integers: 0,
    booleans: 0,
    dates: 0,
    lists: 0,
    chats: 0,
    objects: 0,
  };
  const values = new Map<string, number>();
  let presentAtCap = 0;
  let characters = 0;
  let wordCount = 0;
  let ascending = true;
  let last = Number.NEGATIVE_INFINITY;
  const parts = new Set<string>();
  let partCount = 0;
  let severalParts = 0;
  return {
    add(value) {
      const text = textOf(value);
      if (text === undefined) return;
      counts.present++;
      counts[typeOf(value, text)]++;
      const number = typeof value === 'object' || text === '' ? Number.NaN : Number(text);
      if (Number.isInteger(number)) counts.integers++;
      if (!(number > last)) ascending = false;
      last = number;
      characters += text.length;
      const head = text.slice(0, 10_000);
      wordCount += wordsOf(head).length * (text.length / Math.max(1, head.length));
      if (values.size < distinctCap) {
        const key = text.slice(0, 200);
        values.set(key, (values.get(key) ?? 0) + 1);
        presentAtCap = counts.present;
      }
      if (text.length <= 200 && parts.size <= 1000) {
        const found = text.split(/\s*[|;,]\s*/).filter((part) => part !== '');
        for (const part of found) parts.add(part);
        partCount += found.length;
        if (found.length > 1) severalParts++;
      }
    },
    profile(records) {
      const { present } = counts;
      const most = (count: number) => present > 0 && count >= 0.95 * present;
      const distinct = values.size;
      const uniqueness = present === 0 ? 0 : distinct / presentAtCap;
      const meanCharacters = present === 0 ? 0 : characters / present;
      const meanWords = present === 0 ? 0 : wordCount / present;
      const repeats = distinct < distinctCap && present >= 3 * distinct;
      const named = (kind: 'id' | 'group' | 'text') => isUsualName(name, kind);
      const kind = (): ColumnKind => {
        if (present === 0) return 'empty';
        if (most(counts.chats)) return 'messages';
        if (most(counts.lists)) return 'list';
        if (counts.objects > 0 || counts.lists > 0) return 'object';
        if (distinct === 1 && present > 1) return 'constant';
        if (most(counts.dates)) return 'date';
        if (most(counts.booleans)) return 'category';
        if (most(counts.numbers)) {
          if (most(counts.integers) && uniqueness > 0.95 && (ascending || named('id'))) return 'id';
          if (named('group') && distinct > 20) return 'group';
          return repeats && distinct <= (most(counts.integers) ? 100 : 20) ? 'category' : 'number';
        }
        const listed = severalParts > 0.2 * present && partCount > 1.2 * present && parts.size < 0.5 * partCount;
        if (listed && meanCharacters <= 100 && parts.size <= 200 && parts.size <= distinct) return 'list';
        if (uniqueness > 0.95 && meanWords < 2 && named('id')) return 'id';
        if (repeats && distinct <= 1000 && meanCharacters <= 80)
          return named('group') && distinct > 20 ? 'group' : 'category';
        if (meanWords >= 3 || named('text')) return 'text';
        if (uniqueness > 0.95) return codeLike(values.keys()) ? 'id' : 'text';
        return meanWords >= 2 && !named('group') ? 'text' : 'group';
      };
      return {
        name,
        kind: kind(),
        present,
        missing: records - present,
        distinct,
        distinctCapped: distinct >= distinctCap,
        meanCharacters,
        meanWords,
        nameIsValue: name.trim() !== '' && (values.get(name.trim()) ?? 0) > 1,
        examples: [...values.keys()].slice(0, 3).map(excerpt),
      };
    },
  };
}

/** Whether most values look like made-up codes: one word with digits in it. */
function codeLike(values: Iterable<string>): boolean {
  let codes = 0;
  let all = 0;
  for (const value of values) {
    if (all++ === 100) break;
    if (/^\S*\d\S*$/.test(value)) codes++;
  }
  return codes > 0.8 * all;
}

/** The value as text; nothing where there is no value. */
function textOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value.trim() === '' ? undefined : value.trim();
  if (value instanceof Date) return value.toISOString();
  if (typeof value !== 'object') return String(value);
  return JSON.stringify(value, (_, item) => (typeof item === 'bigint' ? String(item) : item));
}

function typeOf(
  value: unknown,
  text: string,
): 'strings' | 'numbers' | 'booleans' | 'dates' | 'lists' | 'chats' | 'objects' {
  if (value instanceof Date) return 'dates';
  if (typeof value === 'boolean' || /^(?:true|false)$/i.test(text)) return 'booleans';
  if (Array.isArray(value)) return isChat(value) ? 'chats' : 'lists';
  if (typeof value === 'object') return 'objects';
  if (typeof value !== 'string') return 'numbers';
  if (datePattern.test(text)) return 'dates';
  if (/^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i.test(text)) return 'numbers';
  return /^\[.*\]$/.test(text) && isJsonList(text) ? 'lists' : 'strings';
}

function isChat(value: readonly unknown[]): boolean {
  return value.every((item) => {
    const message = (item ?? {}) as Readonly<Record<string, unknown>>;
    return (message.role ?? message.from) !== undefined && (message.content ?? message.value) !== undefined;
  });
}

/** Lists as JSON or as Python prints them: `["a", "b"]`, `['a', 'b']`. */
function isJsonList(text: string): boolean {
  return /^\[\s*(?:(?:"[^"]*"|'[^']*'|-?[\d.]+)\s*(?:,\s*(?:"[^"]*"|'[^']*'|-?[\d.]+)\s*)*)?\]$/.test(text);
}
