import { Command, InvalidArgumentError, Option } from 'commander';
import writeFileAtomic from 'write-file-atomic';
import { withInterrupts } from '../interrupts.ts';
import { formatOption, integerIn, jsonOption, seedOption } from '../options.ts';
import { log, print, printJson } from '../output.ts';
import { withSpooledStdin } from '../spooled-stdin.ts';

/** `data inspect PATH`: what a data set consists of, and what to do about it. */
export function dataInspectCommand(): Command {
  return new Command('inspect')
    .description(
      'Show what a data set consists of: columns, lengths, classes, duplicates, labels that contradict each other, languages, what cleaning would change.',
    )
    .argument(
      '<path>',
      'file, folder or pattern of JSONL, CSV, TSV, Parquet or text, plain or packed; npm:…; a recipe (YAML); or - for standard input',
    )
    .addOption(formatOption())
    .option('--text <column>', 'column that holds the text (default: found)')
    .option('--label <column>', 'column that holds the label (default: found)')
    .option('--tokenizer <dir>', 'tokenizer to count tokens with (default: a small one learned from the sample)')
    .addOption(
      new Option('--sample <n>', 'rows on which languages, tokens and cleaning are measured')
        .argParser(integerIn(1, 10_000_000))
        .default(20_000),
    )
    .addOption(new Option('--examples <n>', 'examples of a kind').argParser(integerIn(0, 1000)).default(3))
    .addOption(new Option('--html <file>', 'also write the account as one HTML page').argParser(htmlFile))
    .addOption(seedOption().default(0))
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  $ slm-compress data inspect reviews.csv
  $ slm-compress data inspect tickets.jsonl.gz --text body --label queue --tokenizer tokenizers/tickets
  $ slm-compress data inspect reviews.csv --html reviews.html
  $ slm-compress data inspect models/intents/recipe.yaml --json
  $ head -500 reviews.csv | slm-compress data inspect - --format csv

Of a folder or recipe with several splits, rows of one that occur in another are found. --json prints one object:
format ("slm-data-inspection-1"), columns, read (the columns read), inputs, rows, wrongRows, emptyRows, unlabelled, sample,
lengths, classes, duplicates, suspiciousLabels, languages, tokens, cleaning, outliers, leaks, advice; shares are from 0 to 1.
`,
    )
    .action(async (path: string, options) => {
      const { inspectPath } = await import('../data-inspection.ts');
      const { dataInspectionText } = await import('../data-inspection-text.ts');
      const { json, html, ...others } = options;
      if (html !== undefined) await requireWritable(html);
      let said = Date.now();
      const inspection = await withInterrupts((signal) =>
        withSpooledStdin(path, async (file) => {
          const found = await inspectPath(file, {
            ...others,
            signal,
            onProgress: (rows) => {
              if (json || Date.now() - said < 3000) return;
              said = Date.now();
              log(`${rows.toLocaleString('en')} rows`);
            },
          });
          return file === path ? found : { ...found, inputs: found.inputs.map((input) => ({ ...input, path })) };
        }),
      );
      if (json) printJson(inspection, 2);
      else print(dataInspectionText(path, inspection));
      if (html === undefined) return;
      const { dataInspectionHtml } = await import('../data-inspection-html.ts');
      await writeFileAtomic(html, dataInspectionHtml(path, inspection));
      log(`written: ${html}`);
    });
}

/** A name that no data file has. */
function htmlFile(name: string): string {
  if (/\.html?$/i.test(name)) return name;
  throw new InvalidArgumentError('Expected a name that ends in .html.');
}

/** Finds out before the data are read whether the page can be written. */
async function requireWritable(file: string): Promise<void> {
  const { stat } = await import('node:fs/promises');
  const { outError } = await import('../tasks/check-out.ts');
  const { dirname } = await import('node:path');
  const found = await stat(dirname(file)).catch((error) => {
    throw outError(dirname(file), error);
  });
  if (!found.isDirectory()) throw outError(dirname(file), { code: 'ENOTDIR' });
  if ((await stat(file).catch(() => undefined))?.isDirectory()) throw outError(file, { code: 'EEXIST' });
}
