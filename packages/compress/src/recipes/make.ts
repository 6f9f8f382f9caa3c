import { rm } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import { SlmError } from '@slm-compress/onnx';
import { toHfConfig } from '@slm-compress/trainer';
import { writeModelFolder } from '../folder/model-folder.ts';
import type { StageEvent } from './events.ts';
import { type Lineage, readStageManifest, type StageManifest } from './lineage.ts';
import { modelCard } from './model-card.ts';
import { readParent } from './read-parent.ts';
import type { Stage } from './schema.ts';
import type { Made, ParentModel, StageContext } from './stages/context.ts';
import { distillStage } from './stages/distill.ts';
import { pruneStage } from './stages/prune.ts';
import { quantizeStage } from './stages/quantize.ts';
import { type StartOptions, startOf } from './stages/start.ts';
import { trainStage } from './stages/train.ts';

export interface MakeOptions {
  /** Key for the manifest. */
  readonly key: string;
  /** Folder of the model to make. */
  readonly out: string;
  /** Folders of the rows that the stage names. */
  readonly folders: Readonly<Record<string, string>>;
}

/**
 * Makes one model folder, whole or not at all, and removes the stage's work folder.
 * Yields the stage's events and returns the folder's manifest.
 */
export async function* makeModel(
  context: StageContext,
  stage: Stage,
  { key, out, folders }: MakeOptions,
): AsyncGenerator<StageEvent, StageManifest> {
  const parents: { role: 'from' | 'teacher'; parent: Pick<ParentModel, 'name' | 'folder' | 'digest'> }[] = [];
  const open = async (role: 'from' | 'teacher', name: string) => {
    const parent = await readParent(name, folders[name]!);
    requireLabels(context, parent);
    parents.push({ role, parent });
    return parent;
  };
  const start = async (options: StartOptions) => {
    const started = await startOf(context, options, folders[options.from ?? '']);
    if (started.parent !== undefined) parents.push({ role: 'from', parent: started.parent });
    return started;
  };
  let made: Made;
  switch (stage.kind) {
    case 'train':
      made = yield* trainStage(context, await start(stage.options), stage.options);
      break;
    case 'distill':
      made = yield* distillStage(
        context,
        await open('teacher', stage.options.teacher),
        await start(stage.options),
        stage.options,
      );
      break;
    case 'prune': {
      const from = await open('from', stage.options.from);
      const teacher = stage.options.recovery?.teacher;
      made = yield* pruneStage(
        context,
        from,
        teacher === undefined ? undefined : await open('teacher', teacher),
        stage.options,
      );
      break;
    }
    case 'quantize':
      made = yield* quantizeStage(context, await open('from', stage.options.from), stage.options);
      break;
  }
  context.signal?.throwIfAborted();
  const { prepared, host, seed } = context;
  const file = made.quantized ? 'onnx/model_quantized.onnx' : 'onnx/model.onnx';
  const lineage: Lineage = {
    name: stage.name,
    kind: stage.kind,
    key,
    seed,
    options: stage.options,
    parents: parents.map(({ role, parent }) => ({
      role,
      name: parent.name,
      folder: portable(relative(resolve(out), resolve(parent.folder))),
      digest: parent.digest,
    })),
    data: {
      folder: portable(relative(resolve(out), resolve(prepared.dataFolder))),
      name: prepared.splits.name,
      digest: prepared.splits.digest,
    },
    tokenizer: prepared.tokenizer.digest,
    versions: { ...host.versions },
    metrics: made.metrics,
    findings: [...made.findings],
    history: made.history,
  };
  await writeModelFolder(out, {
    model: made.model,
    file,
    config: toHfConfig(made.config),
    tokenizer: prepared.tokenizerFolder,
    card: modelCard(lineage, file),
    manifest: lineage,
  });
  await rm(context.work, { recursive: true, force: true });
  return (await readStageManifest(out))!;
}

function requireLabels(context: StageContext, parent: ParentModel): void {
  const expected = parent.config.labels.join(', ');
  const got = context.prepared.splits.labels.join(', ');
  if (expected === got) return;
  throw new SlmError(
    'LABEL_MISMATCH',
    `${context.prepared.dataFolder}: expected the labels of ${parent.folder} (${expected}), got ${got}`,
  );
}

function portable(path: string): string {
  return path.replaceAll('\\', '/');
}
