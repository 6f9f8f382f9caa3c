import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chooseNaiveBayes, readDataFolder } from '@slm-compress/text';
import type { StageEvent } from '../events.ts';
import type { StageManifest } from '../lineage.ts';
import { writeStageFolder } from '../staging.ts';
import { type CommonContext, commonLineage } from './data.ts';

/** Counts words for naive Bayes, the row that every report compares with; how they are counted is chosen on the validation split. */
export async function* baselineStage(
  context: CommonContext,
  dataFolder: string,
): AsyncGenerator<StageEvent, StageManifest> {
  const { train, validation, labels } = await readDataFolder(dataFolder);
  yield { kind: 'progress', stage: 'naive-bayes', phase: 'words', done: 0, total: 0 };
  const { model, options, validationAccuracy } = chooseNaiveBayes(train, validation, labels);
  return await writeStageFolder(context.out, context.work, async (folder) => {
    await writeFile(join(folder, 'model.json'), JSON.stringify(model.toJSON()));
    return commonLineage(context, 'baseline', options, { validationAccuracy });
  });
}
