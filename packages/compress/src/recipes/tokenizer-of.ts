import { readTokenizerFiles, type TokenizerFiles } from '@slm-compress/text';
import { sha256 } from '../sha256.ts';

/**
 * The tokenizer of a folder as a model folder has it: without the lengths that `tokenizer.json` may cut and pad to, since
 * what uses it knows its own. `digest` is that of the tokenizer when it is loaded. Throws as `readTokenizerFiles` does.
 */
export async function tokenizerOf(folder: string): Promise<TokenizerFiles & { readonly digest: string }> {
  const { files, vocabSize } = await readTokenizerFiles(folder);
  const description = JSON.parse(files['tokenizer.json']) as Record<string, unknown>;
  const plain = (description.truncation ?? null) === null && (description.padding ?? null) === null;
  const text = plain ? files['tokenizer.json'] : JSON.stringify({ ...description, truncation: null, padding: null });
  return { vocabSize, files: { ...files, 'tokenizer.json': text }, digest: sha256(text) };
}
