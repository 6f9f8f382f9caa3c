import { characterClasses as classes } from './character-classes.ts';
import { isSpace } from './normalizers.ts';
import { literalPattern } from './patterns.ts';

/** A token that is found in a text as it is, whatever the model. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly single_word?: boolean;
  readonly lstrip?: boolean;
  readonly rstrip?: boolean;
  readonly normalized?: boolean;
}

/** Visits the parts of a text in order, added tokens with their id, until `visit` gives false, which it then returns. */
export type AddedTokenFinder = (
  text: string,
  visit: (from: number, to: number, id: number | undefined) => boolean,
) => boolean;

const endsWithWord = new RegExp(`${classes.rustWord}$`, 'v');
const startsWithWord = new RegExp(`^${classes.rustWord}`, 'v');

/** Finds added tokens by their content as `apply` makes it, the leftmost first, the longest of those. */
export function addedTokenFinder(
  added: readonly AddedToken[],
  apply: (content: string) => string = (content) => content,
): AddedTokenFinder {
  const tokens = new Map(
    added.map((token) => [apply(token.content), token] as const).filter(([content]) => content !== ''),
  );
  if (tokens.size === 0) return (text, visit) => visit(0, text.length, undefined);
  const contents = [...tokens.keys()].sort((x, y) => y.length - x.length);
  const pattern = new RegExp(contents.map(literalPattern).join('|'), 'gu');
  return (text, visit) => {
    let at = 0;
    for (let from = 0; ; ) {
      pattern.lastIndex = from;
      const match = pattern.exec(text);
      if (!match) break;
      const token = tokens.get(match[0])!;
      let start = match.index;
      let stop = start + match[0].length;
      from = stop;
      if (start < at) continue;
      if (token.single_word === true) {
        if (endsWithWord.test(text.slice(Math.max(0, start - 2), start))) continue;
        if (startsWithWord.test(text.slice(stop, stop + 2))) continue;
      }
      if (token.lstrip === true) while (start > at && isSpace(text[start - 1]!)) start--;
      if (token.rstrip === true) while (stop < text.length && isSpace(text[stop]!)) stop++;
      if (start > at && !visit(at, start, undefined)) return false;
      if (!visit(start, stop, token.id)) return false;
      at = stop;
    }
    return at === text.length && at > 0 ? true : visit(at, text.length, undefined);
  };
}

/** The added tokens of a tokenizer.json. Throws when they are malformed. */
export function readAddedTokens(value: unknown): readonly AddedToken[] {
  const rows = value ?? [];
  const good = (row: Partial<AddedToken> | null) =>
    typeof row?.content === 'string' && Number.isInteger(row.id) && row.id! >= 0 && row.id! < 2 ** 31;
  if (!Array.isArray(rows) || !rows.every(good)) throw new Error('added_tokens: expected tokens with content and id');
  return rows as readonly AddedToken[];
}
