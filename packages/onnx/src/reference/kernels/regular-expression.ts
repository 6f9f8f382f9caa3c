/** A parsed pattern. */
type Pattern =
  | { readonly kind: 'character'; readonly fits: (character: string) => boolean }
  | { readonly kind: 'edge'; readonly edge: keyof typeof edges }
  | { readonly kind: 'sequence' | 'choice'; readonly of: readonly Pattern[] }
  | { readonly kind: 'repeat'; readonly of: Pattern; readonly min: number; readonly max: number };

/** A state of the automaton: what it takes to pass it, and where it leads. */
interface State {
  readonly pattern?: Extract<Pattern, { kind: 'character' | 'edge' }>;
  readonly next: State[];
}

/** Word characters of RE2 are ASCII. */
const isWord = (character: string | undefined): boolean => character !== undefined && /^[0-9A-Za-z_]$/.test(character);

const boundary = (characters: readonly string[], at: number): boolean =>
  isWord(characters[at - 1]) !== isWord(characters[at]);

/** Whether a place between characters is of a kind. */
const edges = {
  start: (_: readonly string[], at: number): boolean => at === 0,
  end: (characters: readonly string[], at: number): boolean => at === characters.length,
  boundary,
  inside: (characters: readonly string[], at: number): boolean => !boundary(characters, at),
};

/** POSIX classes by name. */
const classes: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  blank: '\\t ',
  digit: '0-9',
  lower: 'a-z',
  space: '\\t\\n\\v\\f\\r ',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
};

const mostStates = 2 ** 16;
const mostDepth = 200;

const escapes: Readonly<Record<string, string>> = {
  d: '[0-9]',
  D: '[^0-9]',
  w: '[0-9A-Za-z_]',
  W: '[^0-9A-Za-z_]',
  s: '[\\t\\n\\f\\r ]',
  S: '[^\\t\\n\\f\\r ]',
  t: '\\t',
  n: '\\n',
  r: '\\r',
  f: '\\f',
  v: '\\v',
};

/**
 * A test whether a whole text matches a pattern of RE2 (https://github.com/google/re2/wiki/Syntax), in time proportional
 * to the text's length. `refuse` is called for what is not covered: flags, back references and looking around (which RE2
 * lacks too), negations inside a class, and patterns that grow too large.
 */
export function fullMatch(source: string, refuse: (reason: string) => never): (text: string) => boolean {
  const end: State = { next: [] };
  const start = automaton(parse(source, refuse), end, refuse);
  return (text) => {
    const characters = Array.from(text);
    let states = reach([start], 0, characters);
    for (const [at, character] of characters.entries()) {
      const passed = [...states].filter(({ pattern }) => pattern?.kind === 'character' && pattern.fits(character));
      states = reach(
        passed.flatMap((state) => state.next),
        at + 1,
        characters,
      );
    }
    return states.has(end);
  };
}

/** All states reached without reading a character. */
function reach(from: readonly State[], at: number, characters: readonly string[]): ReadonlySet<State> {
  const found = new Set<State>();
  const open = [...from];
  for (let state = open.pop(); state; state = open.pop()) {
    if (found.has(state)) continue;
    found.add(state);
    const { pattern } = state;
    if (pattern?.kind === 'character') continue;
    if (pattern && !edges[pattern.edge](characters, at)) continue;
    for (const next of state.next) open.push(next);
  }
  return found;
}

/** The states of a pattern (Thompson's construction, https://doi.org/10.1145/363347.363387) before those of `after`. */
function automaton(whole: Pattern, after: State, refuse: (reason: string) => never): State {
  let count = 0;
  const state = (next: State[], pattern?: State['pattern']): State => {
    if (++count > mostStates) refuse('a pattern of too many repetitions');
    return { next, ...(pattern && { pattern }) };
  };
  const build = (pattern: Pattern, then: State): State => {
    switch (pattern.kind) {
      case 'sequence':
        return pattern.of.reduceRight((rest, part) => build(part, rest), then);
      case 'choice':
        return state(pattern.of.map((part) => build(part, then)));
      case 'repeat': {
        let first = then;
        if (pattern.max === Number.POSITIVE_INFINITY) {
          first = state([then]);
          first.next.push(build(pattern.of, first));
        } else {
          for (let i = pattern.min; i < pattern.max; i++) first = state([build(pattern.of, first), then]);
        }
        for (let i = 0; i < pattern.min; i++) first = state([build(pattern.of, first)]);
        return first;
      }
      default:
        return state([then], pattern);
    }
  };
  return build(whole, after);
}

function parse(source: string, refuse: (reason: string) => never): Pattern {
  let rest = source;
  const take = (expression: RegExp): RegExpExecArray | null => {
    const found = expression.exec(rest);
    if (found) rest = rest.slice(found[0].length);
    return found;
  };
  /** One character of a class as JavaScript writes it. */
  const character = (written: string): Pattern => {
    try {
      const expression = new RegExp(`^${written}$`, 'u');
      return { kind: 'character', fits: (given) => expression.test(given) };
    } catch {
      return refuse(`"${written}" in the pattern "${source}"`);
    }
  };
  const choice = (depth: number): Pattern => {
    if (depth > mostDepth) refuse('a pattern of too many nested groups');
    const branches: Pattern[] = [];
    do branches.push(sequence(depth));
    while (take(/^\|/));
    return { kind: 'choice', of: branches };
  };
  const sequence = (depth: number): Pattern => {
    const parts: Pattern[] = [];
    while (rest !== '' && !/^[|)]/.test(rest)) parts.push(repeated(atom(depth)));
    return { kind: 'sequence', of: parts };
  };
  const repeated = (of: Pattern): Pattern => {
    const times = take(/^(?:[*+?]|\{(\d+)(?:(,)(\d+)?)?\})\??/);
    if (!times) return of;
    if (/^[*+?{]/.test(rest) && !/^\{(?!\d)/.test(rest)) refuse(`a repeated repetition in the pattern "${source}"`);
    const infinite = Number.POSITIVE_INFINITY;
    const [sign, low, comma, high] = [times[0][0], Number(times[1]), times[2], times[3]];
    if (sign === '*') return { kind: 'repeat', of, min: 0, max: infinite };
    if (sign === '+') return { kind: 'repeat', of, min: 1, max: infinite };
    if (sign === '?') return { kind: 'repeat', of, min: 0, max: 1 };
    const max = high !== undefined ? Number(high) : comma ? infinite : low;
    if (low > 1000 || low > max || (max > 1000 && max !== infinite)) refuse(`the repetition ${times[0]}`);
    return { kind: 'repeat', of, min: low, max };
  };
  const atom = (depth: number): Pattern => {
    if (take(/^\((?:\?:|\?P?<\w+>|(?!\?))/)) {
      const inside = choice(depth + 1);
      if (!take(/^\)/)) refuse(`an open group in the pattern "${source}"`);
      return inside;
    }
    if (take(/^(?:\^|\\A)/)) return { kind: 'edge', edge: 'start' };
    if (take(/^(?:\$|\\z)/)) return { kind: 'edge', edge: 'end' };
    if (take(/^\\b/)) return { kind: 'edge', edge: 'boundary' };
    if (take(/^\\B/)) return { kind: 'edge', edge: 'inside' };
    if (take(/^\./)) return character('[^\\n]');
    const list = take(/^\[\^?\]?(?:\[:\w+:\]|\\.|[^\]\\])*\]/su);
    if (list) {
      const closing = list[0].replace(/^(\[\^?)\](?=.)/su, '$1\\]').replaceAll('\\s', '\\t\\n\\f\\r ');
      const written = closing.replaceAll(/\[:(\w+):\]/g, (given, name: string) => classes[name] ?? given);
      if (/\\[bBDWSQE]|\[:/.test(written)) refuse(`"${list[0]}" in the pattern "${source}"`);
      return character(written);
    }
    const property = take(/^\\[pP](?:\{\^?\w+\}|[A-Z])/);
    if (property) return character(property[0].replace(/^(\\[pP])([A-Z])$/, '$1{$2}'));
    const hexadecimal = take(/^\\x(?:\{([0-9A-Fa-f]{1,6})\}|([0-9A-Fa-f]{2}))/);
    if (hexadecimal) return character(`\\u{${hexadecimal[1] ?? hexadecimal[2]}}`);
    const letter = take(/^\\([A-Za-z])/);
    if (letter) return character(escapes[letter[1]!] ?? refuse(`"${letter[0]}" in the pattern "${source}"`));
    const literal = take(/^\\([^0-9])/su) ?? take(/^(?!\{\d+(?:,\d*)?\})([^*+?()[\\])/su);
    if (!literal) return refuse(`"${rest.slice(0, 3)}" in the pattern "${source}"`);
    return { kind: 'character', fits: (given) => given === literal[1] };
  };
  const whole = choice(0);
  return rest === '' ? whole : refuse(`"${rest.slice(0, 3)}" in the pattern "${source}"`);
}
