import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, open, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { isSlmError } from '@slm-compress/onnx';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRows, type RowInput } from './open-rows.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bad-input-'));
});
afterAll(() => rm(folder, { recursive: true }));

const texts = ['good one', 'café two', 'three'];

interface Reader {
  /** Path of the file to be damaged, below the folder of the case. */
  readonly file: string;
  /** What is opened; the file itself by default. */
  readonly open?: string;
  readonly format?: RowInput['format'];
  readonly split?: string;
  readonly content: (rows: readonly string[]) => string;
  /** Undamaged files beside it. */
  readonly beside?: Readonly<Record<string, string>>;
}

const json = (rows: readonly string[]) => rows.map((text) => `${JSON.stringify({ text, label: 'a' })}\n`).join('');
const lines = (rows: readonly string[]) => rows.map((text) => `${text}\n`).join('');
const readers: Readonly<Record<string, Reader>> = {
  jsonl: { file: 'a.jsonl', content: json },
  csv: { file: 'a.csv', content: (rows) => `text,label\n${rows.map((text) => `${text},a\n`).join('')}` },
  tsv: { file: 'a.tsv', content: (rows) => `text\tlabel\n${rows.map((text) => `${text}\ta\n`).join('')}` },
  lines: { file: 'a.txt', content: lines },
  document: { file: 'a.md', format: 'document', content: lines },
  chat: {
    file: 'chat.jsonl',
    content: (rows) => rows.map((content) => `${JSON.stringify({ messages: [{ role: 'user', content }] })}\n`).join(''),
  },
  labels: { file: 'set/pos/1.txt', open: 'set', content: lines, beside: { 'set/neg/2.txt': 'other' } },
  hub: {
    file: 'hub/data/train-00000-of-00001.jsonl',
    open: 'hub',
    split: 'train',
    content: json,
    beside: { 'hub/data/test-00000-of-00001.jsonl': json(['other']) },
  },
};

/** zstd frame of raw blocks (RFC 8878, 3.1.1): an encoder that compresses nothing. */
function zstd(content: Buffer): Buffer {
  const header = Buffer.alloc(9);
  header.writeUInt32LE(0xfd2fb528, 0);
  header[4] = 0xa0;
  header.writeUInt32LE(content.length, 5);
  const blocks: Buffer[] = [];
  for (let at = 0; at < content.length; at += 1 << 16) {
    const piece = content.subarray(at, at + (1 << 16));
    const head = Buffer.alloc(3);
    head.writeUIntLE((piece.length << 3) | (at + piece.length === content.length ? 1 : 0), 0, 3);
    blocks.push(head, piece);
  }
  return Buffer.concat([header, ...blocks]);
}

const utf16 = (text: string, mark: string, bigEndian: boolean) => {
  const bytes = Buffer.from(mark + text, 'utf16le');
  return bigEndian ? bytes.swap16() : bytes;
};
const manyRows = Array.from({ length: 6000 }, (_, i) => `row ${i} of many that were written`);
const bomb = gzipSync(Buffer.alloc(20_000_000, 'x'), { level: 1 });

interface Damage {
  readonly packed?: string;
  readonly bytes: (content: Reader['content']) => Buffer | string;
  /**
   * With `onBadRow: error` and `drop`: `ROWS` or `ROWS bad COUNT` (`many` rows: most of those written), or the code of the error.
   * By reader; `tables` for CSV and TSV, `files` for documents and folders of labels, `any` for the others.
   */
  readonly outcome: Readonly<Record<string, readonly [string, string]>>;
}

const same = (outcome: string): readonly [string, string] => [outcome, outcome];
const intact = { any: same('3'), document: same('1'), labels: same('2') };
/** A document whose stream breaks off is no document. */
const brokenOff = {
  any: ['DATA_COMPRESSION', 'many bad 1'],
  document: ['DATA_COMPRESSION', 'DATA_ROW'],
  labels: ['DATA_COMPRESSION', '1 bad 1'],
} as const;
const allLost = { any: ['DATA_COMPRESSION', 'DATA_ROW'], labels: ['DATA_COMPRESSION', '1 bad 1'] } as const;

const damages: Readonly<Record<string, Damage>> = {
  'truncated gzip': {
    packed: '.gz',
    bytes: (content) => gzipSync(content(manyRows)).subarray(0, -9),
    outcome: brokenOff,
  },
  'truncated zstd': {
    packed: '.zst',
    bytes: (content) => zstd(Buffer.from(content(manyRows))).subarray(0, -9),
    outcome: brokenOff,
  },
  'a gzip header only': { packed: '.gz', bytes: () => Buffer.from([0x1f, 0x8b]), outcome: allLost },
  'a zstd header only': { packed: '.zst', bytes: () => Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 1]), outcome: allLost },
  'garbage after gzip': {
    packed: '.gz',
    bytes: (content) => Buffer.concat([gzipSync(content(manyRows)), Buffer.from('garbage')]),
    outcome: brokenOff,
  },
  'zeros after gzip': {
    packed: '.gz',
    bytes: (content) => Buffer.concat([gzipSync(content(texts)), Buffer.alloc(512)]),
    outcome: intact,
  },
  'text named .gz': { packed: '.gz', bytes: (content) => content(texts), outcome: intact },
  'a decompression bomb': {
    packed: '.gz',
    bytes: () => bomb,
    outcome: { any: same('DATA_ROW'), labels: ['DATA_ROW', '1 bad 1'] },
  },
  'NUL bytes': {
    bytes: (content) => `${content(texts)}\0\0\0\n`,
    outcome: { any: ['DATA_ROW', '3 bad 1'], document: same('DATA_ROW'), labels: ['DATA_ROW', '1 bad 1'] },
  },
  'UTF-16 LE with mark': { bytes: (content) => utf16(content(texts), '\ufeff', false), outcome: intact },
  'UTF-16 BE with mark': { bytes: (content) => utf16(content(texts), '\ufeff', true), outcome: intact },
  'UTF-16 LE': { bytes: (content) => utf16(content(texts), '', false), outcome: intact },
  'UTF-16 BE': { bytes: (content) => utf16(content(texts), '', true), outcome: intact },
  'UTF-16 cut within a character': {
    bytes: (content) => utf16(content(texts), '\ufeff', false).subarray(0, -1),
    outcome: intact,
  },
  'a UTF-8 mark': { bytes: (content) => `\ufeff${content(texts)}`, outcome: intact },
  'windows-1252': { bytes: (content) => Buffer.from(content(texts), 'latin1'), outcome: intact },
  'an unclosed quote': {
    bytes: (content) => content([...texts, '"open', 'after']),
    outcome: {
      any: same('5'),
      // Named where it was opened; what follows is read.
      csv: ['DATA_ROW', '4 bad 1'],
      document: same('1'),
      labels: same('2'),
    },
  },
  'ragged rows': {
    bytes: (content) => content([...texts, 'a,b', 'a\tb']),
    outcome: {
      any: same('5'),
      csv: ['DATA_ROW', '4 bad 1'],
      tsv: ['DATA_ROW', '4 bad 1'],
      document: same('1'),
      labels: same('2'),
    },
  },
  'an empty file': { bytes: () => '', outcome: { any: same('0'), document: same('1'), labels: same('2') } },
};

/** What reading comes to, in the words of {@link Damage.outcome}, and the messages that it gave. */
async function outcomeOf(input: RowInput, onBadRow: 'error' | 'drop') {
  const stream = openRows({ inputs: [input], onBadRow });
  const found: string[] = [];
  try {
    for await (const { text } of stream) found.push(text);
  } catch (error) {
    if (!isSlmError(error)) throw error;
    return { outcome: error.code, message: error.message, found };
  }
  const [{ bad, examples }] = stream.account() as [ReturnType<typeof stream.account>[number]];
  const rows = found.length > 0.8 * manyRows.length ? 'many' : String(found.length);
  return { outcome: bad === 0 ? rows : `${rows} bad ${bad}`, message: examples[0] ?? '', found };
}

async function written(name: string, reader: Reader, packed: string, bytes: Buffer | string): Promise<RowInput> {
  const root = join(folder, name);
  const path = join(root, reader.file + packed);
  for (const [file, content] of [[path, bytes] as const, ...Object.entries(reader.beside ?? {})]) {
    const at = file === path ? path : join(root, file);
    await mkdir(dirname(at), { recursive: true });
    await writeFile(at, content);
  }
  return {
    path: reader.open === undefined ? path : join(root, reader.open),
    ...(reader.format && { format: reader.format }),
    ...(reader.split && { split: reader.split }),
  };
}

describe.each(Object.entries(readers))('%s', (name, reader) => {
  it.each(Object.entries(damages))('%s', async (damage, { packed = '', bytes, outcome }) => {
    const input = await written(`${name}-${damage}`, reader, packed, bytes(reader.content));
    const [failing, dropping] = [await outcomeOf(input, 'error'), await outcomeOf(input, 'drop')];
    expect([failing.outcome, dropping.outcome]).toEqual(outcome[name] ?? outcome.any);
    for (const { outcome: got, message, found } of [failing, dropping]) {
      if (got.includes('DATA') || got.includes('bad')) expect(message).toContain(reader.file + packed);
      else if (damage !== 'an empty file') expect(found.join('\n')).toContain('café two');
    }
  });

  it('100 MB in one line, in bounded memory', async () => {
    const input = await written(`${name}-long`, reader, '', reader.content(texts));
    const file = await open(join(folder, `${name}-long`, reader.file), 'a');
    // Zeros that take no room on the disk.
    await file.truncate(100_000_000);
    await file.close();
    const held = () => {
      const { heapUsed, external } = process.memoryUsage();
      return heapUsed + external;
    };
    const before = held();
    let most = 0;
    let chunks = 0;
    const onBytes = () => {
      if (chunks++ % 50 === 0) most = Math.max(most, held() - before);
    };
    const stream = openRows({ inputs: [input], onBadRow: 'drop', onBytes });
    const found: string[] = [];
    const reading = (async () => {
      for await (const { text } of stream) found.push(text);
    })();
    if (name === 'document') await expect(reading).rejects.toMatchObject({ code: 'DATA_ROW' });
    else await reading;
    expect(found).toHaveLength({ document: 0, labels: 1 }[name] ?? 3);
    expect(stream.account()[0]!.examples[0]).toMatch(/expected a row of at most 16777216 bytes/);
    // maxRowBytes is 16 MiB; what is read past stays until it is collected.
    expect(most).toBeLessThan(64 * 2 ** 20);
  });
});

describe('a path that is', () => {
  it.each([...Object.values(readers).map(({ file }) => file), 'a.parquet'])('no file: %s', async (file) => {
    const at = async (kind: string) => {
      const path = join(folder, kind, file);
      await mkdir(dirname(path), { recursive: true });
      return path;
    };
    const pipe = await at('pipe');
    await promisify(execFile)('mkfifo', [pipe]);
    const loop = await at('loop');
    await symlink(loop, loop);
    const empty = await at('empty');
    await mkdir(empty);
    const cases = [
      [pipe, 'DATA_FORMAT', /expected a file or a folder, got a pipe/],
      ['/dev/zero', 'DATA_FORMAT', /got a pipe, socket or device/],
      [loop, 'FILE_NOT_FOUND', /got ELOOP/],
      [empty, 'FILE_NOT_FOUND', /expected data files in the folder, found none/],
      [await at('missing'), 'FILE_NOT_FOUND', /found none/],
    ] as const;
    for (const [path, code, message] of cases) {
      const got = await outcomeOf({ path }, 'drop');
      expect(got.outcome, path).toBe(code);
      expect(got.message).toMatch(message);
    }
  });

  it.skipIf(process.getuid?.() === 0)('not for this user to read', async () => {
    const path = join(folder, 'closed.jsonl');
    await writeFile(path, json(texts), { mode: 0 });
    expect((await outcomeOf({ path }, 'drop')).message).toMatch(
      /closed\.jsonl: expected a readable data file, got EACCES/,
    );
  });
});

it('a damaged Parquet file: each way it can be no Parquet', async () => {
  const whole = Buffer.from(
    parquetWriteBuffer({ columnData: [{ name: 'text', data: [...texts], type: 'STRING' }], codec: 'UNCOMPRESSED' }),
  );
  const wrongMagic = Buffer.from(whole).fill('PARX', 0, 4);
  const cases: readonly (readonly [string, Buffer | string, string])[] = [
    ['whole', whole, '3'],
    ['wrong magic', wrongMagic, 'DATA_FORMAT'],
    ['wrong magic at the end', Buffer.concat([whole.subarray(0, -1), Buffer.from('X')]), 'DATA_FORMAT'],
    ['footer cut', whole.subarray(0, -20), 'DATA_FORMAT'],
    ['half of it', whole.subarray(0, whole.length >> 1), 'DATA_FORMAT'],
    ['empty', '', 'DATA_FORMAT'],
    ['text', json(texts), 'DATA_FORMAT'],
    ['packed as gzip', gzipSync(whole), 'DATA_FORMAT'],
    ['zeros', Buffer.alloc(100_000), 'DATA_FORMAT'],
  ];
  for (const [name, bytes, outcome] of cases) {
    const path = join(folder, `${name}.parquet`);
    await writeFile(path, bytes);
    for (const onBadRow of ['error', 'drop'] as const) {
      const got = await outcomeOf({ path }, onBadRow);
      expect(got.outcome, name).toBe(outcome);
      if (outcome !== '3') expect(got.message).toContain(`${name}.parquet: expected`);
    }
  }
});

it('standard input: damage as in a file', async () => {
  const script = `
    import { openRows } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)};
    const stream = openRows({ inputs: [{ path: '-' }], onBadRow: 'drop' });
    let rows = 0;
    try { for await (const row of stream) rows++; console.log(rows, stream.account()[0].bad); }
    catch (error) { console.log(error.code, error.message); }`;
  const cases: readonly (readonly [Buffer | string, RegExp])[] = [
    [json(texts), /^3 0$/],
    [gzipSync(json(manyRows)).subarray(0, -9), /^(5\d|60)\d\d 1$/],
    [utf16(json(texts), '', false), /^3 0$/],
    [`${json(texts)}\0\n`, /^3 1$/],
    ['PAR1....', /^DATA_FORMAT stdin: expected rows, got Parquet/],
    ['no data', /^DATA_FORMAT stdin: expected a name that ends in/],
    ['', /^(0 0|DATA_FORMAT stdin: .*)$/],
  ];
  await Promise.all(
    cases.map(async ([content, expected]) => {
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      let said = '';
      child.stdout.on('data', (chunk) => {
        said += chunk;
      });
      child.stdin.on('error', () => {}).end(content);
      await once(child, 'close');
      expect(said.trim()).toMatch(expected);
    }),
  );
}, 20_000);
