import { readDataFolder, type TokenizerFiles, trainWordPiece, wholeText, writeTokenizer } from '@slm-compress/text';
import type { StageEvent } from '../events.ts';
import type { StageManifest } from '../lineage.ts';
import type { TokenizerOptions } from '../schema.ts';
import { writeStageFolder } from '../staging.ts';
import { tokenizerOf } from '../tokenizer-of.ts';
import { type CommonContext, commonLineage } from './data.ts';

/** Learns a WordPiece vocabulary from the training split, or takes the tokenizer of the folder `from`. */
export async function* tokenizerStage(
  context: CommonContext,
  options: TokenizerOptions,
  dataFolder: string,
  from?: string,
): AsyncGenerator<StageEvent, StageManifest> {
  const files =
    'from' in options ? await adopted(from ?? options.from, options.maxLength) : yield* trained(options, dataFolder);
  return await writeStageFolder(context.out, context.work, async (folder) => {
    await writeTokenizer(folder, files);
    return commonLineage(context, 'tokenizer', options, { vocabSize: files.vocabSize });
  });
}

async function adopted(from: string, maxLength: number): Promise<TokenizerFiles> {
  const { files, vocabSize } = await tokenizerOf(from);
  const config = { ...JSON.parse(files['tokenizer_config.json']), model_max_length: maxLength };
  return { vocabSize, files: { ...files, 'tokenizer_config.json': `${JSON.stringify(config, undefined, 2)}\n` } };
}

async function* trained(
  options: Extract<TokenizerOptions, { readonly kind: string }>,
  dataFolder: string,
): AsyncGenerator<StageEvent, TokenizerFiles> {
  const { train } = await readDataFolder(dataFolder, { task: 'any' });
  yield { kind: 'progress', stage: 'tokenizer', phase: 'vocabulary', done: 0, total: 0 };
  const { vocabSize, maxLength, lowercase, minFrequency } = options;
  return trainWordPiece(train.map(wholeText), {
    vocabSize,
    maxLength,
    ...(lowercase === undefined ? {} : { lowercase }),
    ...(minFrequency === undefined ? {} : { minFrequency }),
  });
}
