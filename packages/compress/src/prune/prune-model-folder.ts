import { type Finding, SlmError } from '@slm-compress/onnx';
import type { PrunedVocabulary } from '@slm-compress/text';
import { type ModelFolder, writeModelFolder } from '../folder/model-folder.ts';
import { pruneVocabularyRows } from './vocabulary-rows.ts';

/**
 * Writes a model folder anew with a pruned vocabulary: the tokenizer, the rows of the graph, and the sizes and special
 * ids of `config.json`. The new folder has no lineage; its card says what was done. Gives the findings of the graph.
 *
 * @throws SlmError `PRUNE_VOCABULARY` as `pruneVocabularyRows` does, and for a quantized model
 */
export async function pruneModelFolder(
  from: ModelFolder,
  out: string,
  { tokenizer, keptIds }: PrunedVocabulary,
): Promise<readonly Finding[]> {
  const { config, card } = from;
  const rows = vocabularyRows(from);
  const { model, findings } = pruneVocabularyRows(from.model, keptIds, rows);
  const newId = new Map(Array.from(keptIds, (old, id) => [old, id]));
  const renumbered = Object.entries(config).map(([name, value]) => {
    return [name, name.endsWith('_token_id') && typeof value === 'number' ? newId.get(value) : value] as const;
  });
  const note = `\n## Vocabulary\n\n${keptIds.length} of ${rows} tokens; what is said above is of the whole vocabulary.\n`;
  await writeModelFolder(out, {
    model,
    config: {
      ...Object.fromEntries(renumbered.filter(([, value]) => value !== undefined)),
      vocab_size: keptIds.length,
    },
    tokenizer: tokenizer.files,
    card: card.trimEnd() + (card === '' ? '' : '\n') + note,
  });
  return findings;
}

/**
 * How many tokens the model of a folder has rows for.
 *
 * @throws SlmError `PRUNE_VOCABULARY` for a quantized model and where `config.json` does not say
 */
export function vocabularyRows({ folder, manifest, config }: ModelFolder): number {
  if (manifest.file.includes('quantized')) {
    throw new SlmError(
      'PRUNE_VOCABULARY',
      `${folder}: expected an FP32 model, got an int8 one (prune the model it was made from, then quantize)`,
    );
  }
  const rows = config.vocab_size;
  if (typeof rows === 'number') return rows;
  throw new SlmError('PRUNE_VOCABULARY', `${folder}: expected vocab_size in config.json, got ${rows}`);
}
