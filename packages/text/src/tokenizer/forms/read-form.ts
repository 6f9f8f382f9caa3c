import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SlmError } from '@slm-compress/onnx';
import type { Component } from '../normalizers.ts';
import { vocabularyOf } from '../vocabulary.ts';
import { byteLevelForm } from './byte-level-form.ts';
import { contentOf, type TokenizerForm } from './form.ts';
import { readLlama2cVocabulary } from './llama2c-form.ts';
import { sentencePieceForm } from './sentencepiece-form.ts';
import { largestModel, readSentencePieceModel } from './sentencepiece-model.ts';
import { wordPieceForm } from './word-piece-form.ts';

/** Names of SentencePiece models and of llama2.c's vocabularies, those with a usual name first. */
const models = [/^(?:tokenizer|spiece|sentencepiece(?:\.bpe)?|spm)\.model$/, /\.model$/, /^tok.*\.bin$/];

/** A form with the file it is in. */
export interface FoundForm extends TokenizerForm {
  readonly file: string;
}

/**
 * The tokenizer of a folder without tokenizer.json: `vocab.txt`, `vocab.json` with `merges.txt`, a SentencePiece
 * `*.model`, or a llama2.c `tok*.bin`, in this order; undefined when there is none. Throws an Error that begins with the
 * name of the file that is wrong.
 */
export async function readForm(folder: string, config: Component): Promise<FoundForm | undefined> {
  const names = await readdir(folder).catch((): string[] => []);
  const has = (name: string) => names.includes(name);
  if (has('vocab.txt')) return readFormFile(join(folder, 'vocab.txt'), config);
  if (has('vocab.json') && has('merges.txt')) return readFormFile(join(folder, 'vocab.json'), config);
  for (const pattern of models) {
    const found = names.filter((name) => pattern.test(name)).sort();
    if (found.length > 1) throw new Error(`expected one tokenizer, got ${found.join(', ')} (name the file)`);
    if (found.length === 1) return readFormFile(join(folder, found[0]!), config);
  }
  return undefined;
}

/** Reads one file, of a kind that its name tells. Throws an Error that begins with its name. */
export async function readFormFile(file: string, config: Component): Promise<FoundForm> {
  const name = basename(file);
  const { description, defaults } = await formOf(file, name, config);
  if (config.tokenizer_class !== undefined) return { description, defaults, file };
  // of a class that nobody named, only tokens that are there
  const { ids } = vocabularyOf(description as never);
  const known = Object.entries(defaults).filter(
    ([name, token]) => typeof token === 'boolean' || !name.endsWith('_token') || ids.has(contentOf(token)),
  );
  return { description, defaults: Object.fromEntries(known), file };
}

async function formOf(file: string, name: string, config: Component): Promise<TokenizerForm> {
  if (name.endsWith('.txt')) return wordPieceForm(await readFile(file, 'utf8'), config);
  if (name.endsWith('.json')) {
    const beside = join(dirname(file), 'merges.txt');
    const merges = await readFile(beside, 'utf8').catch((cause: Error) => {
      throw new SlmError('FILE_NOT_FOUND', `${beside}: expected the merges of ${name}, got ${cause.message}`, {
        cause,
      });
    });
    return byteLevelForm(await readFile(file, 'utf8'), merges, config);
  }
  const { size } = await stat(file);
  if (size > largestModel) throw new Error(`${name}: expected at most ${largestModel} bytes, got ${size}`);
  const bytes = await readFile(file);
  try {
    if (!name.endsWith('.bin')) return sentencePieceForm(readSentencePieceModel(bytes), config);
    const { description, defaults } = sentencePieceForm(readLlama2cVocabulary(bytes), {});
    return { description, defaults: { ...defaults, add_bos_token: true } };
  } catch (cause) {
    throw new Error(`${name}: ${(cause as Error).message}`, { cause });
  }
}
