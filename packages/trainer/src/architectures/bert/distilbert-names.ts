/** DistilBERT's names of what the right side is called in BERT, inside a layer or in front of all. */
const renamed: readonly (readonly [string, string])[] = [
  ['distilbert.transformer.', 'bert.encoder.'],
  ['distilbert.embeddings.', 'bert.embeddings.'],
  ['.attention.q_lin.', '.attention.self.query.'],
  ['.attention.k_lin.', '.attention.self.key.'],
  ['.attention.v_lin.', '.attention.self.value.'],
  ['.attention.out_lin.', '.attention.output.dense.'],
  ['.sa_layer_norm.', '.attention.output.LayerNorm.'],
  ['.ffn.lin1.', '.intermediate.dense.'],
  ['.ffn.lin2.', '.output.dense.'],
  ['.output_layer_norm.', '.output.LayerNorm.'],
  ['pre_classifier.', 'bert.pooler.dense.'],
];
// `.output.dense.` is a part of `.attention.output.dense.`: longer names first.
const byLength = [...renamed].sort((a, b) => b[1].length - a[1].length);

/** How DistilBERT stores what BERT stores as `name`. */
export function distilBertName(name: string): string {
  return byLength.reduce((renaming, [theirs, ours]) => renaming.replace(ours, theirs), name);
}

/** Names of `config.json`'s fields, by BERT's. */
export const distilBertFields: Readonly<Record<string, string>> = {
  hidden_size: 'dim',
  num_hidden_layers: 'n_layers',
  num_attention_heads: 'n_heads',
  intermediate_size: 'hidden_dim',
  hidden_act: 'activation',
  hidden_dropout_prob: 'dropout',
  attention_probs_dropout_prob: 'attention_dropout',
};
