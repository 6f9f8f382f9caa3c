import type { InspectedToken, TokenizerInspection, TokenOfText } from '@slm-compress/text';

const manyTokens = 24;

/** A tokenizer as lines of text. */
export function tokenizerText(path: string, found: TokenizerInspection): string {
  const { parts, added, chatTemplates, maxLength, encoded } = found;
  const merges = found.merges === undefined ? '' : `, ${found.merges} merges`;
  const row = (name: string, value: string | undefined) => `${name.padEnd(15)}${value ?? '–'}`;
  return [
    `${path}  ${found.kind}  ${found.vocabSize} tokens${merges}${found.byteFallback ? ', byte fallback' : ''}  (${found.form})`,
    ...Object.entries(parts).map(([name, line]) => row(name, line)),
    row('added tokens', tokenList(added)),
    row('chat template', chatTemplates.length === 0 ? undefined : chatTemplates.join(', ')),
    row('max length', maxLength?.toString()),
    row('sides', `truncation ${found.truncationSide}, padding ${found.paddingSide} with id ${found.padId}`),
    ...(encoded === undefined ? [] : [row('text', `${encoded.length} tokens`), ...encoded.map(tokenLine)]),
  ].join('\n');
}

/** Tokens with ids and roles; of many without a role only the first. */
function tokenList(tokens: readonly InspectedToken[]): string | undefined {
  if (tokens.length === 0) return undefined;
  const first = tokens.filter(({ roles }, i) => i < manyTokens || roles.length > 0);
  const shown = first.map(({ token, id, roles, special }) => {
    const notes = [...roles, ...(special ? [] : ['not special'])];
    return `${visible(token)} ${id}${notes.length === 0 ? '' : ` (${notes.join(', ')})`}`;
  });
  const left = tokens.length - first.length;
  return [...shown, ...(left === 0 ? [] : [`and ${left} more`])].join('  ');
}

function tokenLine({ token, id, offsets: [start, end] }: TokenOfText): string {
  return `  ${String(id).padStart(7)}  ${`${start}–${end}`.padStart(9)}  ${visible(token)}`;
}

/** Control characters, which would spoil a line, as JSON writes them. */
function visible(token: string): string {
  return token.replace(/[\p{Cc}\u2028\u2029]/gu, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
