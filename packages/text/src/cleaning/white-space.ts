/**
 * Every kind of space as one space, lines trimmed, at most one blank line between two. The patterns skip what is right
 * already, a single space or line feed, as most white space is.
 */
export function normalizeSpace(text: string): string {
  return text
    .replace(/\r\n?|[\u0085\u2028\u2029\f\v]/g, '\n')
    .replace(/ [\t\p{Zs}]+|(?! )[\t\p{Zs}]+/gu, ' ')
    .replace(/ \n ?|\n /g, '\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
}

/** The first `length` UTF-16 units, one fewer where that would split a surrogate pair. */
export function cutAt(text: string, length: number): string {
  const unit = text.charCodeAt(length - 1);
  return text.slice(0, unit >= 0xd800 && unit <= 0xdbff ? length - 1 : length);
}
