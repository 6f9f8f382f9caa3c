import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readTokenizerFolder, type TokenizerSources } from '../tokenizer/read-folder.ts';
import { json, type TokenizerFiles, tokenizerJson } from '../tokenizer-files.ts';
import { parseTokenizer } from './tokenizer-description.ts';

/** Entries of tokenizer_config.json that go on to a folder with a tokenizer.json; the file itself states the others. */
const kept = [
  'model_max_length',
  'padding_side',
  'truncation_side',
  'clean_up_tokenization_spaces',
  'do_lower_case',
  'strip_accents',
  'tokenize_chinese_chars',
  'split_special_tokens',
] as const;
const roles = ['bos', 'eos', 'unk', 'sep', 'pad', 'cls', 'mask'].map((role) => `${role}_token`);

/**
 * The three files of a tokenizer in any form that `loadTokenizer` reads: those of a tokenizer.json as they are, of older
 * forms the ones that encode alike, here and in the `tokenizers` and `transformers` libraries. Chat templates are in
 * tokenizer_config.json. The class of older forms becomes PreTrainedTokenizerFast, which takes tokenizer.json as it is.
 * Throws SlmError `FILE_NOT_FOUND` and `TOKENIZER_CORRUPT`.
 */
export async function readTokenizerFiles(path: string): Promise<TokenizerFiles> {
  const sources = await readTokenizerFolder(path);
  const { bytes, config, file } = sources;
  const text = bytes.toString('utf8');
  const { description, model, tokens, added } = parseTokenizer({ 'tokenizer.json': text });
  const vocabSize = Math.max(...tokens.keys()) + 1;
  const templates = chatTemplateOf(sources);
  if (file.endsWith('.json') && !file.endsWith('vocab.json')) {
    const map = await readFile(join(dirname(file), 'special_tokens_map.json'), 'utf8').catch(() => undefined);
    return {
      vocabSize,
      files: {
        'tokenizer.json': text,
        'tokenizer_config.json': json({ ...config, ...templates }),
        'special_tokens_map.json': map ?? json(namedTokens(config)),
      },
    };
  }
  const named = namedTokens(config);
  const additional = [config.additional_special_tokens, config.extra_special_tokens].find(Array.isArray);
  const map = { ...named, ...(additional === undefined ? {} : { additional_special_tokens: additional }) };
  return {
    vocabSize,
    files: {
      'tokenizer.json': tokenizerJson({ ...description, model }),
      'tokenizer_config.json': json({
        added_tokens_decoder: Object.fromEntries(added.map(({ id, ...token }) => [String(id), token])),
        ...map,
        ...Object.fromEntries(kept.flatMap((name) => (config[name] === undefined ? [] : [[name, config[name]]]))),
        ...templates,
        tokenizer_class: 'PreTrainedTokenizerFast',
      }),
      'special_tokens_map.json': json(map),
    },
  };
}

/** Special tokens by role, as their content. */
function namedTokens(config: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    roles.flatMap((role) => {
      const value = config[role];
      const content = typeof value === 'string' ? value : (value as { readonly content?: unknown } | null)?.content;
      return typeof content === 'string' ? [[role, content]] : [];
    }),
  );
}

function chatTemplateOf({ chatTemplates }: TokenizerSources): object {
  const only = chatTemplates.size === 1 ? chatTemplates.get('default') : undefined;
  if (only !== undefined) return { chat_template: only };
  if (chatTemplates.size === 0) return {};
  return { chat_template: Array.from(chatTemplates, ([name, template]) => ({ name, template })) };
}
