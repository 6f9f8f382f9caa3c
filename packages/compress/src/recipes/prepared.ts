import { SlmError } from '@slm-compress/onnx';
import { type DataSplits, type Example, loadTokenizer, readDataFolder, type TextTokenizer } from '@slm-compress/text';
import type { TrainingData } from '@slm-compress/trainer';

/** Examples as token ids, each split encoded once and kept. */
export interface Prepared {
  readonly dataFolder: string;
  readonly tokenizerFolder: string;
  readonly splits: DataSplits;
  readonly tokenizer: TextTokenizer;
  readonly maxLength: number;
  encode(split: 'train' | 'validation' | 'test'): TrainingData;
}

/** Opens a data folder with a tokenizer. Texts are cut to `maxLength` tokens. */
export async function openPrepared(dataFolder: string, tokenizerFolder: string, maxLength?: number): Promise<Prepared> {
  const [splits, tokenizer] = await Promise.all([readDataFolder(dataFolder), loadTokenizer(tokenizerFolder)]);
  const length = maxLength ?? tokenizer.maxLength ?? 128;
  const encoded = new Map<string, TrainingData>();
  return {
    dataFolder,
    tokenizerFolder,
    splits,
    tokenizer,
    maxLength: length,
    encode(split) {
      const known = encoded.get(split);
      if (known !== undefined) return known;
      const made = encodeExamples(splits[split], splits.labels, tokenizer, length, `${dataFolder}, ${split}`);
      encoded.set(split, made);
      return made;
    },
  };
}

/**
 * Token ids and class ids of labelled texts or pairs; `where` names them in errors.
 * Throws `LABEL_MISMATCH` for a label that is not among `labels`.
 */
export function encodeExamples(
  examples: readonly Example[],
  labels: readonly string[],
  tokenizer: Pick<TextTokenizer, 'encode'>,
  maxLength: number,
  where: string,
): TrainingData {
  const classes = new Map(labels.map((label, index) => [label, index]));
  const ids: Int32Array[] = [];
  const targets = new Int32Array(examples.length);
  for (const [index, { id, text, pair, label }] of examples.entries()) {
    const target = classes.get(label);
    if (target === undefined) {
      throw new SlmError(
        'LABEL_MISMATCH',
        `${where}, row "${id}": expected one of ${labels.join(', ')}, got "${label}"`,
      );
    }
    ids.push(tokenizer.encode(text, pair === undefined ? { maxLength } : { maxLength, pair }).ids);
    targets[index] = target;
  }
  return { ids, labels: targets };
}
