import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { naiveBayes, readDataFolder, wholeText } from '@slm-compress/text';
import type { StageEvent } from '../events.ts';
import type { StageManifest } from '../lineage.ts';
import { writeStageFolder } from '../staging.ts';
import { type CommonContext, commonLineage } from './data.ts';

/** Counts words for naive Bayes, the row that every report compares with. */
export async function* baselineStage(
  context: CommonContext,
  dataFolder: string,
): AsyncGenerator<StageEvent, StageManifest> {
  const { train, validation, labels } = await readDataFolder(dataFolder);
  yield { kind: 'progress', stage: 'naive-bayes', phase: 'words', done: 0, total: 0 };
  const model = naiveBayes(train, labels);
  const right = validation.filter((row) => labels[model.predict(wholeText(row)).label] === row.label).length;
  return await writeStageFolder(context.out, context.work, async (folder) => {
    await writeFile(join(folder, 'model.json'), JSON.stringify(model.toJSON()));
    return commonLineage(context, 'baseline', {}, { validationAccuracy: right / Math.max(1, validation.length) });
  });
}
