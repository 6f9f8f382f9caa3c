import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRng, writeModel } from '@slm-compress/onnx';
import { trainWordPiece, writeTokenizer } from '@slm-compress/text';
import { type EncoderShape, encoder } from './models.ts';

const WORDS =
  'the meeting is at noon free money offer click here to win a prize please review attached report before friday ' +
  'thanks for your help with this project cheap pills limited time only dear friend account update now';

/** Deterministic texts of `words` words each. */
export function someTexts(count: number, words: (index: number) => number): string[] {
  const rng = createRng('texts');
  const vocabulary = WORDS.split(' ');
  return Array.from({ length: count }, (_, index) =>
    Array.from({ length: words(index) }, () => vocabulary[rng.integer(vocabulary.length)]).join(' '),
  );
}

export const LABELS = ['ham', 'spam', 'other'] as const;
export const MAX_LENGTH = 128;

/** A complete model folder of random weights in a new temporary folder; the caller removes it. */
export async function writeTestFolder(shape: Partial<EncoderShape> = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'slm-runtime-'));
  await mkdir(join(folder, 'onnx'));
  const tokenizer = trainWordPiece([WORDS, ...someTexts(20, () => 12)], { vocabSize: 200, maxLength: MAX_LENGTH });
  await writeTokenizer(folder, tokenizer);
  const model = encoder({
    vocabulary: 200,
    positions: MAX_LENGTH,
    hidden: 32,
    heads: 2,
    layers: 2,
    labels: LABELS.length,
    ...shape,
  });
  await writeModel(join(folder, 'onnx', 'model.onnx'), model);
  const config = {
    model_type: 'bert',
    max_position_embeddings: MAX_LENGTH,
    id2label: Object.fromEntries(LABELS.map((label, index) => [index, label])),
  };
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  return folder;
}

export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}
