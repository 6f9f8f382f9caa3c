import type { Engine, Tensor } from '@slm-compress/onnx';
import { SlmError } from '@slm-compress/onnx';
import type { Tokenizer } from '@slm-compress/text';

/**
 * Texts are padded to a multiple of so many tokens, alone or in a batch. A text is thus computed at a length that
 * depends on itself only, which keeps its answer the same in every company.
 */
export const PAD_MULTIPLE = 16;

export interface TextsClassified {
  /** Probabilities, `[texts, labels]`. */
  readonly probabilities: Float64Array;
  /** 1 where a text had more tokens than the model takes. */
  readonly truncated: Uint8Array;
}

export interface ClassifyOptions {
  readonly labels: number;
  readonly maxLength: number;
  /** Most tokens of one run, padding included; a run has at least one text. */
  readonly tokenBudget: number;
}

/** Tokenizes, groups by padded length, runs, and applies softmax. Results are in the order of `texts`. */
export async function classifyTexts(
  engine: Engine,
  tokenizer: Tokenizer,
  texts: readonly string[],
  { labels, maxLength, tokenBudget }: ClassifyOptions,
): Promise<TextsClassified> {
  const encoded = texts.map((text) => tokenizer.encode(text, { maxLength }));
  const probabilities = new Float64Array(texts.length * labels);
  const lengths = encoded.map(({ ids }) => paddedLength(ids.length, maxLength));
  for (const group of groupByLength(lengths, tokenBudget)) {
    const ids = group.map((index) => encoded[index]!.ids);
    const logits = await runBatch(engine, ids, lengths[group[0]!]!, tokenizer.padId);
    if (logits.dims[0] !== group.length || logits.dims[1] !== labels || logits.type !== 'float32') {
      const got = `${logits.type}[${logits.dims.join(', ')}]`;
      throw new SlmError('MODEL_FOLDER', `logits: expected float32[${group.length}, ${labels}], got ${got}`);
    }
    group.forEach((index, row) => {
      const scores = (logits.data as Float32Array).subarray(row * labels, (row + 1) * labels);
      probabilities.set(softmax(scores), index * labels);
    });
  }
  return { probabilities, truncated: Uint8Array.from(encoded, ({ truncated }) => (truncated ? 1 : 0)) };
}

/** The length a text of `length` tokens is padded to: the next multiple of {@link PAD_MULTIPLE}, `maxLength` at most. */
export function paddedLength(length: number, maxLength: number): number {
  return Math.min(Math.ceil(Math.max(length, 1) / PAD_MULTIPLE) * PAD_MULTIPLE, maxLength);
}

/** Indices in groups of one length each, so that `length × count ≤ tokenBudget` (one index always fits). */
export function groupByLength(lengths: readonly number[], tokenBudget: number): number[][] {
  const groups: number[][] = [];
  const open = new Map<number, number[]>();
  lengths.forEach((length, index) => {
    const group = open.get(length);
    if (group !== undefined && (group.length + 1) * length <= tokenBudget) group.push(index);
    else {
      const started = [index];
      open.set(length, started);
      groups.push(started);
    }
  });
  return groups;
}

async function runBatch(engine: Engine, rows: readonly Int32Array[], length: number, padId: number): Promise<Tensor> {
  const dims = [rows.length, length];
  const inputIds = new BigInt64Array(rows.length * length).fill(BigInt(padId));
  const attentionMask = new BigInt64Array(rows.length * length);
  rows.forEach((ids, row) => {
    for (let column = 0; column < ids.length; column++) inputIds[row * length + column] = BigInt(ids[column]!);
    attentionMask.fill(1n, row * length, row * length + ids.length);
  });
  const feeds: Record<string, Tensor> = {
    input_ids: { type: 'int64', dims, data: inputIds },
    attention_mask: { type: 'int64', dims, data: attentionMask },
  };
  if (engine.signature.inputs.some(({ name }) => name === 'token_type_ids')) {
    feeds.token_type_ids = { type: 'int64', dims, data: new BigInt64Array(rows.length * length) };
  }
  return (await engine.run(feeds, { outputs: ['logits'] })).logits!;
}

/** `exp(x − max) / Σ exp(x − max)` in double precision. */
export function softmax(logits: Float32Array): Float64Array {
  const max = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const exponentials = Float64Array.from(logits, (logit) => Math.exp(logit - max));
  const sum = exponentials.reduce((a, b) => a + b, 0);
  return exponentials.map((value) => value / sum);
}
