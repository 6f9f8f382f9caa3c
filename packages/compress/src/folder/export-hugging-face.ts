import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { SlmError } from '@slm-compress/onnx';
import { readTokenizerFiles } from '@slm-compress/text';
import { type BertConfig, bertWeights, classifierArchitecture, encodeSafetensors } from '@slm-compress/trainer';
import { readParent } from '../recipes/read-parent.ts';
import { readModelFolder } from './model-folder.ts';

/**
 * Writes an FP32 model folder as a folder that `AutoModelForSequenceClassification.from_pretrained` of `transformers` loads:
 * `config.json`, `model.safetensors`, the tokenizer's files and the model card. It appears whole or not at all.
 *
 * @throws SlmError `OUT_EXISTS` when `out` exists, `MODEL_QUANTIZED` for an int8 model, `EXPORT_UNSUPPORTED` for a model that
 *   no class of `transformers` computes (mean pooling, or pruned heads or neurons), and as `readModelFolder` does
 */
export async function exportHuggingFace(folder: string, out: string): Promise<void> {
  const target = resolve(out);
  if ((await stat(target).catch(() => undefined)) !== undefined) {
    throw new SlmError('OUT_EXISTS', `${out}: expected a new folder, got one that exists (name another)`);
  }
  const { config, model } = await readParent(basename(resolve(folder)), folder);
  requireStandard(config, folder);
  const { card, config: json } = await readModelFolder(folder);
  const architecture = classifierArchitecture(json, join(folder, 'config.json'));
  const { slm_compress: _, ...fields } = architecture.writeConfig(config);
  const tensors = architecture.toStored(config, bertWeights(model));
  const files: Readonly<Record<string, string | Uint8Array>> = {
    ...(await readTokenizerFiles(folder)).files,
    'README.md': card,
    'config.json': `${JSON.stringify(fields, undefined, 2)}\n`,
    'model.safetensors': encodeSafetensors(tensors, { format: 'pt' }),
  };
  const temporary = join(dirname(target), `.${basename(target)}.${process.pid}.new`);
  await rm(temporary, { recursive: true, force: true });
  try {
    await mkdir(temporary, { recursive: true });
    for (const [name, data] of Object.entries(files)) await writeFile(join(temporary, name), data, { flush: true });
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
}

function requireStandard(config: BertConfig, folder: string): void {
  const { pooling = 'cls', heads, headSize, hiddenSize, headsPerLayer = [], intermediatePerLayer = [] } = config;
  const refuse = (got: string) => {
    const message = `expected a model that a class of transformers computes, got ${got} (use its ONNX graph)`;
    throw new SlmError('EXPORT_UNSUPPORTED', `${folder}: ${message}`);
  };
  if (pooling !== 'cls') refuse(`${pooling} pooling`);
  const pruned =
    heads * headSize !== hiddenSize ||
    headsPerLayer.some((count) => count !== heads) ||
    intermediatePerLayer.some((size) => size !== config.intermediateSize);
  if (pruned) refuse('pruned heads or neurons');
}
