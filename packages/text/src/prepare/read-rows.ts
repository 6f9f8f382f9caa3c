import { isAbsolute, relative, resolve, sep } from 'node:path';
import { SlmError } from '@slm-compress/onnx';
import type { Cleaner } from '../cleaning/cleaner.ts';
import type { PrepareOptions, PrepareProgress, TextExample } from '../dataset.ts';
import type { MailListener } from '../sources/mail-rows.ts';
import { type InputAccount, openRows, type RowInput } from '../sources/open-rows.ts';
import { isPackage, spamAssassinRows } from '../sources/spam-assassin.ts';
import type { TextRow } from '../sources/text-row.ts';
import type { Tally } from './tally.ts';

export interface ReadSettings
  extends Pick<PrepareOptions, 'baseDir' | 'limit' | 'maxRowBytes' | 'onBadRow' | 'sample' | 'seed'> {
  readonly part: PrepareProgress['part'];
  readonly inputs: readonly RowInput[];
  /** Whether rows need a label; they have none else. */
  readonly labelled: boolean;
  readonly cleaner: Cleaner;
  readonly tally: Tally;
  readonly onProgress: ((progress: PrepareProgress) => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Cleaned rows, to be read once, with the account of their inputs. */
export interface RowReader extends AsyncIterable<TextExample> {
  inputs(): readonly InputAccount[];
}

/**
 * Reads and cleans the rows of a part. An id that names a place does so from `baseDir`; an id that an earlier row has becomes
 * the row's place. Throws SlmError `DATA_ROW` for a row without the label it needs, and for an id that its file has twice when
 * the column of ids was named (counted and dropped with `onBadRow: 'drop'`), and what {@link openRows} throws.
 */
export function readRows(settings: ReadSettings): RowReader {
  const { inputs, baseDir, seed, limit, sample, onBadRow, maxRowBytes } = settings;
  let bytes = 0;
  const mails = isPackage(inputs[0]!.path);
  const stream = openRows({
    inputs,
    seed,
    baseDir,
    mails: mailTally(settings.tally),
    ...(limit === undefined ? {} : { limit }),
    ...(sample === undefined ? {} : { sample }),
    ...(onBadRow === undefined ? {} : { onBadRow }),
    ...(maxRowBytes === undefined ? {} : { maxRowBytes }),
    onBytes: (more) => {
      bytes += more;
    },
  });
  let read = 0;
  const rows = async function* () {
    const total = mails ? spamAssassinRows : await stream.bytes();
    const places = new Map<string, string>();
    for await (const row of stream) {
      if (read++ % 64 === 0) {
        settings.signal?.throwIfAborted();
        const progress = mails ? ({ done: read, unit: 'rows' } as const) : ({ done: bytes, unit: 'bytes' } as const);
        settings.onProgress?.({ stage: 'read', part: settings.part, total, ...progress });
        await new Promise((next) => setImmediate(next));
      }
      const example = cleanRow(row, settings, places);
      if (example !== undefined) yield example;
    }
  };
  return {
    [Symbol.asyncIterator]: rows,
    inputs: () => stream.account().map((account) => withoutBase(account, baseDir)),
  };
}

/** Counts what was done to mails to read them. */
function mailTally(tally: Tally): MailListener {
  return {
    read({ transferDecoded, guessedCharsets, htmlParts, markup, attachments }) {
      if (transferDecoded > 0) tally.mend('transfer-encoding', 0);
      if (guessedCharsets > 0) tally.mend('charset-guessed', 0);
      if (htmlParts > 0) tally.mend('html', markup);
      if (attachments > 0) tally.mend('attachments', 0);
    },
    unreadable({ id, label }) {
      tally.read(label);
      tally.drop('unreadable', { id, text: '' });
    },
  };
}

/** An account that names its input from `baseDir`, so that it reads the same on every machine. */
function withoutBase(account: InputAccount, baseDir: string): InputAccount {
  const path = placeFrom(baseDir, account.path);
  return { ...account, path, examples: account.examples.map((example) => example.replaceAll(account.path, path)) };
}

function placeFrom(baseDir: string, where: string): string {
  return isAbsolute(where) ? relative(resolve(baseDir), where).split(sep).join('/') : where;
}

function cleanRow(
  row: TextRow,
  { inputs, baseDir, labelled, onBadRow, cleaner, tally }: ReadSettings,
  places: Map<string, string>,
): TextExample | undefined {
  const { where, text, label, messages, pair, group, time, repaired } = row;
  const place = placeFrom(baseDir, where);
  let id = row.id === where ? place : row.id;
  const idsNamed = inputs.some(({ columns }) => columns?.id !== undefined);
  tally.read(labelled ? label : undefined);
  const wrong = (reason: string, expected: string): undefined => {
    if (onBadRow !== 'drop') throw new SlmError('DATA_ROW', `${where}: expected ${expected}`);
    tally.drop(reason, { id, text });
  };
  if (labelled && label === undefined) return wrong('no-label', 'a label, got none');
  const earlier = places.get(id);
  if (earlier !== undefined) {
    if (idsNamed && fileOf(earlier) === fileOf(where)) {
      return wrong('repeated-id', `a unique id, got ${JSON.stringify(id)} again (${earlier})`);
    }
    tally.mend('repeated-id', 0);
    id = place;
  }
  places.set(id, where);
  if (repaired) tally.mend('invalid-utf8', 0);
  const pieces = messages?.map(({ content }) => content) ?? (pair === undefined ? [text] : [text, pair]);
  const cleaned = cleaner.cleanAll(pieces);
  if (typeof cleaned === 'string') {
    tally.drop(cleaned === 'drop-empty' ? 'empty' : cleaned, { id, text });
    return undefined;
  }
  return {
    id,
    text: messages === undefined ? cleaned[0]! : cleaned.join('\n'),
    ...(labelled ? { label: label! } : {}),
    ...(pair === undefined || messages !== undefined ? {} : { pair: cleaned[1]! }),
    ...(messages === undefined ? {} : { messages: messages.map(({ role }, i) => ({ role, content: cleaned[i]! })) }),
    ...(group === undefined ? {} : { group }),
    ...(time === undefined ? {} : { time }),
  };
}

/** The file of a place, without the line or the row. */
function fileOf(where: string): string {
  return where.replace(/:[^:/\\]*$/, '');
}
