import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { readModelFolder, writeModelFolder } from '@slm-compress/compress';
import { loadTokenizer, readTokenizerFiles } from '@slm-compress/text';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { slmCompress } from './command.ts';
import { tinyClassifier } from './models.ts';

const goldens = fileURLToPath(new URL('../../text/goldens/forms', import.meta.url));
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tokenizer-cli-'));
  const texts = ['the card has not arrived', 'where is the card', 'cards and the other card'];
  writeFileSync(join(folder, 'rows.jsonl.gz'), gzipSync(texts.map((body) => JSON.stringify({ body })).join('\n')));
  writeFileSync(join(folder, 'lines.txt'), texts.join('\r\n'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const cli = (...args: readonly string[]) => slmCompress(['tokenizer', ...args], { cwd: folder });

describe('tokenizer', () => {
  test('train writes a folder from .gz rows, inspect shows it and cuts a text', async () => {
    const options = ['--kind', 'bpe', '--vocab-size', '264', '--chat-template', 'chatml', '--out', 'made'];
    const made = await cli('train', '--data', 'rows.jsonl.gz', '--column', 'body', ...options);
    expect(made.stdout).toBe('made  264 tokens from 3 texts\n');
    expect(readdirSync(join(folder, 'made')).sort()).toEqual([
      'special_tokens_map.json',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    const shown = await cli('inspect', 'made', '--text', 'card');
    expect(shown.stdout).toMatchInlineSnapshot(`
      "made  BPE  264 tokens, 3 merges  (tokenizer.json)
      normalizer     –
      pre_tokenizer  ByteLevel(no add_prefix_space, trim_offsets, use_regex)
      post_processor –
      decoder        ByteLevel(no add_prefix_space, trim_offsets, use_regex)
      added tokens   <pad> 0 (pad)  <s> 1 (bos)  </s> 2 (eos)  <|im_start|> 3  <|im_end|> 4
      chat template  default
      max length     512
      sides          truncation right, padding right with id 0
      text           2 tokens
            263        0–3  car
             72        3–4  d
      "
    `);
    const { stdout } = await cli('inspect', 'made/tokenizer.json', '--json', '--text', 'a card');
    expect(JSON.parse(stdout)).toMatchObject({
      form: 'tokenizer.json',
      kind: 'BPE',
      vocabSize: 264,
      maxLength: 512,
      padId: 0,
      chatTemplates: ['default'],
      added: [{ token: '<pad>', id: 0, roles: ['pad'], special: true }, {}, {}, {}, {}],
      encoded: [
        { token: 'a', offsets: [0, 1] },
        { token: 'Ġ', offsets: [1, 2] },
        { token: 'car', offsets: [2, 5] },
        { token: 'd', offsets: [5, 6] },
      ],
    });
  });

  test('inspect takes a folder of older files and one file', async () => {
    copyFileSync(join(goldens, 'byte-level-vocab.json'), join(folder, 'vocab.json'));
    copyFileSync(join(goldens, 'byte-level-merges.txt'), join(folder, 'merges.txt'));
    expect((await cli('inspect', '.')).stdout).toMatch(
      /^\. {2}BPE {2}701 tokens, \d+ merges {2}\(vocab\.json with merges\.txt\)\n/,
    );
    const { stdout, code } = await cli('inspect', join(goldens, 'llama.model'), '--json', '--text', 'the€');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      form: 'SentencePiece model',
      byteFallback: true,
      encoded: [
        { token: '▁the', offsets: [0, 3] },
        { token: '<0xE2>', offsets: [3, 4] },
        { token: '<0x82>', offsets: [3, 4] },
        { token: '<0xAC>', offsets: [3, 4] },
      ],
    });
  });

  test('convert writes a .model as files that encode alike', async () => {
    const model = join(goldens, 'llama.model');
    const { stdout, code } = await cli('convert', model, '--out', 'converted');
    expect({ stdout, code }).toEqual({ stdout: 'converted  900 tokens\n', code: 0 });
    const [before, after] = await Promise.all([loadTokenizer(model), loadTokenizer(join(folder, 'converted'))]);
    expect(after.encode('the  card — 漢')).toEqual(before.encode('the  card — 漢'));
  });

  test('prune keeps what texts need, and says what others cost', async () => {
    writeFileSync(join(folder, 'held-out.txt'), 'the cards have arrived\nzebra 漢');
    const model = join(goldens, 'llama.model');
    const options = ['--data', 'lines.txt', '--held-out', 'held-out.txt', '--out'];
    const shown = await cli('prune', model, ...options, 'pruned');
    expect(shown.stdout).toMatchInlineSnapshot(`
      "pruned  341 of 900 tokens, by 3 texts
      held out       2 texts, 100.0 % cut differently
      tokens a word  2.833 → 3.333
      unknown        0.0 % → 0.0 %
      bytes          23.5 % → 20.0 %
      "
    `);
    const kept = JSON.parse(readFileSync(join(folder, 'pruned', 'kept-ids.json'), 'utf8')) as number[];
    const [before, after] = await Promise.all([loadTokenizer(model), loadTokenizer(join(folder, 'pruned'))]);
    expect(kept.length).toBe(after.vocabSize);
    const text = 'where is the card';
    expect(Array.from(after.encode(text).ids, (id) => kept[id])).toEqual([...before.encode(text).ids]);
  });

  test('prune takes the rows out of a model folder', async () => {
    const words = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'card', 'where', 'is', 'the', 'zebra', 'other'];
    writeFileSync(join(folder, 'words.txt'), `${words.join('\n')}\n`);
    const { files } = await readTokenizerFiles(join(folder, 'words.txt'));
    const model = tinyClassifier(1, words.length);
    const config = { vocab_size: words.length, model_type: 'bert' };
    await writeModelFolder(join(folder, 'model'), { model, config, tokenizer: files, card: '# Tiny\n' });
    writeFileSync(join(folder, 'cards.txt'), 'where is the card');
    const { stdout } = await cli('prune', 'model', '--data', 'cards.txt', '--keep', '9', '--out', 'smaller', '--json');
    expect(JSON.parse(stdout.trim().split('\n').at(-1)!)).toEqual({
      kind: 'result',
      folder: 'smaller',
      vocabSize: 9,
      tokensBefore: 11,
      texts: 1,
    });
    const made = await readModelFolder(join(folder, 'smaller'));
    expect(made.model.graph.initializers.get('embeddings/table')!.dims).toEqual([9, 4]);
    expect(made.config).toMatchObject({ vocab_size: 9 });
  });

  test.each([
    ['FILE_NOT_FOUND', 'nowhere', 'nowhere: expected a tokenizer (tokenizer.json, vocab.txt, '],
    [
      'TOKENIZER_CORRUPT',
      'cut.model',
      'cut.model: expected a tokenizer, got cut.model: byte 5008: expected 12 more bytes, got 6',
    ],
  ])('%s: inspect %s', async (code, name, message) => {
    writeFileSync(join(folder, 'cut.model'), readFileSync(join(goldens, 'llama.model')).subarray(0, 5014));
    const { stderr, code: exit } = await cli('inspect', name);
    expect(exit).toBe(1);
    expect(stderr).toContain(`error ${code}: ${message}`);
  });

  test('train takes lines of text and says as JSON what it made', async () => {
    const { stdout, code } = await cli(
      'train',
      '--data',
      'lines.txt',
      '--kind',
      'unigram',
      '--vocab-size',
      '20',
      '--out',
      'json',
      '--json',
    );
    expect(code).toBe(0);
    const result = stdout.trim().split('\n').at(-1)!;
    expect(JSON.parse(result)).toEqual({ kind: 'result', folder: 'json', vocabSize: 20, texts: 3 });
  });

  test.each([
    ['DATA_ROW', ['--data', 'rows.jsonl.gz', '--out', 'none']],
    ['FILE_NOT_FOUND', ['--data', 'missing.txt', '--out', 'none']],
    ['TOKENIZER_OPTION', ['--data', 'lines.txt', '--vocab-size', '16', '--out', 'none']],
    ['OUT_IS_INPUT', ['--data', 'lines.txt', '--vocab-size', '60', '--out', 'lines.txt']],
  ])('%s: train %j', async (code, args) => {
    const { stderr, code: exit } = await cli('train', ...args);
    expect(exit).toBe(1);
    expect(stderr).toContain(`error ${code}: `);
  });
});
