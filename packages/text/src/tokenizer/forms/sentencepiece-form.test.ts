import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadTokenizer } from '../../tokenizer.ts';

const goldens = new URL('../../../goldens/forms/', import.meta.url);
/** What SentencePiece and the converters of `transformers` say: bench/peers/tokenizer-forms.py. */
const { texts, cases } = JSON.parse(await readFile(new URL('models.json', goldens), 'utf8')) as {
  readonly texts: readonly string[];
  readonly cases: readonly {
    readonly model: string;
    readonly config?: { readonly tokenizer_class?: string };
    readonly witness: string;
    /** Null for texts that the witness prepares in another way, by its nature. */
    readonly ids: readonly (readonly number[] | null)[];
    readonly decoded: readonly (string | null)[];
  }[];
};
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'forms-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function load(model: string, config: object) {
  const made = await mkdtemp(join(folder, 'model-'));
  await copyFile(fileURLToPath(new URL(`${model}.model`, goldens)), join(made, 'tokenizer.model'));
  await writeFile(join(made, 'tokenizer_config.json'), JSON.stringify(config));
  return loadTokenizer(made);
}

describe.each(cases.filter(({ config }) => config !== undefined))(
  '$model.model as $config.tokenizer_class',
  ({ model, config, witness, ids, decoded }) => {
    it(`encodes and decodes as ${witness}`, async () => {
      const tokenizer = await load(model, config!);
      expect(ids.filter((row) => row !== null).length).toBeGreaterThan(50);
      texts.forEach((text, i) => {
        const expected = ids[i];
        if (!expected) return;
        const name = JSON.stringify(text);
        expect([...tokenizer.encode(text, { addSpecialTokens: false }).ids], name).toEqual(expected);
        expect(tokenizer.align(text).ids, name).toEqual(expected);
        if (decoded[i] !== null)
          expect(tokenizer.decode(expected, { skipSpecialTokens: false }), name).toBe(decoded[i]);
      });
    });
  },
);

describe('a SentencePiece model', () => {
  it('states its special tokens, which are found in a text', async () => {
    const plain = await load('bpe', {});
    expect([...plain.encode('a</s> b').ids].map((id) => plain.tokenOf(id))).toEqual(['▁a', '</s>', '▁b']);
    const symbols = [...plain.encode('one<sep>two').ids].map((id) => plain.tokenOf(id));
    expect(symbols).toContain('<sep>');
    expect(symbols).not.toContain('▁two');
    expect(plain.decode(plain.encode('one<sep>two').ids)).toBe('one<sep>two');
  });

  it('puts begin and end around as the class and the configuration say', async () => {
    const around = async (model: string, config: object) => {
      const tokenizer = await load(model, config);
      const { ids, typeIds } = tokenizer.encode('a', { pair: 'a' });
      return `${Array.from(ids, (id) => tokenizer.tokenOf(id)).join(' ')} ${typeIds.join('')}`;
    };
    expect(await around('llama', {})).toBe('▁a ▁a 01');
    expect(await around('llama', { add_eos_token: true })).toBe('▁a </s> ▁a </s> 0011');
    expect(await around('llama', { tokenizer_class: 'LlamaTokenizer' })).toBe('<s> ▁a <s> ▁a 0011');
    expect(await around('t5', { tokenizer_class: 'T5Tokenizer' })).toBe('▁a </s> ▁a </s> 0000');
    expect(await around('unigram', { tokenizer_class: 'XLMRobertaTokenizer' })).toBe('<s> ▁a </s> </s> ▁a </s> 000000');
    expect(await around('albert', { tokenizer_class: 'AlbertTokenizer' })).toBe('[CLS] ▁a [SEP] ▁a [SEP] 00011');
  });

  it('is loaded by its file too, and refused with a class that numbers pieces in another way', async () => {
    const file = fileURLToPath(new URL('llama.model', goldens));
    expect((await loadTokenizer(file)).vocabSize).toBe(900);
    await expect(load('unigram', { tokenizer_class: 'MBartTokenizer' })).rejects.toMatchObject({
      code: 'TOKENIZER_CORRUPT',
      message: expect.stringContaining(
        'tokenizer_class: expected a class whose ids are known here, got MBartTokenizer',
      ),
    });
    await expect(load('t5', { tokenizer_class: 'T5Tokenizer', extra_ids: -1 })).rejects.toMatchObject({
      code: 'TOKENIZER_CORRUPT',
    });
    await expect(load('llama', { tokenizer_class: 'AlbertTokenizer' })).rejects.toMatchObject({
      message: expect.stringContaining('expected the token [CLS]'),
    });
  });
});
