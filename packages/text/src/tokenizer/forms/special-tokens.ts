import type { Component } from '../normalizers.ts';
import { templateProcessor } from '../template-processor.ts';
import { vocabularyOf } from '../vocabulary.ts';
import { type AddedTokenRow, addedToken } from './form.ts';

/** Roles in the order in which the `transformers` library adds the tokens that a vocabulary lacks. */
const roles = ['bos', 'eos', 'unk', 'sep', 'pad', 'cls', 'mask'].map((role) => `${role}_token`);

/**
 * Puts what tokenizer_config.json and added_tokens.json say of tokens into a description: `added_tokens_decoder` (or
 * else added_tokens.json), the tokens with a role, additional ones, and the begin and end token around each text where
 * `add_bos_token` and `add_eos_token` ask for them and the description has no template of its own. A token that the
 * vocabulary lacks gets the next id, as in the `transformers` library. Throws an Error for what isn't of its kind.
 */
export function withSpecialTokens(description: Component, config: Component, addedFile: Component): Component {
  const { ids, size } = vocabularyOf(description as never);
  const own = (description.added_tokens ?? []) as readonly AddedTokenRow[];
  const ownIds = new Map(own.map(({ content, id }) => [content, id]));
  const tokens = new Map<string, AddedTokenRow>();
  let next = size;
  const add = (content: string, flags: Component = {}) => {
    if (content === '' || tokens.has(content)) return;
    const id = ownIds.get(content) ?? ids.get(content) ?? next++;
    const flag = (name: string, usual: boolean) => (typeof flags[name] === 'boolean' ? flags[name] : usual);
    const special = flag('special', true);
    tokens.set(content, {
      ...addedToken(content, id, special),
      single_word: flag('single_word', false),
      lstrip: flag('lstrip', false),
      rstrip: flag('rstrip', false),
      normalized: flag('normalized', !special),
    });
  };
  const named = roles.flatMap((role) => tokenRow(config[role]));
  const extra = [config.additional_special_tokens, config.extra_special_tokens].flatMap((list) =>
    typeof list === 'object' && list !== null ? Object.values(list).flatMap(tokenRow) : [],
  );
  for (const { content, flags } of statedTokens(
    config,
    addedFile,
    new Set([...named, ...extra].map(({ content }) => content)),
  )) {
    add(content, flags);
  }
  for (const { content, flags } of named) add(content, { ...flags, special: true });
  for (const token of own) add(token.content, token as unknown as Component);
  for (const { content, flags } of extra) add(content, flags);
  const added = [...tokens.values()].sort((a, b) => a.id - b.id);
  const made = { ...description, added_tokens: added };
  if (description.post_processor !== null && description.post_processor !== undefined) return made;
  const around = (role: 'bos' | 'eos') => {
    const content = config[`add_${role}_token`] === true ? tokenRow(config[`${role}_token`])[0]?.content : undefined;
    return content === undefined ? [] : [content];
  };
  const [before, behind] = [around('bos'), around('eos')];
  if (before.length + behind.length === 0) return made;
  return { ...made, post_processor: templateProcessor(before, behind, (token) => tokens.get(token)!.id) };
}

interface StatedToken {
  readonly content: string;
  readonly flags: Component;
}

/** Rows of `added_tokens_decoder`, or else of added_tokens.json, by id. */
function statedTokens(config: Component, addedFile: Component, special: ReadonlySet<string>): readonly StatedToken[] {
  const decoder = config.added_tokens_decoder;
  if (decoder !== undefined) {
    if (typeof decoder !== 'object' || decoder === null) throw new Error('added_tokens_decoder: expected an object');
    return Object.entries(decoder)
      .sort(([a], [b]) => Number(a) - Number(b))
      .map(([id, value]) => {
        const [row] = tokenRow(value);
        if (!row) throw new Error(`added_tokens_decoder: expected a token with content for ${id}`);
        return { ...row, flags: { special: false, ...row.flags } };
      });
  }
  return Object.entries(addedFile)
    .sort(([, a], [, b]) => Number(a) - Number(b))
    .map(([content, id]) => {
      if (!Number.isInteger(id)) throw new Error(`added_tokens.json: expected the id of ${JSON.stringify(content)}`);
      return { content, flags: { special: special.has(content) } };
    });
}

/** A token written as a string or as an object with its content; none for anything else. */
function tokenRow(value: unknown): readonly StatedToken[] {
  if (typeof value === 'string') return [{ content: value, flags: {} }];
  const { content } = (value ?? {}) as { readonly content?: unknown };
  return typeof content === 'string' ? [{ content, flags: value as Component }] : [];
}
