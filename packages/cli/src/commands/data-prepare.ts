import { type Command as AnyCommand, Command, InvalidArgumentError, Option } from 'commander';
import { UsageError } from '../exit-codes.ts';
import { withInterrupts } from '../interrupts.ts';
import { integerIn, jsonOption, seedOption } from '../options.ts';
import { print, printJson } from '../output.ts';
import { createProgress } from '../progress.ts';
import { runTask } from '../task-client.ts';
import type { RawData } from '../tasks/data.ts';
import { checked } from '../training-options.ts';

const columns = ['text', 'messages', 'pair', 'label', 'id', 'group', 'time'] as const;

/** `data prepare PATH --out DIR`: raw rows to a cleaned, deduplicated and divided data folder, with its account. */
export function dataPrepareCommand(): Command {
  const command = new Command('prepare')
    .description('Clean, deduplicate and divide raw data into a folder to train from, and account for every row.')
    .argument(
      '<path...>',
      'files, folders or patterns of JSONL, CSV, TSV, Parquet or text, plain or packed; npm:…; or one recipe (YAML)',
    )
    .requiredOption('--out <dir>', 'folder to write')
    .addOption(
      new Option('--task <name>', 'what rows are for (default: classification)').choices([
        'classification',
        'language-modelling',
      ]),
    );
  for (const name of columns) command.option(`--${name} <column>`, columnHelp[name]);
  return command
    .option('--validation <path...>', 'rows to validate on, as they are')
    .option('--test <path...>', 'rows to test on, as they are; train loses what equals them')
    .option('--unlabelled <path...>', 'texts without labels, for pre-training and distillation')
    .addOption(
      new Option('--split <shares>', 'TRAIN/VALIDATION/TEST (default: .7/.15/.15, less the given parts)').argParser(
        splitShares,
      ),
    )
    .addOption(
      new Option('--by <way>', 'how rows are divided (default: stratified)').choices(['stratified', 'group', 'time']),
    )
    .addOption(new Option('--fold <k/n>', 'cross-validation: test on fold k, from 0, of n').argParser(foldOfFolds))
    .option('--clean <steps>', 'names of cleaning steps: html-to-text,standard (default: standard)')
    .addOption(
      new Option('--near <similarity>', 'from which two texts are one, or off (default: .8)').argParser(nearOrOff),
    )
    .addOption(new Option('--on-bad-row <way>', 'what a wrong row does (default: error)').choices(['error', 'drop']))
    .addOption(new Option('--limit <n>', 'the first rows only').argParser(integerIn(1, 2 ** 40)))
    .addOption(new Option('--sample <n>', 'so many rows, chosen by chance').argParser(integerIn(1, 2 ** 31)))
    .addOption(seedOption().default(42))
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  $ slm-compress data prepare mails.csv --text body --label folder --out data/mails
  $ slm-compress data prepare train.jsonl.gz --test test.jsonl.gz --clean html-to-text,standard --near .8 --out data/reviews
  $ slm-compress data prepare recipe.yaml --out data/intents --json

Of a recipe the data section and the seed count; it says more than the options can. The folder holds train.jsonl,
validation.jsonl, test.jsonl (and unlabelled.jsonl) and dataset.json with the account; all commands take it as data.
Cleaning steps: standard (invisible, white-space, unicode, cut at 10,000 characters, drop-empty), html-to-text, mojibake,
lowercase, stop-words and those that need options, in a recipe: keep-characters, placeholders, names, length, repetition, language.
`,
    )
    .action(async (paths: readonly string[], options, self: AnyCommand) => {
      const json = options.json === true;
      const raw = await rawOf(paths, options, self);
      const progress = createProgress({ json });
      const made = await withInterrupts((signal) =>
        runTask(
          { kind: 'prepare', raw, out: options.out },
          { signal, onEvent: (event) => progress.show(event) },
        ).finally(() => progress.stop()),
      );
      if (json) {
        printJson({ kind: 'result', ...made });
        return;
      }
      const { dataAccountText } = await import('../data-account-text.ts');
      print(dataAccountText(made));
    });
}

const columnHelp: Readonly<Record<(typeof columns)[number], string>> = {
  text: 'column that holds the text (default: text)',
  messages: 'column of chat messages (default: messages, where there is no text)',
  pair: 'column of the second text of a pair',
  label: 'column that holds the label (default: label)',
  id: 'column that names rows (default: id, else file and line)',
  group: 'column of what stays on one side of the split: user, thread, document',
  time: 'column of the time of a row, an ISO date or a number',
};

/** The data that the command line names: those of a recipe, or files with options. */
async function rawOf(
  paths: readonly string[],
  options: Readonly<Record<string, unknown>>,
  self: AnyCommand,
): Promise<RawData> {
  const { dataSchema } = await import('@slm-compress/compress');
  const { rawData } = await import('../tasks/data.ts');
  const seed = options.seed as number;
  if (paths.some((path) => /\.ya?ml$/i.test(path))) {
    const others = self.options.filter(
      (option) =>
        !['out', 'json', 'seed', 'debug'].includes(option.attributeName()) &&
        options[option.attributeName()] !== undefined,
    );
    if (paths.length > 1 || others.length > 0) {
      const got = paths.length > 1 ? paths.join(' ') : others.map((option) => option.long).join(', ');
      throw new UsageError(`expected nothing beside a recipe, which says what data there are, got ${got}`);
    }
    const raw = await rawData(paths[0]!, seed);
    return self.getOptionValueSource('seed') === 'cli' ? { ...raw, seed } : raw;
  }
  const present = (values: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
  const pick = (names: readonly string[]) => present(Object.fromEntries(names.map((name) => [name, options[name]])));
  const { near, clean, split, by, fold } = options;
  const data = checked(dataSchema, {
    inputs: paths,
    columns: pick(columns),
    ...pick(['task', 'validation', 'test', 'unlabelled', 'onBadRow', 'limit', 'sample']),
    ...(near === undefined ? {} : { duplicates: { near } }),
    ...(clean === undefined ? {} : { cleaning: (clean as string).split(',').map((step) => step.trim()) }),
    split: { ...(split as object | undefined), ...(fold as object | undefined), ...present({ by }) },
  });
  return { options: data, baseDir: process.cwd(), seed };
}

function splitShares(text: string): Readonly<Record<'train' | 'validation' | 'test', number>> {
  const shares = text.split('/').map(Number);
  const sum = shares.reduce((total, share) => total + share, 0);
  if (shares.length !== 3 || !shares.every((share) => share >= 0) || !(sum > 0)) {
    throw new InvalidArgumentError('Expected three shares: .7/.15/.15 or 70/15/15.');
  }
  const [train, validation, test] = shares.map((share) => share / sum);
  return { train: train!, validation: validation!, test: test! };
}

function foldOfFolds(text: string): { readonly fold: number; readonly folds: number } {
  const [, fold, folds] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  if (folds === undefined) throw new InvalidArgumentError('Expected a fold and the number of folds: 0/5.');
  return { fold: Number(fold), folds: Number(folds) };
}

function nearOrOff(text: string): number | false {
  if (text === 'off') return false;
  const near = Number(text);
  if (!(near > 0 && near <= 1)) throw new InvalidArgumentError('Expected a similarity above 0 and at most 1, or off.');
  return near;
}
