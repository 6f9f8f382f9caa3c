import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRng } from '@slm-compress/onnx';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ColumnKind, createColumnCollector } from './column-profile.ts';
import { findColumns } from './columns.ts';

const rng = createRng('columns');
const pick = <T>(items: readonly T[]): T => items[rng.integer(items.length)]!;
const nouns = 'card account transfer bank money cash fee limit code app phone rate refund order'.split(' ');
const sentence = () => Array.from({ length: 4 + rng.integer(9) }, () => pick(nouns)).join(' ');
const values = (make: (i: number) => unknown, count = 200) => Array.from({ length: count }, (_, i) => make(i));

describe('what a column holds', () => {
  const cases: readonly (readonly [string, ColumnKind, readonly unknown[]])[] = [
    ['note', 'text', values(sentence)],
    [
      'word',
      'text',
      values((i) => `${pick(nouns)}ly${'abcdefghijklmnopqrstuvwxyz'.repeat(20).slice(i, i + 3 + (i % 7))}`),
    ],
    ['mood', 'category', values(() => pick(['good', 'bad', 'so so']))],
    ['stars', 'category', values(() => pick(['1', '2', '5']))],
    ['flag', 'category', values(() => rng.uniform() < 0.5)],
    ['price', 'number', values(() => (100 * rng.uniform()).toFixed(2))],
    ['many', 'number', values(() => rng.integer(5000))],
    ['nr', 'id', values((i) => i + 7)],
    ['uuid', 'id', values((i) => `a${i}-${i * 7919}`)],
    ['code', 'id', values((i) => `TX${i * 31}`)],
    ['customer', 'group', values(() => `c${rng.integer(60)}`)],
    ['user_id', 'group', values(() => rng.integer(60))],
    ['when', 'date', values((i) => `2024-0${1 + (i % 9)}-11T10:0${i % 10}:00Z`)],
    ['day', 'date', values((i) => `${1 + (i % 28)}/2/2023`)],
    ['at', 'date', values((i) => new Date(1e12 + 1e7 * i))],
    ['tags', 'list', values(() => [...new Set([pick(nouns), pick(nouns)])].join('|'))],
    ['tags', 'list', values(() => JSON.stringify([pick(nouns), pick(nouns)]))],
    ['tags', 'list', values(() => [pick(nouns)])],
    ['chat', 'messages', values(() => [{ role: 'user', content: sentence() }])],
    ['meta', 'object', values(() => ({ a: 1 }))],
    ['lang', 'constant', values(() => 'en')],
    ['none', 'empty', values((i) => [null, '', ' ', undefined][i % 4])],
  ];
  it.each(cases)('%s: %s', (name, kind, list) => {
    const collector = createColumnCollector(name);
    for (const value of list) collector.add(value);
    expect(collector.profile(list.length).kind).toBe(kind);
  });

  it('counts what is missing, different and long, in bounded memory', () => {
    const collector = createColumnCollector('text');
    for (const value of ['ab cd', 'ab cd', '', null, 'x'.repeat(300)]) collector.add(value);
    expect(collector.profile(6)).toMatchObject({ present: 3, missing: 3, distinct: 2, meanCharacters: 310 / 3 });
    for (let i = 0; i < 6000; i++) collector.add(`value ${i}`);
    expect(collector.profile(6006)).toMatchObject({ distinct: 5000, distinctCapped: true, present: 6003 });
  });
});

describe('findColumns', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'columns-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const find = (header: string, row: (i: number) => string) => {
    const path = join(folder, 'rows.csv');
    writeFileSync(path, `${[header, ...values((i) => row(i))].join('\n')}\n`);
    return findColumns({ path });
  };

  it('prefers usual names, then length and repetition', async () => {
    expect(await find('v1,v2', () => `${pick(['ham', 'spam'])},${sentence()}`)).toMatchObject({
      records: 200,
      texts: ['v2'],
      labels: ['v1'],
      labelUnsure: false,
    });
    expect(
      await find('Id,When,Region,Title,Customer Complaint,Category', (i) =>
        [i, `2024-02-${10 + (i % 9)}`, pick(['n', 's']), pick(nouns) + i, sentence(), pick(['a', 'b'])].join(','),
      ),
    ).toMatchObject({
      texts: ['Customer Complaint', 'Title'],
      labels: ['Category', 'Region'],
      labelUnsure: false,
      id: 'Id',
      time: 'When',
    });
    const unsure = await find('a,b,c', () => `${sentence()},${pick(['x', 'y'])},${pick(['p', 'q'])}`);
    expect(unsure).toMatchObject({ labels: ['b', 'c'], labelUnsure: true });
  });

  it('refuses what has no rows', async () => {
    writeFileSync(join(folder, 'none.csv'), 'a,b\n');
    await expect(findColumns({ path: join(folder, 'none.csv') })).rejects.toMatchObject({ code: 'DATA_EMPTY' });
    writeFileSync(join(folder, 'wrong.jsonl'), 'no\nnone\n');
    await expect(findColumns({ path: join(folder, 'wrong.jsonl') })).rejects.toMatchObject({
      code: 'DATA_ROW',
      message: expect.stringContaining('wrong.jsonl:1: expected one JSON object a line'),
    });
  });
});
