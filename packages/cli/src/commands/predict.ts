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
      const { isBlank, openClassifier } = await import('@slm-compress/runtime');
      await using classifier = await openClassifier(folder, { workers: options.workers });
      const show = options.json ? (answer: Classification) => printJson(answer) : showLine;
      const showBlank = options.json ? () => printJson({ error: { code: 'TEXT_EMPTY' } }) : () => print('');
      if (text !== '-') show(await classifier.classify(text));
      else if (options.whole === true) show(await classifier.classify(await readAll(process.stdin)));
      else {
        for await (const answer of classifyLines(classifier, isBlank, process.stdin)) {
          if (answer === undefined) showBlank();
          else show(answer);
        }
      }
    });
}

const chunk = 64;

/** Answers lines in their order, up to 64 at a time; a blank line, which has no answer, gives undefined. */
async function* classifyLines(
  classifier: Classifier,
  isBlank: (line: string) => boolean,
  input: NodeJS.ReadableStream,
): AsyncGenerator<Classification | undefined> {
  const answer = async (lines: readonly string[]): Promise<(Classification | undefined)[]> => {
    const answers = (await classifier.classifyAll(lines.filter((line) => !isBlank(line)))).values();
    return lines.map((line) => (isBlank(line) ? undefined : answers.next().value));
  };
  let lines: string[] = [];
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    lines.push(line);
    if (lines.length < chunk) continue;
    yield* await answer(lines);
    lines = [];
  }
  yield* await answer(lines);
}

function showLine({ label, score, truncated }: Classification): void {
  print(`${label}\t${score.toFixed(4)}${truncated ? '\t(only the beginning was read)' : ''}`);
}
