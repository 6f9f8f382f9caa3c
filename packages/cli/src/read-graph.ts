import { stat } from 'node:fs/promises';
import { type Model, readModel } from '@slm-compress/onnx';
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
  const folder = await modelFolderOf(given);
  const { modelPath: file } = await readModelFolder(folder);
  return { file, folder, model: await readModel(file) };
}
