import { createInterface } from 'node:readline';
import { text as readAll } from 'node:stream/consumers';
import type { Classification, Classifier } from '@slm-compress/runtime';
import { Command, Option } from 'commander';
import { UsageError } from '../exit-codes.ts';
import { integerIn, jsonOption, seedOption } from '../options.ts';
import { print, printJson } from '../output.ts';
import { isLongArgument, runWithInput } from '../relaunch.ts';

/** `predict TEXT`: the label of a text, or of every line of stdin. */
export function predictCommand(): Command {
  return new Command('predict')
    .description('Classify a text, or every line of standard input.')
    .argument('<text>', 'the text, or - for standard input')
    .option(
      '--model <dir>',
      'model or run folder (default: the latest run, else the model that comes with the repository)',
    )
    .option('--whole', 'with -: take all of standard input as one text instead of a text a line')
    .addOption(new Option('--workers <n>', 'worker threads').argParser(integerIn(1, 256)).default(1))
    .addOption(seedOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExamples:\n  $ slm-compress predict "Congratulations, you won a prize"\n' +
        '  $ slm-compress predict - < subjects.txt\n  $ slm-compress predict - --whole < mail.txt\n',
    )
    .action(async (text: string, options) => {
      if (options.whole === true && text !== '-') throw new UsageError('--whole: expected - as the text');
      const { defaultModel, modelFolderOf } = await import('../default-model.ts');
      const folder = options.model === undefined ? await defaultModel() : await modelFolderOf(options.model);
      if (isLongArgument(text)) {
        const args = ['predict', '-', '--whole', '--model', folder, '--workers', String(options.workers)];
        await runWithInput([...args, ...(options.json === true ? ['--json'] : [])], text);
        return;
      }
      const { openClassifier } = await import('@slm-compress/runtime');
      await using classifier = await openClassifier(folder, { workers: options.workers });
      const show = options.json ? (answer: Classification) => printJson(answer) : showLine;
      if (text !== '-') show(await classifier.classify(text));
      else if (options.whole === true) show(await classifier.classify(await readAll(process.stdin)));
      else for await (const answer of classifyLines(classifier, process.stdin)) show(answer);
    });
}

const chunk = 64;

/** Answers lines in their order, up to 64 at a time. */
async function* classifyLines(classifier: Classifier, input: NodeJS.ReadableStream): AsyncGenerator<Classification> {
  let lines: string[] = [];
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    lines.push(line);
    if (lines.length < chunk) continue;
    yield* await classifier.classifyAll(lines);
    lines = [];
  }
  yield* await classifier.classifyAll(lines);
}

function showLine({ label, score, truncated }: Classification): void {
  print(`${label}\t${score.toFixed(4)}${truncated ? '\t(only the beginning was read)' : ''}`);
}
