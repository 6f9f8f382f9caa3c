import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createRng, isSlmError } from '@slm-compress/onnx';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRows } from './open-rows.ts';
import { openParquet } from './parquet.ts';
import { createParquetThread, type ParquetThread } from './parquet-thread.ts';
import type { SourceRecord } from './record.ts';

const goldens = fileURLToPath(new URL('../../goldens/parquet', import.meta.url));
let folder = '';
let thread: ParquetThread;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parquet-'));
  thread = createParquetThread();
});
afterAll(async () => {
  await thread.end();
  await rm(folder, { recursive: true });
});

const file = async (name: string, content: Uint8Array) => {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
};
const records = async (path: string, using = thread): Promise<readonly SourceRecord[]> => {
  const found: SourceRecord[] = [];
  const { columns, records } = await openParquet(path, using);
  for await (const record of records(columns, 1 << 24)) found.push(record);
  return found;
};
const write = (texts: readonly string[], rowGroupSize: number) =>
  Buffer.from(
    parquetWriteBuffer({
      columnData: [{ name: 'text', data: [...texts], type: 'STRING' }],
      rowGroupSize,
      codec: 'UNCOMPRESSED',
    }),
  );

describe('openParquet gives the values of pyarrow', async () => {
  const values = JSON.parse(await readFile(join(goldens, 'values.json'), 'utf8')) as Record<string, readonly object[]>;
  const names = (await readdir(goldens)).filter((name) => name.endsWith('.parquet'));
  it.each(names)('%s', async (name) => {
    const found = await records(join(goldens, name));
    const expected = values[name === 'pandas.parquet' ? 'pandas' : 'all']!;
    expect(found).toHaveLength(expected.length);
    found.forEach((record, row) => {
      if (!('fields' in record)) throw new Error(record.bad);
      const shown = JSON.parse(
        JSON.stringify(record.fields, (_, value) => (typeof value === 'bigint' ? `${value}n` : (value ?? null))),
      );
      expect(shown, record.where).toEqual(
        Object.fromEntries(Object.entries(expected[row]!).filter(([column]) => column in record.fields)),
      );
      expect(Object.keys(record.fields).length).toBeGreaterThan(1);
      expect(record.repaired, record.where).toBe('bytes' in record.fields && row === 2);
    });
  });

  it('as rows: chat messages, long ids, times, decimals as labels', async () => {
    const inputs = [
      {
        path: join(goldens, 'all.parquet'),
        columns: { messages: 'messages', id: 'id', time: 'micros', label: 'price' },
      },
    ];
    const rows = openRows({ inputs, onBadRow: 'drop' });
    for await (const row of rows) {
      expect(row).toMatchObject({
        id: '-9007199254740994',
        text: '1.0',
        messages: [{ role: 'user', content: '1.0' }],
        label: '-9.43',
        time: '1969-12-31T23:59:59.001001Z',
      });
      break;
    }
  });
});

describe('openParquet meets', () => {
  it('a thread without progress for as long as it may take: it is ended, and says so', async () => {
    const path = await file('two.parquet', write(['a', 'b'], 1));
    // To start takes longer than that.
    const hasty = createParquetThread({ stallMs: 5 });
    try {
      await expect(openParquet(path, hasty)).rejects.toMatchObject({
        code: 'DATA_FORMAT',
        message: expect.stringMatching(/no progress for .* while decoding it/),
      });
    } finally {
      await hasty.end();
    }
    const { columns, records: rows } = await openParquet(path, thread);
    const texts: unknown[] = [];
    for await (const record of rows(columns, 100)) texts.push('fields' in record && record.fields.text);
    expect(texts).toEqual(['a', 'b']);
  });

  it.each(['all', 'tiny-pages-v2', 'encodings', 'snappy', 'zstd', 'lz4'])(
    'damage in %s: rows, bad rows or a coded error',
    async (name) => {
      const bytes = await readFile(join(goldens, `${name}.parquet`));
      const rng = createRng(5).fork(name);
      const outcomes = { rows: 0, bad: 0, refused: 0 };
      for (let i = 0; i < 50; i++) {
        const damaged = Buffer.from(bytes);
        const hits = 1 + rng.integer(4);
        for (let hit = 0; hit < hits; hit++) damaged[4 + rng.integer(damaged.length - 8)] = rng.integer(256);
        try {
          const found = await records(await file(`damaged-${name}-${i}.parquet`, damaged));
          outcomes[found.some((record) => 'bad' in record) ? 'bad' : 'rows']++;
        } catch (error) {
          if (!isSlmError(error)) throw error;
          expect(error.code).toMatch(/^(DATA_FORMAT|DATA_ROW)$/);
          outcomes.refused++;
        }
      }
      expect(outcomes.bad + outcomes.refused).toBeGreaterThan(5);
    },
    60_000,
  );
});
