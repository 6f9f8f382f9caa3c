import { constants } from 'node:fs';
import { access, copyFile, link, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { SlmError } from '../errors.ts';
import type { Model } from '../model.ts';
import { layOut } from './data-layout.ts';
import { decodeModel } from './decode.ts';
import { checkSize, MAX_MESSAGE_BYTES, modelPieces } from './encode.ts';
import { externalFiles } from './external-files.ts';
import { unreadable, unwritable } from './file-errors.ts';
import { createFile, replaceFile, temporaryName } from './write-file.ts';

/** How weights are kept in a file of their own. */
export interface ExternalDataOptions {
  /** Initializers of at least so many bytes go there; 1024 by default. */
  readonly threshold?: number;
  /** Name of the file, in the model's folder; `NAME.onnx_data` for the model `NAME.onnx` by default. */
  readonly file?: string;
  /** Tensors begin at multiples of so many bytes; 4096, the page that a runtime can map, by default. */
  readonly align?: number;
}

/** How a model is written. */
export interface WriteModelOptions {
  /** Keeps large weights in a data file beside the model; without it that is done only where one file cannot hold them. */
  readonly externalData?: ExternalDataOptions;
  /** Waits until the disk has the bytes, so that a power cut leaves the old model or the new one; true by default. */
  readonly sync?: boolean;
}

/** Bytes of one read. */
const READ_BYTES = 2 ** 30;

/**
 * Reads an `.onnx` file. External tensor data, in files of its folder or below, is checked to be there but read when a
 * tensor's `data` is first looked at; the model keeps those files open until nobody refers to their tensors, so that a
 * model which replaces them by renaming changes nothing. Other weights are views of the one buffer that is read.
 *
 * Throws `FILE_NOT_FOUND`, `FILE_UNREADABLE`, or `ONNX_CORRUPT` naming the file; looking at `data` throws
 * `FILE_UNREADABLE` when the data file was cut meanwhile.
 */
export async function readModel(file: string): Promise<Model> {
  let bytes: Uint8Array;
  try {
    bytes = await readWhole(file);
  } catch (error) {
    throw error instanceof SlmError ? error : unreadable(file, 'an ONNX model', error);
  }
  const external = externalFiles(path.dirname(file));
  try {
    return decodeModel(bytes, { where: file, external: external.open, owned: true });
  } catch (error) {
    external.close();
    throw error;
  }
}

async function readWhole(file: string): Promise<Uint8Array> {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    if (size > MAX_MESSAGE_BYTES) {
      const text = `${file}: expected at most ${MAX_MESSAGE_BYTES} bytes, got ${size} (larger models have a data file)`;
      throw new SlmError('ONNX_CORRUPT', text);
    }
    // A pipe has no size.
    if (size === 0) return await handle.readFile();
    const bytes = Buffer.allocUnsafeSlow(size);
    let done = 0;
    for (let count = 1; count > 0 && done < size; done += count) {
      count = (await handle.read(bytes, done, Math.min(size - done, READ_BYTES), done)).bytesRead;
    }
    return bytes.subarray(0, done);
  } finally {
    await handle.close();
  }
}

/**
 * Writes a model without a copy of its weights in memory: temporary files beside `file`, synced and renamed, so that
 * no reader sees half of it. The bytes depend on the model and the options alone. A data file of an earlier model that
 * is not needed any more stays.
 *
 * The data file has a fixed name, `NAME.onnx_data`, which is where the tools of the Hugging Face hub look for it. So it
 * cannot be replaced in one step with the model that refers to it; instead there is a model between the two, which
 * refers to the new data under a name of its own while the fixed name changes hands. Whenever writing is interrupted,
 * `file` is the old model with its data or the new one.
 *
 * Throws `ONNX_INVALID` for values or options the format cannot hold, `ONNX_TOO_LARGE` when the model without its large
 * initializers exceeds 2 GiB, and `FILE_NOT_FOUND` without a folder.
 */
export async function writeModel(file: string, model: Model, options: WriteModelOptions = {}): Promise<void> {
  const { externalData, sync = true } = options;
  try {
    const whole = externalData === undefined ? modelPieces(model) : undefined;
    if (whole !== undefined && whole.length <= MAX_MESSAGE_BYTES) await replaceFile(file, whole.pieces, sync);
    else await writeWithData(file, model, externalData ?? {}, sync);
  } catch (error) {
    throw unwritable(file, error);
  }
}

async function writeWithData(file: string, model: Model, options: ExternalDataOptions, sync: boolean): Promise<void> {
  const { threshold = 1024, file: name = `${path.basename(file)}_data`, align = 4096 } = options;
  checkOptions(path.basename(file), name, threshold, align);
  const dataFile = path.join(path.dirname(file), name);
  const temporary = temporaryName(dataFile);
  const encode = (location: string) => {
    const { place, pieces: data } = layOut(location, threshold, align);
    const { pieces } = checkSize(modelPieces(model, place), 'only initializers go to the data file');
    return { pieces, data };
  };
  const { pieces, data } = encode(name);
  if (data.length === 0) {
    await replaceFile(file, pieces, sync);
    return;
  }
  let referred = false;
  try {
    await createFile(temporary, data, sync);
    if (await exists(dataFile)) {
      await replaceFile(file, encode(path.basename(temporary)).pieces, sync);
      referred = true;
      await renameCopy(temporary, dataFile, sync);
    } else {
      await rename(temporary, dataFile);
    }
    await replaceFile(file, pieces, sync);
    referred = false;
  } finally {
    if (!referred) await rm(temporary, { force: true });
  }
}

/** Gives a file a second name, that of another file, in one step. */
async function renameCopy(from: string, to: string, sync: boolean): Promise<void> {
  const second = temporaryName(to);
  try {
    try {
      await link(from, second);
    } catch {
      // No hard links here.
      await copyFile(from, second, constants.COPYFILE_FICLONE);
      if (sync) await syncFile(second);
    }
    await rename(second, to);
  } catch (error) {
    await rm(second, { force: true });
    throw error;
  }
}

async function syncFile(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

function checkOptions(model: string, name: string, threshold: number, align: number): void {
  const invalid = (option: string, expected: string, got: unknown) =>
    new SlmError('ONNX_INVALID', `writeModel, externalData.${option}: expected ${expected}, got ${got}`);
  if (name === '' || name === model || /[/\\\0]|^\.\.?$|^[a-z]:/i.test(name)) {
    throw invalid('file', `a file name other than the model's`, JSON.stringify(name));
  }
  if (!(threshold >= 0)) throw invalid('threshold', 'bytes, at least 0', threshold);
  if (!Number.isSafeInteger(align) || align < 1 || align > 2 ** 30) throw invalid('align', '1 to 2^30 bytes', align);
}
