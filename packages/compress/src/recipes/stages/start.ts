import { basename, resolve } from 'node:path';
import { createRng, type Finding, type Model, type Rng, SlmError } from '@slm-compress/onnx';
import {
  adaptPretrained,
  type BertConfig,
  bertWeights,
  buildBertClassifier,
  loadPretrained,
  toHfConfig,
  toHfWeights,
} from '@slm-compress/trainer';
import { readStageManifest } from '../lineage.ts';
import { describePretrained } from '../pretrained-folder.ts';
import { readParent } from '../read-parent.ts';
import type { Architecture, TrainStageOptions } from '../schema.ts';
import { tokenizerOf } from '../tokenizer-of.ts';
import type { ParentModel, StageContext } from './context.ts';

/** What says how a model starts; `dropout` is that of training. */
export type StartOptions = Pick<TrainStageOptions, 'architecture' | 'from' | 'pooling' | 'dropout'>;

/** A model before its first step. */
export interface Start {
  readonly model: Model;
  readonly config: BertConfig;
  readonly findings: readonly Finding[];
  /** Where its weights come from, if they are not new. */
  readonly parent?: Pick<ParentModel, 'name' | 'folder' | 'digest'>;
}

/**
 * A new model of the options' architecture, or one with the weights of `folder` (a Hugging Face folder, or a model folder of
 * ours) and a classifier for the context's labels, which is the folder's own where its labels are the same.
 *
 * Throws SlmError `TOKENIZER_MISMATCH` when the context's tokenizer is not that of the folder, `PRETRAINED_LENGTH` when texts
 * are longer than the folder's positions, and as `loadPretrained` and `readParent` do.
 */
export async function startOf(context: StageContext, options: StartOptions, folder?: string): Promise<Start> {
  const rng = createRng(context.seed).fork('initial-weights');
  if (options.architecture !== undefined) {
    const config = newConfig(context, options.architecture, options.dropout);
    return { config, model: buildBertClassifier(config, { rng }), findings: [] };
  }
  const { prepared } = context;
  const { digest, vocabSize } = await tokenizerOf(folder!);
  if (digest !== prepared.tokenizer.digest) {
    const hint = `tokenizer: { from: ${options.from} }`;
    const message = 'expected the tokenizer of the folder that the weights are from, got another';
    throw new SlmError('TOKENIZER_MISMATCH', `${folder}: ${message} (${hint})`);
  }
  const { config, weights, drawn, parent } = await loaded(context, options, folder!, rng);
  if (prepared.maxLength > config.maxPositions) {
    const message = `expected texts of at most ${config.maxPositions} tokens, got maxLength ${prepared.maxLength}`;
    throw new SlmError('PRETRAINED_LENGTH', `${folder}: ${message}`);
  }
  if (vocabSize > config.vocabSize) {
    const message = `expected embeddings for the tokenizer's ${vocabSize} ids, got ${config.vocabSize}`;
    throw new SlmError('WEIGHTS_MISMATCH', `${folder}: ${message}`);
  }
  const message = 'the folder has no such parameter for these labels, so that it starts at random';
  const findings = drawn.map((where) => ({ kind: 'patched' as const, where, message }));
  return { config, model: buildBertClassifier(config, weights), findings, parent };
}

/** What stays of a folder: its weights, and whose they are. */
async function loaded(context: StageContext, options: StartOptions, folder: string, rng: Rng) {
  const { pooling, dropout } = options;
  const wanted = { labels: context.prepared.splits.labels, dropout, rng, ...(pooling && { pooling }) };
  const name = basename(resolve(folder));
  if ((await readStageManifest(folder)) === undefined) {
    const { digest } = await describePretrained(folder);
    return { ...(await loadPretrained(folder, wanted)), parent: { name, folder, digest } };
  }
  const { model, config, digest } = await readParent(name, folder);
  const stored = toHfWeights(config, bertWeights(model));
  return { ...adaptPretrained(toHfConfig(config), stored, wanted, folder), parent: { name, folder, digest } };
}

/** Shape of a new model for the context's tokenizer and labels. */
function newConfig(context: StageContext, architecture: Architecture, dropout: number): BertConfig {
  const { tokenizer, splits, maxLength } = context.prepared;
  return {
    vocabSize: tokenizer.vocabSize,
    hiddenSize: architecture.hiddenSize,
    layers: architecture.layers,
    heads: architecture.heads,
    headSize: architecture.hiddenSize / architecture.heads,
    intermediateSize: architecture.intermediateSize,
    maxPositions: maxLength,
    labels: splits.labels,
    dropout,
    pooling: architecture.pooling,
    padId: tokenizer.padId,
  };
}
