import { Command, Option } from 'commander';
import { withInterrupts } from '../interrupts.ts';
import { integerIn, jsonOption } from '../options.ts';
import { print, printJson } from '../output.ts';
import { createProgress } from '../progress.ts';
import { runTask } from '../task-client.ts';
import type { PrunedTokenizer } from '../tasks/task.ts';

/** `tokenizer prune`: keep the tokens that a corpus needs. */
export function pruneTokenizerCommand(): Command {
  return new Command('prune')
    .description(
      'Keep the tokens that texts need, in a tokenizer or a model with it, and say what other texts cost then.',
    )
    .argument('<path>', 'folder, or file, of the tokenizer; or a model folder, whose embedding rows go too')
    .requiredOption(
      '--data <path>',
      'texts: file, folder or pattern of JSONL, CSV, Parquet or plain text, plain or packed; or a recipe (YAML)',
    )
    .requiredOption(
      '--out <dir>',
      'folder to write; beside a tokenizer alone, kept-ids.json names the rows of the embedding table to keep',
    )
    .option('--column <name>', 'column that holds the text (default: text)')
    .addOption(new Option('--keep <n>', 'tokens in all (default: all that occur)').argParser(integerIn(1, 2 ** 31)))
    .addOption(
      new Option('--min-count <n>', 'tokens that occur less often go (default: 1)').argParser(integerIn(1, 2 ** 31)),
    )
    .option('--held-out <path>', 'texts to measure the cost on')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExamples:\n  $ slm-compress tokenizer prune gpt2 --data train.jsonl --held-out test.jsonl --keep 8000 --out tokenizers/small\n' +
        '  $ slm-compress tokenizer prune runs/spam/student --data mails.jsonl --out runs/spam/small\n',
    )
    .action(async (path: string, options) => {
      const { json, ...task } = options;
      const progress = createProgress({ json: json === true });
      const made = await withInterrupts((signal) =>
        runTask(
          { kind: 'prune-tokenizer', path, ...task },
          { signal, onEvent: (event) => progress.show(event) },
        ).finally(() => progress.stop()),
      );
      if (json) printJson({ kind: 'result', ...made });
      else print(prunedText(made));
    });
}

function prunedText({ folder, vocabSize, tokensBefore, texts, report }: PrunedTokenizer): string {
  const lines = [`${folder}  ${vocabSize} of ${tokensBefore} tokens, by ${texts} texts`];
  if (report !== undefined) {
    const share = (value: number) => `${(100 * value).toFixed(1)} %`;
    const both = (rate: { readonly before: number; readonly after: number }) =>
      `${share(rate.before)} → ${share(rate.after)}`;
    const { before, after } = report.tokensPerWord;
    lines.push(
      `held out       ${report.texts} texts, ${share(report.changed)} cut differently`,
      `tokens a word  ${before.toFixed(3)} → ${after.toFixed(3)}`,
      `unknown        ${both(report.unknownRate)}`,
      `bytes          ${both(report.byteRate)}`,
    );
  }
  return lines.join('\n');
}
