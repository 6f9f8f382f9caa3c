import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Rng, SlmError, type Tensor } from '@slm-compress/onnx';
import type { Architecture } from '../architectures/architecture.ts';
import type { BertConfig } from '../architectures/bert/config.ts';
import { classifierArchitecture } from '../architectures/classifiers.ts';
import { readStoredWeights } from './stored-weights.ts';

export interface PretrainedOptions {
  /** Class names of the classifier to be trained. */
  readonly labels: readonly string[];
  /** What the classifier reads; by default the mean of the tokens where the folder is a sentence embedder's that takes it. */
  readonly pooling?: 'cls' | 'mean';
  /** Dropout in training; the folder's `hidden_dropout_prob` by default. */
  readonly dropout?: number;
  /** Draws what the folder has not: the classifier, and BERT's pooler where it is missing. */
  readonly rng: Rng;
}

/** A classifier that is to be fine-tuned. */
export interface Pretrained {
  readonly config: BertConfig;
  /** By initializer name, as `buildBertClassifier` takes them. */
  readonly weights: ReadonlyMap<string, Tensor>;
  /** Names of the parameters that were drawn, because the folder has them not or for other labels. */
  readonly drawn: readonly string[];
}

/**
 * A classifier with the weights of a Hugging Face folder of a BERT: an encoder, a masked model or a classifier, whose head
 * stays where its labels are the same in the same order. Read are `config.json`, the weights as `readStoredWeights` reads
 * them, and `1_Pooling/config.json` of a sentence embedder.
 *
 * Throws SlmError `FILE_NOT_FOUND` without a `config.json`, `CONFIG_INVALID` for another architecture or a configuration
 * that is out of its range, `WEIGHTS_MISMATCH` where the weights are not what the configuration says, and as
 * `readStoredWeights` does.
 */
export async function loadPretrained(folder: string, options: PretrainedOptions): Promise<Pretrained> {
  const where = join(folder, 'config.json');
  const json = await readJson(where);
  if (json === undefined) {
    throw new SlmError('FILE_NOT_FOUND', `${where}: expected the configuration of a model, got no such file`);
  }
  classifierArchitecture(json, where); // before any weights are read
  const pooling = options.pooling ?? (await poolingOf(folder));
  return adaptPretrained(json, await readStoredWeights(folder), { ...options, ...(pooling && { pooling }) }, where);
}

/**
 * {@link loadPretrained} of a `config.json` and tensors that were read, by the names under which they are stored; `where`
 * starts messages on the configuration. Throws SlmError `CONFIG_INVALID`, `WEIGHTS_MISMATCH`.
 */
export function adaptPretrained(
  json: unknown,
  tensors: ReadonlyMap<string, Tensor>,
  { labels, pooling, dropout, rng }: PretrainedOptions,
  where: string,
): Pretrained {
  const relative = (json as { readonly position_embedding_type?: unknown } | null)?.position_embedding_type;
  if (relative !== undefined && relative !== null && relative !== 'absolute') {
    throw new SlmError('CONFIG_INVALID', `${where}: position_embedding_type must be "absolute", got "${relative}"`);
  }
  const id2label = Object.fromEntries(labels.map((label, id) => [String(id), label]));
  const architecture = classifierArchitecture(json, where);
  const read = architecture.readConfig({ ...(json as object), id2label }, where);
  const config = { ...read, ...(pooling && { pooling }), ...(dropout !== undefined && { dropout }) };
  const stored = withCurrentNames(architecture, tensors);
  const shapes = architecture.parameterShapes(config);
  const head = stored.get('classifier.weight')?.dims;
  const keepsHead = head?.[0] === labels.length && head[1] === config.hiddenSize && sameLabels(json, labels);
  const drawn = [...shapes.keys()].filter(
    (name) =>
      (name.startsWith('classifier.') && !keepsHead) ||
      (name.startsWith('bert.pooler.') && !stored.has(architecture.pooler)),
  );
  const instead = new Map(drawn.map((name) => [name, architecture.initialParameter(name, shapes.get(name)!, rng)]));
  return { config, weights: architecture.fromStored(config, stored, instead), drawn };
}

/** By their current names, without buffers. */
function withCurrentNames(
  { currentName }: Architecture<BertConfig>,
  stored: ReadonlyMap<string, Tensor>,
): ReadonlyMap<string, Tensor> {
  const current = new Map<string, Tensor>();
  for (const [name, tensor] of stored) {
    const plain = currentName(name);
    if (plain !== undefined) current.set(plain, tensor);
  }
  return current;
}

/** What a sentence embedder takes as the embedding of a text, if it is one. */
async function poolingOf(folder: string): Promise<'cls' | 'mean' | undefined> {
  const pooling = (await readJson(join(folder, '1_Pooling', 'config.json'))) as Record<string, unknown> | undefined;
  return pooling?.pooling_mode_mean_tokens === true ? 'mean' : undefined;
}

function sameLabels(json: unknown, labels: readonly string[]): boolean {
  const named = (json as { readonly id2label?: Readonly<Record<string, unknown>> }).id2label ?? {};
  return Object.keys(named).length === labels.length && labels.every((label, id) => named[String(id)] === label);
}

/** Undefined without such a file. Throws `CONFIG_INVALID` for one that is no JSON. */
async function readJson(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new SlmError('CONFIG_INVALID', `${path}: expected JSON, got something else`, { cause });
  }
}
