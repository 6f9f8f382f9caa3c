import { createRng } from '@slm-compress/onnx';
import { describe, expect, it } from 'vitest';
import { createCleaner } from './cleaner.ts';
import { standardCleaning } from './standard.ts';
import type { CleaningStep } from './steps.ts';

const family = '👨\u200d👩\u200d👧';
const scotland = '🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}';
const persian = 'می\u200cخواهم';
const english = 'This film was a great surprise, and we would watch it again with friends.';
const german = 'Dieser Film war eine große Überraschung, und wir würden ihn gern wieder sehen.';

describe('createCleaner', () => {
  const dropped = undefined;
  const cases: readonly (readonly [CleaningStep, string, string | undefined])[] = [
    [{ step: 'html-to-text' }, '<p>a &amp; b<script>x()</script><style>y{}</style><b>c', '\na & bc\n'],
    [{ step: 'html-to-text' }, '1 > 0', '1 > 0'],
    [{ step: 'mojibake' }, 'cafÃ© â€œhiâ€\u009d donâ€™t', 'café “hi” don’t'],
    [{ step: 'mojibake' }, 'caf\u00c3\u0192\u00c2\u00a9', 'café'],
    [{ step: 'mojibake' }, 'ðŸ˜€ Â£5 naÃ¯ve', '😀 £5 naïve'],
    [{ step: 'mojibake' }, 'CAFÉ® «Ö» über São Ärger 10–20 € Â', 'CAFÉ® «Ö» über São Ärger 10–20 € Â'],
    [{ step: 'unicode' }, 'e\u0301 ﬁ \ud800', 'é ﬁ \ufffd'],
    [{ step: 'unicode', form: 'NFKC' }, 'ﬁ ①', 'fi 1'],
    [{ step: 'invisible' }, 'v\u200bi\u00ad\u0000\ufeff\u202ea\u200d', 'via'],
    [{ step: 'invisible' }, `${family} ${scotland} ${persian} क्\u200dष`, `${family} ${scotland} ${persian} क्\u200dष`],
    [{ step: 'white-space' }, ' a\t\u00a0b \r\n\n\n\nc', 'a b\n\nc'],
    [{ step: 'lowercase' }, 'ÀB', 'àb'],
    [{ step: 'keep-characters', classes: ['letters', 'emoji'] }, `so-so 10 ${family}!\nx`, `so so   ${family} \nx`],
    [{ step: 'keep-characters', classes: ['letters', 'punctuation'], also: '3]^' }, 'a,b 345 ]^$', 'a,b 3  ]^ '],
    [
      { step: 'placeholders', kinds: ['url', 'email', 'phone', 'number'], text: { number: '#' } },
      'see https://a.b/c?d=1, mail me.x@y-z.co.uk or +44 20 7946 0958; 1,234.5 of B2 (www.x.org).',
      'see [URL], mail [EMAIL] or [PHONE]; # of B2 ([URL]).',
    ],
    [{ step: 'names', names: ['Ann', 'Ann Lee'] }, 'ann lee, Ann, Anna', '[NAME], [NAME], Anna'],
    [{ step: 'stop-words' }, 'The film was not good', 'film not good'],
    [{ step: 'stop-words', words: ['c++'] }, 'use C++ or C', 'use or C'],
    [{ step: 'cut', maxCharacters: 4 }, 'abc😀', 'abc'],
    [{ step: 'cut', maxCharacters: 4 }, 'abc d', 'abc'],
    [{ step: 'drop-empty' }, ' -- ', dropped],
    [{ step: 'drop-empty' }, '😀', '😀'],
    [{ step: 'length', characters: { min: 3 } }, 'ab', dropped],
    [{ step: 'length', words: { min: 2, max: 3 } }, 'a b c d', dropped],
    [{ step: 'length', words: { min: 2, max: 3 } }, 'a, b', 'a, b'],
    [{ step: 'repetition', lines: 0.4 }, 'a\na\nb', 'a\na\nb'],
    [{ step: 'repetition', lines: 0.3 }, 'a\na\nb', dropped],
    [{ step: 'repetition', ngrams: 0.5 }, 'buy it now '.repeat(9), dropped],
    [{ step: 'repetition', ngrams: 0.5 }, english, english],
    [{ step: 'repetition', characters: 0.3 }, 'noooooo', dropped],
    [{ step: 'repetition', characters: 0.3 }, '', ''],
    [{ step: 'language', languages: ['en'] }, english, english],
    [{ step: 'language', languages: ['en'] }, german, dropped],
    [{ step: 'language', languages: ['en'] }, '12', '12'],
    [{ step: 'language', languages: ['en'], unsure: 'drop' }, '12', dropped],
  ];
  it.each(cases)('%j of %j', async (step, text, expected) => {
    const cleaner = await createCleaner([step]);
    expect(cleaner.clean(text)).toBe(expected);
    const [account] = cleaner.account();
    expect(account!.rows).toBe(expected !== undefined && expected !== text ? 1 : 0);
    expect(account!.dropped).toBe(expected === undefined ? 1 : 0);
    expect(account!.examples).toHaveLength(expected === text ? 0 : 1);
  });

  it('accounts for every step, with the first examples', async () => {
    const cleaner = await createCleaner(
      [{ step: 'html-to-text' }, { step: 'white-space' }, { step: 'length', words: { min: 2 } }],
      { examples: 1 },
    );
    expect(['<b>one</b>', 'a  b', 'a   b', 'c d'].map((text) => cleaner.clean(text))).toEqual([
      undefined,
      'a b',
      'a b',
      'c d',
    ]);
    expect(cleaner.account()).toEqual([
      {
        step: 'html-to-text',
        rows: 1,
        characters: 7,
        dropped: 0,
        examples: [{ before: '<b>one</b>', after: 'one' }],
      },
      { step: 'white-space', rows: 2, characters: 3, dropped: 0, examples: [{ before: 'a  b', after: 'a b' }] },
      { step: 'length', rows: 0, characters: 0, dropped: 1, examples: [{ before: 'one' }] },
    ]);
  });

  it('refuses steps it does not know and options out of range', async () => {
    const wrong: readonly (readonly [unknown, RegExp])[] = [
      [{ step: 'polish' }, /expected the name of a step, got "polish"/],
      [{ step: 'cut', maxCharacters: 0 }, /cut\.maxCharacters: expected a whole number of at least 1, got 0/],
      [{ step: 'names', names: [] }, /names: expected a list of words/],
      [{ step: 'keep-characters', classes: ['vowels'] }, /of letters, digits, .*got vowels/],
      [{ step: 'repetition', lines: 2 }, /repetition\.lines: expected a share from 0 to 1, got 2/],
    ];
    for (const [step, message] of wrong) {
      await expect(createCleaner([step as CleaningStep])).rejects.toMatchObject({
        code: 'DATA_OPTION',
        message: expect.stringMatching(message),
      });
    }
  });

  it('takes any text of 200 kB in bounded time', async () => {
    const cleaner = await createCleaner([
      { step: 'mojibake' },
      { step: 'invisible' },
      { step: 'placeholders', kinds: ['url', 'email', 'phone', 'number'] },
      { step: 'keep-characters', classes: ['letters'] },
      { step: 'stop-words' },
      { step: 'white-space' },
      { step: 'repetition', ngrams: 0.9, characters: 0.9 },
    ]);
    for (const piece of [
      'a',
      '1',
      '1 ',
      '.',
      'a.',
      '@',
      'a@',
      'a@a.',
      'www.',
      '+1',
      'Ã',
      '\u200d',
      '👨\u200d',
      ' ',
      '-',
      '1-1',
    ]) {
      const text = piece.repeat(200_000 / piece.length);
      expect(cleaner.clean(text) ?? '').toSatisfy((cleaned: string) => cleaned.length <= text.length);
    }
  }, 60_000);

  it('repairs all of Latin-1 and windows-1252 that became mojibake and keeps what is right', async () => {
    const cleaner = await createCleaner([{ step: 'mojibake' }]);
    const rng = createRng(8);
    const words = [
      'élan',
      'über',
      'señor',
      'naïve',
      '“quoted”',
      'it’s',
      'a – b',
      '£5',
      '½',
      'ça',
      '…',
      '•',
      'word',
      'x',
    ];
    for (let round = 0; round < 500; round++) {
      const text = Array.from({ length: 8 }, () => words[rng.integer(words.length)]).join(' ');
      expect(cleaner.clean(text)).toBe(text);
      expect(cleaner.clean(Buffer.from(text).toString('latin1'))).toBe(text);
    }
  });
});

it('standardCleaning is idempotent, and its account adds up', async () => {
  const rng = createRng(1);
  const alphabet = [...'aBç \t\n\r\u00a0\u2028\u200b\u200d\u0301\u00ad\u0007\ufeff😀👩İﬁ', '\ud800'];
  const steps = standardCleaning.filter(({ step }) => step !== 'drop-empty');
  for (let round = 0; round < 500; round++) {
    let raw = '';
    for (let i = rng.integer(40); i > 0; i--) raw += alphabet[rng.integer(alphabet.length)];
    const cleaner = await createCleaner(steps);
    const text = cleaner.clean(raw)!;
    const taken = cleaner.account().reduce((sum, { characters }) => sum + characters, 0);
    expect(raw.length - taken).toBe(text.length);
    expect(cleaner.clean(text), JSON.stringify(raw)).toBe(text);
  }
});

it('white space comes out as if every run were replaced one kind after the other', async () => {
  const rng = createRng(21);
  const cleaner = await createCleaner([{ step: 'white-space' }]);
  const pieces = [' ', ' ', '\t', '\u00a0', '\u3000', '\n', '\n', '\r\n', '\r', '\u2028', 'a', 'b'];
  for (let round = 0; round < 2000; round++) {
    let raw = '';
    for (let i = rng.integer(14); i >= 0; i--) raw += pieces[rng.integer(pieces.length)];
    const lines = raw.split(/\r\n|[\r\n\u2028]/).map((line) => line.replace(/[\t\u00a0\u3000 ]+/g, ' ').trim());
    const expected = lines.join('\n').replace(/\n\n+/g, '\n\n').trim();
    expect(cleaner.clean(raw), JSON.stringify(raw)).toBe(expected);
  }
});

it('cleans the texts of a row alone and judges them together', async () => {
  const steps = [{ step: 'white-space' }, { step: 'drop-empty' }, { step: 'length', words: { min: 3 } }] as const;
  const cleaner = await createCleaner(steps);
  expect(cleaner.cleanAll([' a ', 'b  c'])).toEqual(['a', 'b c']);
  expect(cleaner.cleanAll([' ', 'b  c d'])).toEqual(['', 'b c d']);
  expect(cleaner.cleanAll(['a', 'b'])).toBe('length');
  expect(cleaner.cleanAll([' ', ''])).toBe('drop-empty');
  expect(cleaner.account().map(({ rows, dropped }) => [rows, dropped])).toEqual([
    [3, 0],
    [0, 1],
    [0, 1],
  ]);
  const keeper = await createCleaner(steps, { keepRows: true });
  expect([keeper.cleanAll(['a', ' b']), keeper.clean(' ')]).toEqual([['a', 'b'], '']);
});
