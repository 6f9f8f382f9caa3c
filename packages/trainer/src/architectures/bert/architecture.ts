import type { Architecture } from '../architecture.ts';
import { buildBertClassifier } from './bert.ts';
import { bertParameterShapes, initialParameter } from './bert-parameters.ts';
import { type BertConfig, fromHfConfig, toHfConfig } from './config.ts';
import { fromHfWeights, toHfWeights } from './hf-weights.ts';

/** BERT with a sequence classifier. */
export const bert: Architecture<BertConfig> = {
  modelType: 'bert',
  pooler: 'bert.pooler.dense.weight',
  readConfig: fromHfConfig,
  writeConfig: toHfConfig,
  parameterShapes: bertParameterShapes,
  initialParameter,
  currentName(stored) {
    if (stored.endsWith('.position_ids')) return undefined;
    const current = stored
      .replace(/\.LayerNorm\.gamma$/, '.LayerNorm.weight')
      .replace(/\.LayerNorm\.beta$/, '.LayerNorm.bias');
    return /^(embeddings|encoder|pooler)\./.test(current) ? `bert.${current}` : current;
  },
  fromStored: fromHfWeights,
  toStored: toHfWeights,
  build: buildBertClassifier,
};
