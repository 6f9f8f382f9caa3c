import type { Architecture } from '../architecture.ts';
import { bert } from './architecture.ts';
import type { BertConfig } from './config.ts';

/**
 * DistilBERT (Sanh et al., 2019) with a sequence classifier: BERT without token types, whose first token goes through a layer
 * with ReLU. Its graph and the names in it are BERT's.
 */
export const distilBert: Architecture<BertConfig> = {
  ...bert,
  modelType: 'distilbert',
  pooler: 'pre_classifier.weight',
  currentName(stored) {
    const current = bert.currentName(stored);
    return current === undefined
      ? undefined
      : current.replace(/^(bert\.)?(embeddings|transformer)\./, 'distilbert.$2.');
  },
};
