import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SlmError } from '@slm-compress/onnx';
import { fromHfConfig } from '@slm-compress/trainer';
import { readModelFolder } from '../folder/model-folder.ts';
import { artefactDigest } from './lineage.ts';
import type { ParentModel } from './stages/context.ts';

/** Reads a model folder as the parent of a stage. Throws as `readModelFolder` does, `MODEL_QUANTIZED` for an int8 model. */
export async function readParent(name: string, folder: string): Promise<ParentModel> {
  const { model, config, manifest } = await readModelFolder(folder);
  if (manifest.file.includes('quantized')) {
    throw new SlmError(
      'MODEL_QUANTIZED',
      `${folder}: expected an FP32 model, got an int8 one (name the model it was made from)`,
    );
  }
  const tokenizerConfig = JSON.parse(await readFile(join(folder, 'tokenizer_config.json'), 'utf8')) as {
    readonly model_max_length?: number;
  };
  const bert = fromHfConfig(config, join(folder, 'config.json'));
  return {
    name,
    folder,
    model,
    config: bert,
    maxLength: tokenizerConfig.model_max_length ?? bert.maxPositions,
    digest: artefactDigest(manifest),
  };
}
