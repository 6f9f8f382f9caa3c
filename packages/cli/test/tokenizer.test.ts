import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { slmCompress } from './command.ts';

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
      "made  BPE  264 tokens, 3 merges
      normalizer     –
      pre_tokenizer  ByteLevel
      post_processor –
      decoder        ByteLevel
      special        <pad> 0  <s> 1  </s> 2  <|im_start|> 3  <|im_end|> 4
      text           car 263  d 72
      "
    `);
    expect((await cli('inspect', 'made', '--json')).code).toBe(0);
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
    ['OUT_UNWRITABLE', ['--data', 'lines.txt', '--vocab-size', '60', '--out', 'lines.txt']],
  ])('%s: train %j', async (code, args) => {
    const { stderr, code: exit } = await cli('train', ...args);
    expect(exit).toBe(1);
    expect(stderr).toContain(`error ${code}: `);
  });
});
