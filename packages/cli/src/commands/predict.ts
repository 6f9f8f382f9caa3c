import { createInterface } from 'node:readline';
import type { Classification, Classifier } from '@slm-compress/runtime';
import { Command, Option } from 'commander';
import { integerIn, jsonOption, seedOption } from '../options.ts';
import { print, printJson } from '../output.ts';

/** `predict TEXT`: the label of a text, or of every line of stdin. */
export function predictCommand(): Command {
  return new Command('predict')
    .description('Classify a text, or every line of standard input.')
    .argument('<text>', 'the text, or - for lines of standard input')
    .option('--model <dir>', 'model folder (default: the latest run, else the model that comes with the repository)')
    .addOption(new Option('--workers <n>', 'worker threads').argParser(integerIn(1, 256)).default(1))
    .addOption(seedOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExamples:\n  $ slm-compress predict "Congratulations, you won a prize"\n  $ slm-compress predict - < mails.txt\n',
    )
    .action(async (text: string, options) => {
      const { openClassifier } = await import('@slm-compress/runtime');
      const { defaultModel } = await import('../default-model.ts');
      const folder: string = options.model ?? (await defaultModel());
      await using classifier = await openClassifier(folder, { workers: options.workers });
      const show = options.json ? (answer: Classification) => printJson(answer) : showLine;
      if (text !== '-') {
        show(await classifier.classify(text));
        return;
      }
      for await (const answer of classifyLines(classifier, process.stdin)) show(answer);
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
