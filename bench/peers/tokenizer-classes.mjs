// Writes packages/text/src/tokenizer/character-classes.ts from the output of tokenizer-classes.py (standard input):
// what the Rust library's classes of characters lack or have beside the properties of this Node's Unicode.
import { writeFile } from 'node:fs/promises';
import { json } from 'node:stream/consumers';

const library = await json(process.stdin);
const properties = {
  L: '\\p{L}',
  N: '\\p{N}',
  Nd: '\\p{Nd}',
  M: '\\p{M}',
  Lu: '\\p{Lu}',
  Ll: '\\p{Ll}',
  Lt: '\\p{Lt}',
  Lm: '\\p{Lm}',
  Lo: '\\p{Lo}',
  P: '\\p{P}',
  S: '\\p{S}',
  Han: '\\p{Script=Han}',
  word: '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}',
  rustWord: '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}',
  bertPunctuation: '!-\\/:-@\\[-\\x60\\{-~\\p{P}',
  bertRemoved: '\\ufffd\\p{Cc}\\p{Cf}\\p{Co}',
  bertMark: '\\p{Mn}',
  accent: '\\p{M}',
};
const points = [];
for (let point = 0; point < 0x110000; point++) if (point < 0xd800 || point > 0xdfff) points.push(point);

const escaped = (point) => `\\u{${point.toString(16)}}`;
function ranges(members) {
  let text = '';
  for (let i = 0; i < members.length; ) {
    let j = i;
    while (members[j + 1] === members[j] + 1) j++;
    text += escaped(members[i]) + (j > i ? `${j > i + 1 ? '-' : ''}${escaped(members[j])}` : '');
    i = j + 1;
  }
  return text;
}

const rows = Object.entries(properties).map(([name, property]) => {
  const own = new RegExp(`[${property}]`, 'v');
  const theirs = new Set(library[name]);
  const is = (point) => own.test(String.fromCodePoint(point));
  const without = ranges(points.filter((point) => is(point) && !theirs.has(point)));
  const also = ranges(points.filter((point) => !is(point) && theirs.has(point)));
  const base = without === '' ? `[${property}]` : `[[${property}]--[${without}]]`;
  return `  ${name}: String.raw\`${also === '' ? base : `[${base}${also}]`}\`,`;
});

const forms = ['NFC', 'NFD', 'NFKC', 'NFKD'];
const known = new Set([...library.normalizing, ...library.combining]);
const frozen = new Set();
for (const point of points) {
  if (known.has(point)) continue;
  const text = String.fromCodePoint(point);
  const changes = forms.some((form) => text.normalize(form) !== text);
  const reorders = [`a${text}\u0334`, `a\u0301${text}`].some((row) => row.normalize('NFD') !== row);
  if (!changes && !reorders) continue;
  frozen.add(point);
  for (const part of text.normalize('NFD')) if (part.codePointAt(0) > 0xffff) frozen.add(part.codePointAt(0));
}
await writeFile(
  new URL('../../packages/text/src/tokenizer/character-classes.ts', import.meta.url),
  `/**
 * Classes of characters as the Rust library \`tokenizers\` has them, as sources for regular expressions with the flag \`v\`.
 * Its parts rest on different versions of Unicode, none of them Node's, hence the characters taken out and put in.
 * Written by bench/peers/tokenizer-classes.py and .mjs.
 */
export const characterClasses = {
${rows.join('\n')}
  /** Characters that the library's Unicode normalization does not know: no forms, no order among marks. */
  frozen: String.raw\`[${ranges([...frozen].sort((a, b) => a - b))}]\`,
} as const;
`,
);
