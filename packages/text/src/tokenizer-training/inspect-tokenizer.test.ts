import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { inspectTokenizer } from './inspect-tokenizer.ts';

const goldens = new URL('../../goldens/', import.meta.url);
const shared = new URL('../../../../../shared/models/', import.meta.url);

it('says of a SentencePiece model what its bytes say', async () => {
  const found = await inspectTokenizer(fileURLToPath(new URL('forms/bpe.model', goldens)), 'one<sep>\u0000');
  expect(found).toMatchInlineSnapshot(
    { file: expect.stringMatching(/bpe\.model$/) },
    `
    {
      "added": [
        {
          "id": 0,
          "roles": [
            "unk",
          ],
          "special": true,
          "token": "<unk>",
        },
        {
          "id": 1,
          "roles": [
            "bos",
          ],
          "special": true,
          "token": "<s>",
        },
        {
          "id": 2,
          "roles": [
            "eos",
          ],
          "special": true,
          "token": "</s>",
        },
      ],
      "byteFallback": false,
      "chatTemplates": [],
      "encoded": [
        {
          "id": 152,
          "offsets": [
            0,
            3,
          ],
          "token": "▁one",
        },
        {
          "id": 3,
          "offsets": [
            3,
            8,
          ],
          "token": "<sep>",
        },
        {
          "id": 0,
          "offsets": [
            8,
            9,
          ],
          "token": "<unk>",
        },
      ],
      "file": StringMatching /bpe\\\\\\.model\\$/,
      "form": "SentencePiece model",
      "kind": "BPE",
      "merges": 1194,
      "padId": 2,
      "paddingSide": "right",
      "parts": {
        "decoder": "Replace("▁", content " ") → Fuse → Strip(content " ", start 1, stop 0)",
        "normalizer": "Precompiled(2296 bytes) → Replace(/ {2,}/, content " ") → Replace(/\\A /, content "") → Replace(/ \\z/, content "") → Prepend(prepend "▁") → Replace(" ", content "▁")",
        "post_processor": undefined,
        "pre_tokenizer": "Split(/<sep>|<cls>/, behavior "Isolated", no invert)",
      },
      "truncationSide": "right",
      "vocabSize": 900,
    }
  `,
  );
});

it('says of a tokenizer.json what it names', async () => {
  const { file: _, ...found } = await inspectTokenizer(fileURLToPath(new URL('tokenizer', goldens)), '');
  expect(found).toMatchInlineSnapshot(`
    {
      "added": [
        {
          "id": 0,
          "roles": [
            "pad",
          ],
          "special": true,
          "token": "[PAD]",
        },
        {
          "id": 1,
          "roles": [
            "unk",
          ],
          "special": true,
          "token": "[UNK]",
        },
        {
          "id": 2,
          "roles": [
            "cls",
          ],
          "special": true,
          "token": "[CLS]",
        },
        {
          "id": 3,
          "roles": [
            "sep",
          ],
          "special": true,
          "token": "[SEP]",
        },
        {
          "id": 4,
          "roles": [
            "mask",
          ],
          "special": true,
          "token": "[MASK]",
        },
      ],
      "byteFallback": false,
      "chatTemplates": [],
      "encoded": [
        {
          "id": 2,
          "offsets": [
            0,
            0,
          ],
          "token": "[CLS]",
        },
        {
          "id": 3,
          "offsets": [
            0,
            0,
          ],
          "token": "[SEP]",
        },
      ],
      "form": "tokenizer.json",
      "kind": "WordPiece",
      "maxLength": 512,
      "padId": 0,
      "paddingSide": "right",
      "parts": {
        "decoder": "WordPiece(prefix "##", cleanup)",
        "normalizer": "BertNormalizer(clean_text, handle_chinese_chars, lowercase)",
        "post_processor": "[CLS] $A [SEP], of two [CLS] $A [SEP] $B:1 [SEP]:1",
        "pre_tokenizer": "BertPreTokenizer",
      },
      "truncationSide": "right",
      "vocabSize": 500,
    }
  `);
});

it('knows WordLevel, tokens without a role, and templates', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'inspect-'));
  const description = {
    added_tokens: [{ id: 2, content: '<x>' }],
    post_processor: { type: 'RobertaProcessing', sep: ['b', 1], cls: ['a', 0] },
    model: { type: 'WordLevel', vocab: { a: 0, b: 1, '<unk>': 3 }, unk_token: '<unk>' },
  };
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(description));
  await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify({ pad_token: { content: 'a' } }));
  await writeFile(join(folder, 'chat_template.jinja'), 'x');
  expect(await inspectTokenizer(folder)).toMatchObject({
    kind: 'WordLevel',
    vocabSize: 4,
    parts: { post_processor: 'a $A b, of two a $A b b $B b' },
    added: [{ token: '<x>', id: 2, roles: [], special: false }],
    padId: 0,
    chatTemplates: ['default'],
  });
  await rm(folder, { recursive: true });
});

it("says of GPT-2's files what they are", async (context) => {
  const folder = fileURLToPath(new URL('gpt2-tokenizer', shared));
  if (!existsSync(folder)) return context.skip(`no files at ${folder}`);
  expect(await inspectTokenizer(folder, 'x')).toMatchObject({
    form: 'vocab.json with merges.txt',
    kind: 'BPE',
    vocabSize: 50257,
    merges: 50000,
    byteFallback: false,
    added: [{ token: '<|endoftext|>', id: 50256, roles: ['bos', 'eos', 'unk'], special: true }],
    encoded: [{ token: 'x', id: 87, offsets: [0, 1] }],
  });
});
