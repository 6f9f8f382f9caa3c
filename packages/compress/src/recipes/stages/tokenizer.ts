import { readDataFolder, trainWordPiece, wholeText, writeTokenizer } from '@slm-compress/text';
import type { StageEvent } from '../events.ts';
import type { StageManifest } from '../lineage.ts';
import type { TokenizerOptions } from '../schema.ts';
import { writeStageFolder } from '../staging.ts';
import { type CommonContext, commonLineage } from './data.ts';

/** Learns a WordPiece vocabulary from the training split. */
export async function* tokenizerStage(
  context: CommonContext,
  options: TokenizerOptions,
  dataFolder: string,
): AsyncGenerator<StageEvent, StageManifest> {
  const { train } = await readDataFolder(dataFolder, { task: 'any' });
  yield { kind: 'progress', stage: 'tokenizer', phase: 'vocabulary', done: 0, total: 0 };
  const { vocabSize, maxLength, lowercase, minFrequency } = options;
  const files = trainWordPiece(train.map(wholeText), {
    vocabSize,
    maxLength,
    ...(lowercase === undefined ? {} : { lowercase }),
    ...(minFrequency === undefined ? {} : { minFrequency }),
  });
  return await writeStageFolder(context.out, context.work, async (folder) => {
    await writeTokenizer(folder, files);
    return commonLineage(context, 'tokenizer', options, { vocabSize: files.vocabSize });
  });
}
