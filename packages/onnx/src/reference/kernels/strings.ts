import type { Kernel, KernelContext } from '../kernel.ts';
import type { TensorValue } from '../value.ts';
import { broadcastDims, broadcastTo, size } from '../value.ts';
import { fullMatch } from './regular-expression.ts';
import { zeros } from './zeros.ts';

/** Texts of a required input. */
function texts(c: KernelContext, index: number): TensorValue<readonly string[]> {
  const value = c.any(index);
  if (value.type !== 'string') c.misfit('texts', value.type);
  return value as TensorValue<readonly string[]>;
}

/** The parts of a text between delimiters; an empty delimiter stands for white space, at the ends too. */
function split(text: string, delimiter: string, most: number): readonly string[] {
  const found: string[] = [];
  let rest = delimiter === '' ? text.trimStart() : text;
  while (found.length < most) {
    const space = delimiter === '' ? /\s+/.exec(rest) : null;
    const at = delimiter === '' ? (space?.index ?? -1) : rest.indexOf(delimiter);
    if (at < 0) break;
    found.push(rest.slice(0, at));
    rest = rest.slice(at + (space?.[0].length ?? delimiter.length));
  }
  return delimiter === '' && rest === '' ? found : [...found, rest];
}

/** One n-gram of the pool: its place in the output and its weight. */
interface Gram {
  readonly index: number;
  readonly weight: number;
}

/** The n-grams of the node's pool by their length and items; `ngram_counts` says where each length begins. */
function pool(c: KernelContext): ReadonlyMap<string, Gram> {
  const items: readonly (string | number)[] = c.texts('pool_strings') ?? c.ints('pool_int64s') ?? c.refuse('no pool');
  const [starts, indexes] = [c.ints('ngram_counts') ?? c.refuse('no ngram_counts'), c.ints('ngram_indexes')];
  const weights = c.floats('weights');
  const grams = new Map<string, Gram>();
  let id = 0;
  for (const [group, start] of starts.entries()) {
    const length = group + 1;
    const end = starts[group + 1] ?? items.length;
    if (!(start >= 0 && start <= end && end <= items.length) || (end - start) % length !== 0) {
      c.misfit(`${length}-grams inside a pool of ${items.length}`, `[${start}, ${end})`);
    }
    for (let at = start; at < end; at += length, id++) {
      const index = indexes?.[id] ?? c.refuse(`no ngram_index ${id}`);
      if (!(index >= 0)) c.misfit('ngram_indexes of at least 0', `${index}`);
      grams.set(JSON.stringify(items.slice(at, at + length)), { index, weight: weights?.[id] ?? 1 });
    }
  }
  return grams;
}

export const strings: Readonly<Record<string, Kernel>> = {
  StringConcat: (c) => {
    const [left, right] = [texts(c, 0), texts(c, 1)];
    const dims = broadcastDims([left.dims, right.dims], c.where);
    const [a, b] = [left, right].map((value) => broadcastTo(value, dims).data as readonly string[]) as [
      readonly string[],
      readonly string[],
    ];
    return [{ type: 'string', dims, data: a.map((text, i) => text + b[i]!) }];
  },
  /** Whether the whole of every text matches a pattern of RE2. */
  RegexFullMatch: (c) => {
    const x = texts(c, 0);
    const matches = fullMatch(c.text('pattern', ''), c.refuse);
    return [{ type: 'bool', dims: x.dims, data: Float64Array.from(x.data, (text) => (matches(text) ? 1 : 0)) }];
  },
  /** Drops stop words, then changes the case; what is left of nothing is one empty text. */
  StringNormalizer: (c) => {
    const x = texts(c, 0);
    const lead = x.dims.slice(0, -1);
    if (x.dims.length < 1 || x.dims.length > 2 || size(lead) !== 1) c.misfit('texts [n] or [1, n]', `[${x.dims}]`);
    const action = c.text('case_change_action', 'NONE');
    if (!['NONE', 'LOWER', 'UPPER'].includes(action)) c.refuse(`case_change_action ${action}`);
    const locale = c.text('locale', 'en_US');
    if (!/^(C|[a-z]{2}([_-][A-Z]{2})?)$/.test(locale)) c.refuse(`locale ${locale}`);
    const language = locale === 'C' ? 'en' : locale.replace('_', '-');
    const folded = (text: string) => (c.int('is_case_sensitive', 0) === 1 ? text : text.toLocaleLowerCase(language));
    const stop = new Set(c.texts('stopwords')?.map(folded));
    const kept = x.data.filter((text) => !stop.has(folded(text)));
    const changed = kept.map((text) => {
      if (action === 'NONE') return text;
      return action === 'LOWER' ? text.toLocaleLowerCase(language) : text.toLocaleUpperCase(language);
    });
    const data = changed.length > 0 ? changed : [''];
    return [{ type: 'string', dims: [...lead, data.length], data }];
  },
  /** The parts of every text, padded with empty ones, and how many there are. */
  StringSplit: (c) => {
    const x = texts(c, 0);
    const most = c.int('maxsplit', Number.POSITIVE_INFINITY);
    const delimiter = c.text('delimiter', '');
    const parts = x.data.map((text) => split(text, delimiter, most < 0 ? Number.POSITIVE_INFINITY : most));
    const width = parts.reduce((widest, found) => Math.max(widest, found.length), 0);
    zeros(c, 'string', [...x.dims, width]);
    const data = parts.flatMap((found) => [...found, ...Array.from({ length: width - found.length }, () => '')]);
    const counts = Float64Array.from(parts, (found) => found.length);
    return [
      { type: 'string', dims: [...x.dims, width], data },
      { type: 'int64', dims: x.dims, data: counts },
    ];
  },
  /**
   * Counts of n-grams, of `[items]` or `[rows, items]`. The items of an n-gram are `1` to `max_skip_count + 1` apart. IDF
   * counts once, IDF and TFIDF weigh.
   */
  TfIdfVectorizer: (c) => {
    const x = c.any(0);
    if (x.dims.length < 1 || x.dims.length > 2) c.misfit('items [n] or [rows, n]', `[${x.dims}]`);
    const mode = c.text('mode', 'TF');
    if (!['TF', 'IDF', 'TFIDF'].includes(mode)) c.refuse(`mode ${mode}`);
    const grams = pool(c);
    const items = Array.from(x.data as ArrayLike<string | number | bigint>, (item) =>
      typeof item === 'string' ? item : Number(item),
    );
    const columns = Math.max(-1, ...(c.ints('ngram_indexes') ?? [])) + 1;
    const y = zeros(c, 'float32', [...x.dims.slice(0, -1), columns]);
    const width = x.dims.at(-1)!;
    const longest = Math.min(c.int('max_gram_length', 1), width);
    for (let row = 0; row * width < items.length; row++) {
      const words = items.slice(row * width, (row + 1) * width);
      for (let length = Math.max(c.int('min_gram_length', 1), 1); length <= longest; length++) {
        const apart = length === 1 ? 1 : Math.min(c.int('max_skip_count', 0) + 1, width);
        for (let step = 1; step <= apart; step++) {
          for (let start = 0; start + (length - 1) * step < width; start++) {
            const gram = Array.from({ length }, (_, i) => words[start + i * step]!);
            const found = grams.get(JSON.stringify(gram));
            if (!found) continue;
            const at = row * columns + found.index;
            if (mode === 'IDF') y.data[at] = found.weight;
            else y.data[at]! += mode === 'TF' ? 1 : found.weight;
          }
        }
      }
    }
    return [y];
  },
};
