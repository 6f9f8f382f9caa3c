import { SlmError } from '@slm-compress/onnx';
import type { ModelPart } from '../tokenizer-files.ts';

interface AddedToken {
  readonly id: number;
  readonly content: string;
}

/** A parsed `tokenizer.json` with its configuration. */
export interface TokenizerDescription {
  /** The file but for its model. */
  readonly description: Readonly<Record<string, unknown>>;
  readonly model: ModelPart;
  readonly config: Readonly<Record<string, unknown>>;
  readonly added: readonly AddedToken[];
  /** Every token by id, and every id by token; added tokens included. */
  readonly tokens: ReadonlyMap<number, string>;
  readonly ids: ReadonlyMap<string, number>;
  readonly unknownId?: number;
}

/** Parses the files of a tokenizer. Throws SlmError `TOKENIZER_CORRUPT`. */
export function parseTokenizer(files: { readonly 'tokenizer.json': string } & Readonly<Record<string, string>>) {
  const { model: given, ...description } = parseObject('tokenizer.json', files['tokenizer.json']);
  const config = parseObject('tokenizer_config.json', files['tokenizer_config.json'] ?? '{}');
  const found = (given ?? {}) as Readonly<Record<string, unknown>>;
  const { vocab, merges } = found;
  const type = found.type ?? (merges === undefined ? (Array.isArray(vocab) ? 'Unigram' : 'WordPiece') : 'BPE');
  const entries = type === 'Unigram' ? vocab : Object.entries((vocab ?? {}) as object).sort((a, b) => a[1] - b[1]);
  const known = type === 'WordPiece' || type === 'BPE' || type === 'Unigram';
  if (!known || !Array.isArray(entries) || !entries.every(isEntry) || entries.length === 0) {
    throw new SlmError(
      'TOKENIZER_CORRUPT',
      'tokenizer.json: expected a WordPiece, BPE or Unigram "model" with a "vocab" (a Hugging Face tokenizer.json)',
    );
  }
  const pairs = Array.isArray(merges)
    ? merges.map((merge): unknown => (typeof merge === 'string' ? merge.split(' ') : merge))
    : undefined;
  if (type === 'BPE' ? !pairs?.every(isMerge) : pairs !== undefined) {
    throw new SlmError('TOKENIZER_CORRUPT', 'tokenizer.json: expected "merges" of two tokens each in a BPE model');
  }
  const model: ModelPart = {
    ...found,
    type,
    vocab: entries,
    ...(pairs === undefined ? {} : { merges: pairs as [string, string][] }),
  };
  return describe({ description, model, config });
}

/** The same tokenizer with only the tokens `keptIds`, ascending old ids; the new id of each is its index. */
export function renumbered(before: TokenizerDescription, keptIds: Int32Array): TokenizerDescription {
  const numbers = new Map(Array.from(keptIds, (old, id) => [old, id]));
  const numberOf = (old: number) => numbers.get(old) ?? old;
  const { model, description, config } = before;
  const kept = new Set(Array.from(keptIds, (id) => before.tokens.get(id)!));
  const vocab =
    model.type === 'Unigram'
      ? model.vocab.filter((_, id) => numbers.has(id))
      : model.vocab.filter(([, id]) => numbers.has(id)).map(([token, id]) => [token, numberOf(id)] as const);
  const prefix = typeof model.continuing_subword_prefix === 'string' ? model.continuing_subword_prefix : '';
  const merges = model.merges?.filter(
    ([a, b]) =>
      kept.has(a) && kept.has(b) && kept.has(a + (prefix !== '' && b.startsWith(prefix) ? b.slice(prefix.length) : b)),
  );
  const { padding, post_processor } = description;
  return describe({
    description: {
      ...description,
      added_tokens: before.added.map((token) => ({ ...token, id: numberOf(token.id) })),
      ...(post_processor === undefined ? {} : { post_processor: renumberProcessor(post_processor, numberOf) }),
      ...(isObject(padding) && typeof padding.pad_id === 'number'
        ? { padding: { ...padding, pad_id: numberOf(padding.pad_id) } }
        : {}),
    },
    model: {
      ...model,
      ...(typeof model.unk_id === 'number' ? { unk_id: numberOf(model.unk_id) } : {}),
      vocab,
      ...(merges === undefined ? {} : { merges }),
    },
    config: isObject(config.added_tokens_decoder)
      ? {
          ...config,
          added_tokens_decoder: Object.fromEntries(
            Object.entries(config.added_tokens_decoder)
              .filter(([id]) => numbers.has(Number(id)))
              .map(([id, token]) => [String(numberOf(Number(id))), token]),
          ),
        }
      : config,
  });
}

function describe({
  description,
  model,
  config,
}: Pick<TokenizerDescription, 'description' | 'model' | 'config'>): TokenizerDescription {
  const { added_tokens } = description;
  const added = (Array.isArray(added_tokens) ? added_tokens : []).filter(
    (token): token is AddedToken => isObject(token) && Number.isInteger(token.id) && typeof token.content === 'string',
  );
  const tokens = new Map(
    model.vocab.map(([token, number], index) => [model.type === 'Unigram' ? index : number, token]),
  );
  for (const { id, content } of added) tokens.set(id, content);
  const ids = new Map(Array.from(tokens, ([id, token]) => [token, id]));
  const unknownId =
    model.type === 'Unigram'
      ? typeof model.unk_id === 'number'
        ? model.unk_id
        : undefined
      : typeof model.unk_token === 'string'
        ? ids.get(model.unk_token)
        : undefined;
  return { description, model, config, added, tokens, ids, ...(unknownId === undefined ? {} : { unknownId }) };
}

/** A post-processor names ids in `special_tokens[…].ids` and as `[token, id]` of `cls` and `sep`. */
function renumberProcessor(value: unknown, numberOf: (old: number) => number): unknown {
  if (!isObject(value)) return value;
  const made: Record<string, unknown> = { ...value };
  for (const name of ['cls', 'sep']) {
    const pair = value[name];
    if (Array.isArray(pair) && typeof pair[1] === 'number') made[name] = [pair[0], numberOf(pair[1])];
  }
  if (Array.isArray(value.processors))
    made.processors = value.processors.map((one) => renumberProcessor(one, numberOf));
  if (isObject(value.special_tokens)) {
    made.special_tokens = Object.fromEntries(
      Object.entries(value.special_tokens).map(([name, token]) => [
        name,
        isObject(token) && Array.isArray(token.ids) ? { ...token, ids: token.ids.map(numberOf) } : token,
      ]),
    );
  }
  return made;
}

function parseObject(name: string, text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
  } catch {}
  throw new SlmError(
    'TOKENIZER_CORRUPT',
    `${name}: expected a JSON object, got ${JSON.stringify(String(text).slice(0, 40))}`,
  );
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isEntry = (entry: unknown): entry is [string, number] =>
  Array.isArray(entry) && typeof entry[0] === 'string' && typeof entry[1] === 'number';
const isMerge = (merge: unknown) =>
  Array.isArray(merge) && merge.length === 2 && merge.every((part) => typeof part === 'string');
