import { Command } from 'commander';
import { jsonOption } from '../options.ts';
import { print, printJson } from '../output.ts';
import { checkTokenizerOut, outError } from '../tasks/check-out.ts';

/** `tokenizer convert`: write a tokenizer in any form as tokenizer.json. */
export function convertTokenizerCommand(): Command {
  return new Command('convert')
    .description('Write a tokenizer in any form that inspect shows as tokenizer.json, with the same ids.')
    .argument('<path>', 'folder, or file, of the tokenizer')
    .requiredOption('--out <dir>', 'folder to write')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExamples:\n  $ slm-compress tokenizer convert llama/tokenizer.model --out tokenizers/llama\n' +
        '  $ slm-compress tokenizer convert bert-base-uncased --out tokenizers/bert\n',
    )
    .action(async (path: string, options: { readonly out: string; readonly json?: true }) => {
      const { readTokenizerFiles, writeTokenizer } = await import('@slm-compress/text');
      const { out } = options;
      await checkTokenizerOut(out, [path]);
      const files = await readTokenizerFiles(path);
      await writeTokenizer(out, files).catch((error: unknown) => Promise.reject(outError(out, error)));
      if (options.json) printJson({ kind: 'result', folder: out, vocabSize: files.vocabSize });
      else print(`${out}  ${files.vocabSize} tokens`);
    });
}
