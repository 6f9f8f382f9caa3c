import { Command } from 'commander';
import { jsonOption } from '../options.ts';
import { print, printJson } from '../output.ts';
import { tokenizerText } from '../tokenizer-text.ts';

/** `tokenizer inspect`: look at a tokenizer in any form. */
export function inspectTokenizerCommand(): Command {
  return new Command('inspect')
    .description('Show what a tokenizer consists of, and how it cuts a text.')
    .argument(
      '<path>',
      'folder with a tokenizer.json, vocab.txt, vocab.json and merges.txt, SentencePiece .model or llama2.c tok*.bin; or the file',
    )
    .option('--text <text>', 'text to cut: pieces, ids, and the UTF-16 units each stands for')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExamples:\n  $ slm-compress tokenizer inspect tokenizers/reviews --text "Not bad at all"\n' +
        '  $ slm-compress tokenizer inspect llama/tokenizer.model --json\n',
    )
    .action(async (path: string, options) => {
      const { inspectTokenizer } = await import('@slm-compress/text');
      const found = await inspectTokenizer(path, options.text);
      if (options.json) printJson(found, 2);
      else print(tokenizerText(path, found));
    });
}
