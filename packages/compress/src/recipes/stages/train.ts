import { createRng } from '@slm-compress/onnx';
import { type BertConfig, buildBertClassifier } from '@slm-compress/trainer';
import type { StageEvent } from '../events.ts';
import type { Architecture, TrainStageOptions } from '../schema.ts';
import type { Made, StageContext } from './context.ts';
import { trainModel } from './training.ts';

/** Trains a classifier from scratch on the true labels. */
export async function* trainStage(context: StageContext, options: TrainStageOptions): AsyncGenerator<StageEvent, Made> {
  const config = bertConfig(context, options.architecture, options.dropout);
  const loss = { kind: 'cross-entropy', labelSmoothing: options.labelSmoothing } as const;
  const data = context.prepared.encode('train');
  const trained = yield* trainModel(context, initialModel(context, config), data, loss, options);
  return { ...trained, config, quantized: false, findings: [] };
}

/** Shape of a new model for the context's tokenizer and labels. */
export function bertConfig(context: StageContext, architecture: Architecture, dropout: number): BertConfig {
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

/** Initial weights depend on the seed and the shape alone, so that stages of one shape start from the same weights. */
export function initialModel(context: StageContext, config: BertConfig) {
  return buildBertClassifier(config, { rng: createRng(context.seed).fork('initial-weights') });
}
