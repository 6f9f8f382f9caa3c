import { readdir, stat } from 'node:fs/promises';
import { type Model, readModel, SlmError } from '@slm-compress/onnx';
import { readModelFolder } from '@slm-compress/runtime';
import { modelFolderOf } from './default-model.ts';

/** A graph that a command was given. */
export interface GivenGraph {
  /** Path of the `.onnx` file. */
  readonly file: string;
  /** The model folder, where one (or a run folder) was given. */
  readonly folder?: string;
  readonly model: Model;
}

/** Reads an `.onnx` file, or the graph of a model folder or of the last model of a run folder. */
export async function readGraph(given: string): Promise<GivenGraph> {
  if ((await stat(given).catch(() => undefined))?.isDirectory() !== true) {
    return { file: given, model: await readModel(given) };
  }
  const names = await readdir(given);
  const loose = names.filter((name) => name.endsWith('.onnx')).sort();
  if (loose.length > 0 && !names.includes('config.json')) {
    const hint = `name a file: ${loose.slice(0, 3).join(', ')}`;
    throw new SlmError(
      'MODEL_FOLDER',
      `${given}: expected a model folder or run folder, got one without config.json (${hint})`,
    );
  }
  const folder = await modelFolderOf(given);
  const { modelPath: file } = await readModelFolder(folder);
  return { file, folder, model: await readModel(file) };
}
