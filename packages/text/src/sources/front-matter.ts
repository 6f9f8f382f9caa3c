/** A value of the YAML subset read here. */
export type FrontMatterValue = string | readonly FrontMatterValue[] | { readonly [key: string]: FrontMatterValue };

interface Row {
  readonly indent: number;
  readonly text: string;
}

/**
 * The YAML between `---` lines at the head of a Markdown file, as data set cards use it: nested maps and lists by
 * indentation, plain or quoted scalars (all as strings), `[a, b]` lists, comments. Anything else becomes a string;
 * without front matter an empty map. Never throws.
 */
export function readFrontMatter(markdown: string): { readonly [key: string]: FrontMatterValue } {
  const block = /^\ufeff?---\r?\n([\s\S]*?)\r?\n---\s*(\r?\n|$)/.exec(markdown)?.[1];
  if (block === undefined) return {};
  const rows: Row[] = [];
  for (const line of block.split(/\r?\n/)) {
    const text = line.trim();
    if (text !== '' && !text.startsWith('#')) rows.push({ indent: line.length - line.trimStart().length, text });
  }
  const cursor = { at: 0 };
  const value = readBlock(rows, cursor, 0, 0);
  return typeof value === 'object' && !Array.isArray(value) ? (value as { [key: string]: FrontMatterValue }) : {};
}

function readBlock(rows: Row[], cursor: { at: number }, indent: number, depth: number): FrontMatterValue {
  const first = rows[cursor.at];
  if (first === undefined || first.indent < indent || depth > 16) {
    cursor.at++;
    return '';
  }
  const level = first.indent;
  if (/^-( |$)/.test(first.text)) {
    const list: FrontMatterValue[] = [];
    for (let row = rows[cursor.at]; row?.indent === level && /^-( |$)/.test(row.text); row = rows[cursor.at]) {
      const inner = row.text.slice(1).trimStart();
      if (inner !== '' && keyOf(inner) === undefined) {
        list.push(scalar(inner));
        cursor.at++;
        continue;
      }
      // The item's first key stands as deep as the keys below it.
      if (inner === '') cursor.at++;
      else rows[cursor.at] = { indent: level + row.text.length - inner.length, text: inner };
      list.push(readBlock(rows, cursor, level + 1, depth + 1));
    }
    return list;
  }
  const map: Record<string, FrontMatterValue> = Object.create(null);
  for (let row = rows[cursor.at]; row?.indent === level; row = rows[cursor.at]) {
    const pair = keyOf(row.text);
    cursor.at++;
    if (pair === undefined) continue;
    const next = rows[cursor.at];
    const nested = next !== undefined && (next.indent > level || (next.indent === level && /^-( |$)/.test(next.text)));
    map[pair.key] = pair.rest !== '' || !nested ? scalar(pair.rest) : readBlock(rows, cursor, next.indent, depth + 1);
  }
  return map;
}

function keyOf(text: string): { readonly key: string; readonly rest: string } | undefined {
  const match = /^("[^"]*"|'[^']*'|[^\s"'[{][^:]*?):(?:\s+(.*))?$/.exec(text);
  return match ? { key: unquote(match[1]!), rest: (match[2] ?? '').trim() } : undefined;
}

function scalar(text: string): FrontMatterValue {
  if (text.startsWith('[') && text.endsWith(']')) {
    const inner = text.slice(1, -1).trim();
    return inner === '' ? [] : inner.split(',').map((item) => unquote(item.trim()));
  }
  return unquote(text);
}

function unquote(text: string): string {
  return /^(".*"|'.*')$/.test(text) ? text.slice(1, -1) : text;
}
