import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRng, isSlmError } from '@slm-compress/onnx';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadTokenizer } from '../../tokenizer.ts';
import { readLlama2cVocabulary } from './llama2c-form.ts';
import { readSentencePieceModel } from './sentencepiece-model.ts';

const goldens = new URL('../../../goldens/forms/', import.meta.url);
const unigram = await readFile(new URL('unigram.model', goldens));
const llama = await readFile(new URL('llama.model', goldens));
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hostile-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A vocabulary of llama2.c with some pieces behind the bytes. */
function binary(pieces: readonly string[], longest = 8): Buffer {
  const bytes = Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, '0')}>`);
  const rows = ['<unk>', '\n<s>\n', '\n</s>\n', ...bytes, ...pieces].map((piece, id) => {
    const row = Buffer.alloc(8 + Buffer.byteLength(piece));
    row.writeFloatLE(-id, 0);
    row.writeInt32LE(Buffer.byteLength(piece), 4);
    row.write(piece, 8);
    return row;
  });
  const head = Buffer.alloc(4);
  head.writeInt32LE(longest);
  return Buffer.concat([head, ...rows]);
}
const small = binary([' ', 'a', 'b', 'ab', ' ab']);

const message = (number: number, content: Buffer | string) => {
  const bytes = Buffer.from(content);
  return Buffer.from([(number << 3) | 2, bytes.length, ...bytes]);
};
const piece = (text: Buffer | string, ...rest: readonly number[]) =>
  message(1, Buffer.concat([message(1, text), Buffer.from(rest)]));
const unknown = piece('<unk>', 0x18, 2);
const model = (...parts: readonly Buffer[]) => Buffer.concat(parts);

describe('a SentencePiece model that is wrong', () => {
  it.each([
    ['nothing', Buffer.alloc(0), 'expected pieces, got none in 0 bytes'],
    ['text', Buffer.from('{"model": {}}'), 'expected a field of wire type 0, 1, 2 or 5, got 3'],
    [
      'a length beyond the end',
      model(unknown, Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f])),
      'expected 4294967295 more bytes, got 0',
    ],
    ['an endless varint', model(unknown, Buffer.alloc(20, 0xff)), 'expected a varint of at most 10 bytes'],
    ['field 0', Buffer.from([0x02, 0x00]), 'expected a field number from 1, got 0'],
    ['a piece that is a number', Buffer.from([0x08, 0x01]), 'field 1: expected a message, got wire type 0'],
    ['an empty piece', model(unknown, piece('')), 'piece 1: expected 1 to 512 characters, got 0'],
    ['a piece twice', model(unknown, piece('a'), piece('a')), 'piece 2: expected a new piece, got "a" of piece 1'],
    ['bytes that are not UTF-8', model(unknown, piece(Buffer.from([0xff]))), 'piece 1: expected UTF-8'],
    [
      'a score that is no number',
      model(unknown, piece('a', 0x15, 0, 0, 0xc0, 0x7f)),
      'piece 1: expected a finite score, got NaN',
    ],
    ['a type of its own', model(unknown, piece('a', 0x18, 9)), 'piece 1: expected a type from 1 to 6'],
    ['an end that is missing', model(unknown, piece('a')), 'expected a trainer_spec behind 2 pieces, got none'],
    ['no unknown piece', model(piece('a'), message(2, '')), 'pieces: expected one of the type unknown'],
    [
      'words',
      model(unknown, message(2, Buffer.from([0x18, 3]))),
      'model_type: expected unigram, bpe or char, got word',
    ],
    ['marks behind', model(unknown, message(2, Buffer.from([0xc0, 1, 1]))), 'treat_whitespace_as_suffix'],
    [
      'fallback without bytes',
      model(unknown, message(2, Buffer.from([0x98, 2, 1]))),
      'byte_fallback: expected 256 pieces for bytes, got 0',
    ],
  ])('%s', (_, bytes, expected) => {
    expect(() => readSentencePieceModel(bytes)).toThrow(expected);
  });

  it('has a stable code and names its file', async () => {
    const file = join(folder, 'spiece.model');
    for (const bytes of [Buffer.from('no model'), unigram.subarray(0, 5000), unigram.subarray(0, 5003)]) {
      await writeFile(file, bytes);
      await expect(loadTokenizer(folder)).rejects.toMatchObject({
        code: 'TOKENIZER_CORRUPT',
        message: expect.stringMatching(/expected a tokenizer, got spiece\.model: /),
      });
      await expect(loadTokenizer(file)).rejects.toMatchObject({ code: 'TOKENIZER_CORRUPT' });
    }
    await writeFile(join(folder, 'other.model'), unigram);
    await writeFile(join(folder, 'more.model'), unigram);
    await rm(file);
    await expect(loadTokenizer(folder)).rejects.toThrow(
      'expected one tokenizer, got more.model, other.model (name the file)',
    );
  });
});

describe('a vocabulary of llama2.c that is wrong', () => {
  const at = (row: number) => 4 + row * 8 + Buffer.byteLength(['<unk>', '\n<s>\n'].slice(0, row).join(''));
  const changed = (change: (bytes: Buffer) => void) => {
    const bytes = Buffer.from(small);
    change(bytes);
    return bytes;
  };
  it.each([
    ['nothing', Buffer.alloc(0), 'expected the length of the longest token, got 0 bytes'],
    ['another file', Buffer.from('GGUF and more'), 'longest token: expected 1 to 512 bytes, got'],
    ['a length beyond the end', changed((b) => b.writeInt32LE(2 ** 30, at(1) + 4)), 'token 1: expected 1 to 8 bytes'],
    ['a negative length', changed((b) => b.writeInt32LE(-1, at(0) + 4)), 'token 0: expected 1 to 8 bytes'],
    [
      'a score that is no number',
      changed((b) => b.writeFloatLE(Number.NaN, at(0))),
      'token 0: expected a finite score',
    ],
    ['half a row', small.subarray(0, small.length - 12), 'token 262: expected 1 to 8 bytes of the 1 left, got 2'],
    [
      'other tokens for bytes',
      changed((b) => b.write('X', at(2) + 8 + 6 + 8)),
      'token 3: expected <0x00>, got "X0x00>"',
    ],
    ['too few tokens', small.subarray(0, at(2)), 'expected at least 259 tokens, got 2'],
    ['a token twice', binary(['a', 'a']), 'token 260: expected a new token, got that of 259'],
  ])('%s', (_, bytes, expected) => {
    expect(() => readLlama2cVocabulary(bytes)).toThrow(expected);
  });

  it('reads one that is right', async () => {
    const file = join(folder, 'tok.bin');
    await writeFile(file, small);
    const tokenizer = await loadTokenizer(file);
    expect([...tokenizer.encode('ab').ids]).toEqual([1, 263]);
    expect([...tokenizer.encode('é').ids]).toEqual([1, 259, 3 + 0xc3, 3 + 0xa9]);
    expect(tokenizer.decode(tokenizer.encode('ab é\n').ids)).toBe('ab é\n');
  });
});

it('large beyond use, files are refused before they cost much', () => {
  // 8,200 pieces of 512 characters
  const many = Array.from({ length: 8200 }, (_, i) => {
    const text = Buffer.from(String(i).padStart(512, 'a'));
    const head = Buffer.from([0x0a, 0x80 | (515 & 0x7f), 515 >> 7, 0x0a, 0x80 | (512 & 0x7f), 512 >> 7]);
    return Buffer.concat([head, text]);
  });
  expect(() => readSentencePieceModel(Buffer.concat([unknown, ...many]))).toThrow(
    'expected pieces of 4194304 characters in all',
  );
  expect(() => readSentencePieceModel(Buffer.alloc(2 ** 24 + 1))).toThrow(
    'expected at most 16777216 bytes, got 16777217',
  );
  expect(() => readLlama2cVocabulary(Buffer.alloc(2 ** 24 + 1))).toThrow('expected at most 16777216 bytes');
  const symbols = Array.from({ length: 2 ** 16 + 1 }, (_, i) => piece(String.fromCodePoint(0x10000 + i), 0x18, 4));
  expect(() => readSentencePieceModel(Buffer.concat([unknown, ...symbols, message(2, '')]))).toThrow(
    'expected at most 65536 control and user-defined pieces, got 65537',
  );
  const long = many.map((_, i) => String(i).padStart(512, 'a'));
  expect(() => readLlama2cVocabulary(binary(long, 512))).toThrow('expected tokens of 4194304 characters in all');
});

it('cut short and changed at random, files are read or refused with a code, at no great cost', async () => {
  const rng = createRng(23);
  const file = { model: join(folder, 'random.model'), bin: join(folder, 'tok-random.bin') };
  const sources = [
    [unigram, file.model],
    [llama, file.model],
    [small, file.bin],
  ] as const;
  const before = process.memoryUsage().rss;
  for (let round = 0; round < 240; round++) {
    const [source, path] = sources[round % sources.length]!;
    const bytes = Buffer.from(rng.integer(3) === 0 ? source.subarray(0, rng.integer(source.length)) : source);
    for (let i = rng.integer(6); i > 0 && bytes.length > 0; i--) {
      // mostly in front, where lengths and settings are; now and then whole words of ones
      const where = rng.integer(2) === 0 ? rng.integer(Math.min(64, bytes.length)) : rng.integer(bytes.length);
      bytes.fill(rng.integer(3) === 0 ? 0xff : rng.integer(256), where, where + 1 + rng.integer(4));
    }
    await writeFile(path, bytes);
    try {
      const tokenizer = await loadTokenizer(path);
      tokenizer.encode('the quick brown fox — 漢字 <sep> 1,000 😀');
    } catch (error) {
      expect(isSlmError(error) && error.code, String((error as Error).stack)).toMatch(/^TOKENIZER_/);
    }
  }
  expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 29);
});
