import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pruneModelFolder, readModelFolder, type StageEvent, vocabularyRows } from '@slm-compress/compress';
import { loadTokenizer, pruneVocabulary, readTokenizerFiles, writeTokenizer } from '@slm-compress/text';
import writeFileAtomic from 'write-file-atomic';
import { checkModelOut, checkTokenizerOut, outError } from './check-out.ts';
import type { PrunedTokenizer, Task } from './task.ts';
import { textsOf } from './texts-of.ts';

const textsPerEvent = 500;

/**
 * Counts the tokens of the texts, keeps those that are wanted, and writes the tokenizer's files and `kept-ids.json`: by
 * new id the old one, the rows of the embedding table to keep. Of a model folder, all of it with the rows taken out.
 */
export async function* pruneTokenizerTask(
  task: Extract<Task, { kind: 'prune-tokenizer' }>,
  signal: AbortSignal,
): AsyncGenerator<StageEvent, PrunedTokenizer> {
  const { path, data, column, out, keep, minCount, heldOut } = task;
  const isModel = (await stat(join(path, 'manifest.json')).catch(() => undefined))?.isFile() === true;
  const inputs = [path, data, ...(heldOut === undefined ? [] : [heldOut])];
  await (isModel ? checkModelOut(out, inputs) : checkTokenizerOut(out, inputs));
  const model = isModel ? await readModelFolder(path) : undefined;
  if (model !== undefined) vocabularyRows(model);
  const [files, tokenizer] = await Promise.all([readTokenizerFiles(path), loadTokenizer(path)]);
  const counts = new Map<number, number>();
  const columns = column === undefined ? {} : { text: column };
  let texts = 0;
  for await (const text of textsOf(data, columns)) {
    signal.throwIfAborted();
    for (const id of tokenizer.encode(text, { maxLength: 2 ** 30, addSpecialTokens: false }).ids) {
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    if (++texts % textsPerEvent === 0) yield progress('counting tokens', texts);
  }
  const measured: string[] = [];
  if (heldOut !== undefined) for await (const text of textsOf(heldOut, columns)) measured.push(text);
  yield progress('pruning', 0);
  const pruned = pruneVocabulary(files, counts, {
    ...(keep === undefined ? {} : { keep }),
    ...(minCount === undefined ? {} : { minCount }),
    ...(heldOut === undefined ? {} : { heldOut: measured }),
  });
  const { tokenizer: made, keptIds, report } = pruned;
  signal.throwIfAborted();
  try {
    if (model !== undefined) await pruneModelFolder(model, out, pruned);
    else {
      await writeTokenizer(out, made);
      await writeFileAtomic(join(out, 'kept-ids.json'), `[${keptIds.join(',')}]\n`);
    }
  } catch (error) {
    throw outError(out, error);
  }
  return {
    folder: out,
    vocabSize: made.vocabSize,
    tokensBefore: files.vocabSize,
    texts,
    ...(report === undefined ? {} : { report }),
  };
}

function progress(phase: string, done: number): StageEvent {
  return { kind: 'progress', stage: 'tokenizer', phase, done, total: 0 };
}
