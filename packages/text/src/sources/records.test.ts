import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRng, isSlmError } from '@slm-compress/onnx';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readRecords } from './records.ts';

const columns = { id: 'id', text: 'text', label: 'label' };
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'records-'));
});
afterAll(() => rm(folder, { recursive: true }));

const file = async (name: string, content: string | Uint8Array) => {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
};

describe('readRecords', () => {
  it('reads .jsonl: ids, numeric labels, blank lines, a BOM', async () => {
    const path = await file('a.jsonl', '\ufeff{"id":"x","text":"one","label":"ham"}\n\n{"text":"two","label":1}\r\n');
    expect(await readRecords(path, columns)).toEqual([
      { id: 'x', content: 'one', label: 'ham', repaired: false },
      { id: 'line-0000003', content: 'two', label: '1', repaired: false },
    ]);
  });

  it('reads .csv: quotes, line breaks in fields, named columns', async () => {
    const path = await file('b.csv', 'category,message\r\nham,"a, ""b""\nc"\r\nspam,d\r\n');
    expect(await readRecords(path, { id: 'id', text: 'message', label: 'category' })).toEqual([
      { id: 'line-0000003', content: 'a, "b"\nc', label: 'ham', repaired: false },
      { id: 'line-0000004', content: 'd', label: 'spam', repaired: false },
    ]);
  });

  it('names file and line of a wrong row', async () => {
    const cases: readonly (readonly [string, string, RegExp])[] = [
      [
        'c1.jsonl',
        '{"text":"a","label":"x"}\n{"text":"a"',
        /c1\.jsonl:2: expected one JSON object a line, got \{"text":"a"/,
      ],
      ['c2.jsonl', '{"text":"a","label":"x"}\n["a"]', /c2\.jsonl:2: expected an object with "text" and "label"/],
      [
        'c3.jsonl',
        '{"text":5,"label":"x"}',
        /c3\.jsonl:1: expected a string in "text", got 5 \(columns: text, label\)/,
      ],
      ['c4.jsonl', '{"text":"a","label":""}', /c4\.jsonl:1: expected a label in "label", got ""/],
      ['c5.jsonl', '{"text":"a","label":null}', /c5\.jsonl:1: expected a label in "label", got null/],
      ['c6.jsonl', '{"id":[],"text":"a","label":"x"}', /c6\.jsonl:1: expected a string or number in "id", got \[\]/],
      [
        'c7.jsonl',
        '{"id":1,"text":"a","label":"x"}\n{"id":"1","text":"b","label":"x"}',
        /c7\.jsonl:2: expected a unique "id", got "1" again \(line 1\)/,
      ],
      ['c8.jsonl', '{"__proto__":{"text":"a"},"label":"x"}', /c8\.jsonl:1: expected a string in "text", got nothing/],
      [
        'c9.jsonl',
        '{"text":"a","label":" x "}\n{"text":"a","label":"x\\ny"}',
        /c9\.jsonl:2: expected a label without line breaks and tabs, got "x\\ny"/,
      ],
      ['c10.jsonl', '{"text":"a","label":"x\\ty"}', /c10\.jsonl:1: expected a label without line breaks and tabs/],
      ['d4.csv', 'text,label,text\na,x,b\n', /d4\.csv:1: expected each column once in the header, got "text" twice/],
      ['d5.csv', 'text;label\na;x\n', /got nothing \(columns: text;label; fields must be separated by commas\)/],
      ['d6.csv', 'text\tlabel\na\tx\n', /d6\.csv:2: .*fields must be separated by commas/],
      ['d1.csv', 'text,label\na,x,extra\n', /d1\.csv:2: expected a CSV record, got: Invalid Record Length/],
      ['d2.csv', 'text,label\n"open,x\n', /d2\.csv:\d: expected a CSV record, got: Quote Not Closed/],
      ['d3.csv', 'body,label\na,x\n', /d3\.csv:2: expected a string in "text", got nothing \(columns: body, label\)/],
    ];
    for (const [name, content, message] of cases) {
      const path = await file(name, content);
      await expect(readRecords(path, columns), name).rejects.toMatchObject({
        code: 'DATA_ROW',
        message: expect.stringMatching(message),
      });
    }
  });

  it('decodes invalid UTF-8 with replacement and marks the row', async () => {
    const invalid = Buffer.from('caf\xe9', 'latin1');
    const json = await file(
      'e.jsonl',
      Buffer.concat([Buffer.from('{"label":"x","text":"'), invalid, Buffer.from('"}\n{"label":"x","text":"b"}')]),
    );
    expect((await readRecords(json, columns)).map((row) => [row.content, row.repaired])).toEqual([
      ['caf\ufffd', true],
      ['b', false],
    ]);
    const csv = await file('e.csv', Buffer.concat([Buffer.from('label,text\nx,'), invalid, Buffer.from('\nx,b\n')]));
    expect((await readRecords(csv, columns)).map((row) => [row.content, row.repaired])).toEqual([
      ['caf\ufffd', true],
      ['b', false],
    ]);
  });

  it('refuses a missing file and an unknown format', async () => {
    await expect(readRecords(join(folder, 'none.csv'), columns)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    await expect(readRecords(join(folder, 'data.parquet'), columns)).rejects.toMatchObject({ code: 'DATA_FORMAT' });
  });

  it('reads a text of 1 MB', async () => {
    const path = await file('big.jsonl', `${JSON.stringify({ text: 'a '.repeat(500_000), label: 'x' })}\n`);
    expect((await readRecords(path, columns))[0]!.content).toHaveLength(1_000_000);
  });

  it('never throws anything but SlmError on mutated files', async () => {
    const rng = createRng(9);
    const pieces = [
      '"',
      ',',
      '\n',
      '\r\n',
      '{',
      '}',
      '"text":',
      '"label":"x"',
      'text,label',
      '\\u',
      '\0',
      '[',
      'a',
      ';',
      '\ufeff',
    ];
    for (let round = 0; round < 300; round++) {
      let content = round % 2 ? 'text,label\n' : '{"text":"a","label":"x"}\n';
      for (let i = rng.integer(12); i >= 0; i--) content += pieces[rng.integer(pieces.length)];
      const bytes = Buffer.from(content);
      bytes[rng.integer(bytes.length)] = rng.integer(256);
      const path = await file(round % 2 ? 'fuzz.csv' : 'fuzz.jsonl', bytes);
      const error = await readRecords(path, columns).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error === undefined || isSlmError(error), String(error)).toBe(true);
    }
  });
});
