import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { createRng, isSlmError } from '@slm-compress/onnx';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OpenRowsOptions, openRows, type RowInput } from './open-rows.ts';
import type { TextRow } from './text-row.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rows-'));
});
afterAll(() => rm(folder, { recursive: true }));

const file = async (name: string, content: string | Uint8Array) => {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  return path;
};
const read = async (input: RowInput | readonly RowInput[], options: Partial<OpenRowsOptions> = {}) => {
  const stream = openRows({ inputs: Array.isArray(input) ? input : [input as RowInput], ...options });
  const rows: TextRow[] = [];
  for await (const row of stream) rows.push(row);
  return { rows, texts: rows.map((row) => row.text), account: stream.account() };
};
const parquet = (texts: readonly string[], extra: Record<string, unknown> = {}, rowGroupSize = 1000) =>
  new Uint8Array(
    parquetWriteBuffer({
      columnData: [
        { name: 'text', data: [...texts], type: 'STRING' },
        { name: 'label', data: texts.map((_, i) => BigInt(i % 2)), type: 'INT64' },
      ],
      rowGroupSize,
      ...extra,
    }),
  );
/** zstd frame of raw blocks (RFC 8878, 3.1.1): an encoder that compresses nothing. */
const zstd = (content: string) => {
  const bytes = Buffer.from(content);
  const header = Buffer.alloc(9);
  header.writeUInt32LE(0xfd2fb528, 0);
  header[4] = 0xa0;
  header.writeUInt32LE(bytes.length, 5);
  const block = Buffer.alloc(3);
  block.writeUIntLE((bytes.length << 3) | 1, 0, 3);
  return Buffer.concat([header, block, bytes]);
};

describe('openRows reads', () => {
  const jsonl = '{"id":7,"text":"one","label":"a"}\n\n{"text":"two"}\r\n';
  const cases: [string, string | Uint8Array, readonly (readonly [string, string?])[], Partial<RowInput>?][] = [
    ['a.jsonl', jsonl, [['one', 'a'], ['two']]],
    ['a.jsonl.gz', gzipSync(jsonl), [['one', 'a'], ['two']]],
    [
      'two-members.jsonl.gz',
      Buffer.concat([gzipSync(jsonl), gzipSync('{"text":"3"}')]),
      [['one', 'a'], ['two'], ['3']],
    ],
    ['a.jsonl.zst', zstd(jsonl), [['one', 'a'], ['two']]],
    ['no-extension', jsonl, [['one', 'a'], ['two']]],
    ['bom.jsonl', `\ufeff${jsonl}`, [['one', 'a'], ['two']]],
    ['utf16le.jsonl', Buffer.from(`\ufeff${jsonl}`, 'utf16le'), [['one', 'a'], ['two']]],
    ['utf16le-unmarked.jsonl', Buffer.from(jsonl, 'utf16le'), [['one', 'a'], ['two']]],
    ['utf16be.jsonl', Buffer.from(`\ufeff${jsonl}`, 'utf16le').swap16(), [['one', 'a'], ['two']]],
    ['returns.jsonl', '{"text":"a"}\r{"text":"b"}\n{"text":"c"}\r\n\r{"text":"d"}', [['a'], ['b'], ['c'], ['d']]],
    ['latin1.jsonl', Buffer.from('{"text":"café"}\n{"text":"x"}', 'latin1'), [['café'], ['x']]],
    ['cp1251.csv', Buffer.from('text\n\xcf\xf0\xe8\xe2\xe5\xf2', 'latin1'), [['Привет']], { encoding: 'windows-1251' }],
    [
      'a.csv',
      'label,text\r\nx,"a, ""b""\r\nc"\r\n\r\ny,d\r\n',
      [
        ['a, "b"\nc', 'x'],
        ['d', 'y'],
      ],
    ],
    ['semicolons.csv', 'label;text\nx;a,b\n', [['a,b', 'x']]],
    [
      'a.tsv',
      'label\ttext\nx\t"quoted\ny\td\n',
      [
        ['"quoted', 'x'],
        ['d', 'y'],
      ],
    ],
    ['quoted.tsv', 'label\ttext\nx\t"a\tb"\n', [['a\tb', 'x']], { quotes: true }],
    ['a.txt', 'one\n\n two \n', [['one'], [' two ']]],
    ['document.md', 'one\n\ntwo', [['one\n\ntwo']], { format: 'document' }],
    [
      'a.parquet',
      parquet(['p', 'q']),
      [
        ['p', '0'],
        ['q', '1'],
      ],
    ],
    [
      'parquet-inside',
      parquet(['p', 'q']),
      [
        ['p', '0'],
        ['q', '1'],
      ],
    ],
    [
      'gzip.parquet',
      parquet(['p', 'q'], { codec: 'SNAPPY' }),
      [
        ['p', '0'],
        ['q', '1'],
      ],
    ],
    [
      'named.parquet',
      parquet(['p', 'q'], {
        kvMetadata: [
          { key: 'huggingface', value: '{"info":{"features":{"label":{"names":["neg","pos"],"_type":"ClassLabel"}}}}' },
        ],
      }),
      [
        ['p', 'neg'],
        ['q', 'pos'],
      ],
    ],
  ];
  it.each(cases)('%s', async (name, content, expected, input = {}) => {
    const { rows, account } = await read({ path: await file(name, content), ...input });
    expect(rows.map((row) => [row.text, row.label])).toEqual(expected.map(([text, label]) => [text, label]));
    expect(account).toMatchObject([{ files: 1, rows: expected.length, bad: 0 }]);
    expect(rows.every((row) => row.repaired === (name === 'latin1.jsonl' && row.text === 'café'))).toBe(true);
  });

  it('chat messages, pairs, groups, times and nested columns', async () => {
    const path = await file(
      'chat.jsonl',
      '{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"ho"}]}\n' +
        '{"conversations":[{"from":"human","value":"a"},{"from":"gpt","value":"b"}]}\n',
    );
    const { rows, account } = await read({ path }, { onBadRow: 'drop' });
    expect(rows).toMatchObject([
      { text: 'hi\nho', messages: [{ role: 'user' }, { role: 'assistant', content: 'ho' }] },
    ]);
    expect(account[0]!.examples[0]).toMatch(/chat\.jsonl:2: expected a string in "text"/);
    const named = await read({ path, columns: { messages: 'conversations' } }, { onBadRow: 'drop' });
    expect(named.rows[0]!.messages).toEqual([
      { role: 'user', content: 'a' },
      { role: 'assistant', content: 'b' },
    ]);
    const nested = await file('nested.jsonl', '{"a":{"q":"x"},"b":"y","who":3,"at":"2024-01-01","k":true}\n');
    expect(
      (await read({ path: nested, columns: { text: 'a.q', pair: 'b', group: 'who', time: 'at', label: 'k' } })).rows,
    ).toEqual([
      {
        id: `${nested}:1`,
        where: `${nested}:1`,
        text: 'x',
        pair: 'y',
        group: '3',
        time: '2024-01-01',
        label: 'true',
        repaired: false,
      },
    ]);
  });
});

describe('openRows finds', () => {
  it('folders as labels, patterns and folders of files', async () => {
    for (const [split, label, name] of [
      ['train', 'neg', '0_1'],
      ['train', 'pos', '0_9'],
      ['train', 'pos', '1_8'],
      ['test', 'neg', '0_2'],
      ['test', 'pos', '0_7'],
    ]) {
      await file(`imdb/${split}/${label}/${name}.txt`, `${split} ${label}\n${name}`);
    }
    const expected = [
      ['neg/0_1', 'neg'],
      ['pos/0_9', 'pos'],
      ['pos/1_8', 'pos'],
    ];
    const path = join(folder, 'imdb');
    for (const input of [{ path: join(path, 'train') }, { path, split: 'train' }]) {
      const { rows } = await read(input);
      expect(rows.map((row) => [row.id, row.label])).toEqual(expected);
      expect(rows[0]!.text).toBe('train neg\n0_1');
    }
    expect((await read({ path: join(path, '**/p?s/*_{7,8}.txt'), format: 'document' })).rows).toHaveLength(2);
    await file('parts/b.jsonl', '{"text":"b"}');
    await file('parts/a.csv', 'text\na\n');
    expect((await read({ path: join(folder, 'parts') })).texts).toEqual(['a', 'b']);
    expect((await read({ path: join(folder, 'parts/[!b]*') })).texts).toEqual(['a']);
  });

  it('the splits and configurations of Hugging Face data sets', async () => {
    await file('hf/data/train-00000-of-00002.parquet', parquet(['a']));
    await file('hf/data/train-00001-of-00002.parquet', parquet(['b']));
    await file('hf/data/test-00000-of-00001.parquet', parquet(['c']));
    await file('hf/dataset_infos.json', '{}');
    const path = join(folder, 'hf');
    expect((await read({ path, split: 'train' })).texts).toEqual(['a', 'b']);
    expect((await read({ path, split: 'test' })).texts).toEqual(['c']);
    await expect(read({ path })).rejects.toMatchObject({
      code: 'DATA_OPTION',
      message: expect.stringMatching(/expected a split, one of test, train, got none/),
    });
    await expect(read({ path, split: 'dev' })).rejects.toMatchObject({ code: 'DATA_OPTION' });
    await file('card/x.jsonl', '{"text":"x","label":1}');
    await file('card/sub/y.jsonl', '{"text":"y"}');
    await file(
      'card/dataset_infos.json',
      '{"default":{"features":{"label":{"_type":"ClassLabel","names":["no","yes"]}}}}',
    );
    await file(
      'card/README.md',
      '---\nlicense: mit # free\nconfigs:\n- config_name: first\n  default: true\n  data_files:\n  - split: train\n    path: "x.jsonl"\n' +
        '  - split: test\n    path:\n    - sub/*.jsonl\n- config_name: second\n  data_files: sub/y.jsonl\n---\n# Card\n',
    );
    const card = join(folder, 'card');
    expect((await read({ path: card, split: 'train' })).rows).toMatchObject([{ text: 'x', label: 'yes' }]);
    expect((await read({ path: card, split: 'test' })).texts).toEqual(['y']);
    expect((await read({ path: card, config: 'second' })).texts).toEqual(['y']);
    await expect(read({ path: card, config: 'third' })).rejects.toThrow(/one of first, second, got "third"/);
  });
});

describe('openRows meets', () => {
  const long = 'x'.repeat(2000);
  const good = '{"text":"good"}\n';
  /** Name, content, code and message with `error`; rows left and bad ones with `drop`. */
  const cases: [string, string | Uint8Array, RegExp, readonly string[], number, Partial<RowInput>?][] = [
    ['json.jsonl', `${good}{"text":\n${good}`, /json\.jsonl:2: expected one JSON object a line/, ['good', 'good'], 1],
    ['array.jsonl', `${good}[1]\n`, /array\.jsonl:2: .*an array/, ['good'], 1],
    ['open.jsonl', `${good}[\n`, /open\.jsonl:2: .*\[ \(an array: write one object a line/, ['good'], 1],
    ['nul.jsonl', `${good}\0\0\n`, /nul\.jsonl:2: .*NUL/, ['good'], 1],
    ['nul.txt', 'a\nb\0c\nd', /nul\.txt:2: .*NUL/, ['a', 'd'], 1],
    ['nul.csv', 'text\na\nb\0c\nd', /nul\.csv:3: .*NUL/, ['a', 'd'], 1],
    ['huge.jsonl', `${good}{"text":"a","id":12345678901234567890}\n`, /huge\.jsonl:2: .*2\^53/, ['good'], 1],
    [
      'kind.jsonl',
      `${good}{"text":5,"b":1}\n`,
      /:2: expected a string in "text", got 5 \(columns: text, b\)/,
      ['good'],
      1,
    ],
    [
      'label.jsonl',
      `{"text":"a","y":"n"}\n${good}`,
      /:2: expected a string or number in "y", got nothing/,
      ['a'],
      1,
      { columns: { label: 'y' } },
    ],
    [
      'long.jsonl',
      `${good}{"text":"${long}"}\n${good}`,
      /long\.jsonl:2: expected a row of at most 1000 bytes/,
      ['good', 'good'],
      1,
    ],
    ['long.csv', `text\n"${long}"\nb\n`, /long\.csv:2: expected a row of at most 1000 bytes/, ['b'], 1],
    ['long.md', long, /long\.md: expected a row of at most 1000 bytes/, [], 1, { format: 'document' }],
    [
      'open.csv',
      'text,n\na,1\n"open,2\nc,3\nd,4\n',
      /open\.csv:3: expected the quote opened in this line to be closed/,
      ['a', 'c', 'd'],
      1,
    ],
    [
      'second-open.csv',
      'n,text\n1,"a\nb"\n2,"c\n3,d\n',
      /second-open\.csv:4: expected the quote opened/,
      ['a\nb', 'd'],
      1,
    ],
    ['reopened.csv', 'n,m,text\n1,"x\ny","c\n3,4,d\n', /reopened\.csv:3: expected the quote opened/, ['d'], 2],
    ['inside.csv', 'text,n\na"b,1\nc,2\n', /inside\.csv:2: expected quotes around a whole field/, ['c'], 1],
    ['after.csv', 'text,n\n"a"b,1\nc,2\n', /after\.csv:2: expected quotes around a whole field/, ['c'], 1],
    ['fields.csv', 'text,n\na,1,2\nc,2\nd\n', /fields\.csv:2: expected 2 fields, got 3/, ['c'], 2],
    [
      'cut.jsonl.gz',
      gzipSync(good.repeat(5000)).subarray(0, -12),
      /cut\.jsonl\.gz: expected a complete gzip stream/,
      Array(5000).fill('good'),
      1,
    ],
    ['cut.jsonl.zst', zstd(good.repeat(9)).subarray(0, -3), /cut\.jsonl\.zst: expected a complete zstd stream/, [], 1],
  ];
  it.each(cases)('%s: an error or a counted drop', async (name, content, message, left, bad, input = {}) => {
    const path = await file(name, content);
    await expect(read({ path, ...input }, { maxRowBytes: 1000 })).rejects.toMatchObject({
      name: 'SlmError',
      message: expect.stringMatching(message),
    });
    const dropping = read({ path, ...input }, { maxRowBytes: 1000, onBadRow: 'drop' });
    if (left.length === 0) {
      await expect(dropping).rejects.toThrow(/expected rows, got only wrong ones \(1\); the first: /);
      return;
    }
    const { texts, account } = await dropping;
    // A stream that is cut may have lost what was packed last.
    if (name.startsWith('cut')) expect(texts.length).toBeGreaterThan(0);
    else expect(texts).toEqual(left);
    expect(account[0]!.bad).toBe(bad);
    expect(account[0]!.examples[0]).toMatch(message);
  });

  it('what is no data, or is not there', async () => {
    const bytes = parquet(['a', 'b'], {}, 1);
    const damaged = Buffer.from(bytes).fill(0xff, 4, 40);
    const fatal: readonly (readonly [RowInput, string, RegExp])[] = [
      [{ path: join(folder, 'none.csv') }, 'FILE_NOT_FOUND', /none\.csv: expected a data file/],
      [{ path: join(folder, 'none*.csv') }, 'FILE_NOT_FOUND', /expected files of this pattern/],
      [{ path: await file('wrong.parquet', 'PARX0000000PAR1') }, 'DATA_FORMAT', /"PAR1" at both ends, got "PARXPAR1"/],
      [{ path: await file('short.parquet', 'PAR1') }, 'DATA_FORMAT', /expected a Parquet file/],
      [{ path: await file('footer.parquet', 'PAR1\xff\xff\xff\xff\x04\0\0\0PAR1') }, 'DATA_FORMAT', /footer/],
      [{ path: await file('b.parquet', bytes), columns: { text: 'body' } }, 'DATA_COLUMN', /"body", got text, label/],
      [
        { path: await file('b.csv', 'body,label\na,b\n') },
        'DATA_COLUMN',
        /b\.csv: expected a column "text", got body, label/,
      ],
      [{ path: await file('twice.csv', 'text,text\na,b\n') }, 'DATA_ROW', /twice\.csv:1: .*"text" twice/],
      [{ path: await file('what.bin', '\x01\x02\x03') }, 'DATA_FORMAT', /what\.bin: expected a name that ends in/],
      [{ path: join(folder, 'b.csv'), format: 'folders' }, 'DATA_FORMAT', /folder of folders/],
      [{ path: join(folder, 'b.csv'), encoding: 'klingon' }, 'DATA_OPTION', /encoding/],
      [{ path: join(folder, 'b.csv'), weight: 0 }, 'DATA_OPTION', /inputs\[0\]\.weight/],
      [{ path: join(folder, 'b.csv'), limit: -1 }, 'DATA_OPTION', /inputs\[0\]\.limit/],
      [{ path: join(folder, 'b.csv'), delimiter: '""' }, 'DATA_OPTION', /inputs\[0\]\.delimiter/],
    ];
    for (const [input, code, message] of fatal) {
      await expect(read(input, { onBadRow: 'drop' }), input.path).rejects.toMatchObject({
        code,
        message: expect.stringMatching(message),
      });
    }
    const path = await file('damaged.parquet', damaged);
    await expect(read({ path })).rejects.toThrow(/damaged\.parquet: row group 0: expected 1 rows/);
    const { texts, account } = await read({ path }, { onBadRow: 'drop' });
    expect([texts, account[0]!.bad]).toEqual([['b'], 1]);
  });

  it('a line of 100 MB without holding it', async () => {
    const line = Buffer.alloc(100_000_000, 'x');
    const path = await file(
      'line.jsonl.gz',
      gzipSync(Buffer.concat([Buffer.from(good), line, Buffer.from(`\n${good}`)]), { level: 1 }),
    );
    const { texts, account } = await read({ path }, { onBadRow: 'drop' });
    expect(texts).toEqual(['good', 'good']);
    expect(account[0]!.examples).toEqual([
      expect.stringMatching(/line\.jsonl\.gz:2: expected a row of at most 16777216 bytes/),
    ]);
  }, 20_000);

  it('mutated files with SlmError only', async () => {
    const rng = createRng(3);
    const seeds: Record<string, Uint8Array> = {
      'fuzz.csv': Buffer.from('text,label\n"a, ""b""\nc",x\nd,y\n"e",z\n'),
      'fuzz.jsonl': Buffer.from('{"text":"a","label":"x"}\n{"text":"b","label":3}\n'),
      'fuzz.jsonl.gz': gzipSync('{"text":"a","label":"x"}\n{"text":"b","label":3}\n'),
      'fuzz.jsonl.zst': zstd('{"text":"a","label":"x"}\n{"text":"b","label":3}\n'),
    };
    for (let round = 0; round < 200; round++) {
      const [name, seed] = Object.entries(seeds)[round % 4]!;
      const bytes = Buffer.from(seed);
      for (let i = rng.integer(4); i >= 0; i--) bytes[rng.integer(bytes.length)] = rng.integer(256);
      const path = await file(name, rng.integer(4) === 0 ? bytes.subarray(0, rng.integer(bytes.length)) : bytes);
      const error = await read({ path }, { onBadRow: rng.integer(2) === 0 ? 'drop' : 'error' }).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error === undefined || isSlmError(error), `${name} ${round}: ${(error as Error)?.stack}`).toBe(true);
    }
  });
});

it('limits, samples and mixtures come out as asked and again the same', async () => {
  const numbered = (name: string) =>
    file(name, Array.from({ length: 1000 }, (_, i) => `{"text":"${name[0]}${i}"}\n`).join(''));
  const [a, b] = [await numbered('a1000.jsonl'), await numbered('b1000.jsonl')];
  expect(
    (
      await read(
        [
          { path: a, limit: 2 },
          { path: b, label: 'z' },
        ],
        { limit: 3 },
      )
    ).rows.at(-1),
  ).toMatchObject({
    text: 'b0',
    label: 'z',
  });
  const mixed = () => read([{ path: a, weight: 3 }, { path: b }], { limit: 800, seed: 5 });
  const { texts } = await mixed();
  const share = texts.filter((text) => text.startsWith('a')).length / 800;
  // Binomial, p = .75: the standard deviation is .0153.
  expect(Math.abs(share - 0.75)).toBeLessThan(0.06);
  expect((await mixed()).texts).toEqual(texts);
  expect(texts.filter((text) => text.startsWith('a'))[5]).toBe('a5');
  expect(new Set((await read([{ path: a, weight: 3 }, { path: b }])).texts).size).toBe(2000);
  const counts = new Int32Array(10);
  for (let seed = 0; seed < 30; seed++) {
    const { texts: sample } = await read({ path: a, sample: 100 }, { seed });
    const indices = sample.map((text) => Number(text.slice(1)));
    expect(indices).toEqual([...new Set(indices)].sort((x, y) => x - y));
    for (const index of indices) counts[Math.floor(index / 100)]!++;
  }
  // 300 expected a tenth; the standard deviation is 16.
  for (const count of counts) expect(Math.abs(count - 300)).toBeLessThan(80);
  expect((await read({ path: a, sample: 3 })).texts).toEqual((await read({ path: a, sample: 3 })).texts);
});

it('leaves no file open when reading stops early', async () => {
  const path = await file('early.jsonl.gz', gzipSync('{"text":"a"}\n'.repeat(200_000)));
  for (let i = 0; i < 50; i++) expect((await read({ path, limit: 1 })).texts).toEqual(['a']);
  await rm(path);
  await expect(readFile(path)).rejects.toThrow();
});
