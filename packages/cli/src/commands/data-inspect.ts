import { Command, Option } from 'commander';
import { withInterrupts } from '../interrupts.ts';
import { integerIn, jsonOption, seedOption } from '../options.ts';
import { log, print, printJson } from '../output.ts';

/** `data inspect PATH`: what a data set consists of, and what to do about it. */
export function dataInspectCommand(): Command {
  return new Command('inspect')
    .description(
      'Show what a data set consists of: columns, lengths, classes, duplicates, labels that contradict each other, languages, what cleaning would change.',
    )
    .argument(
      '<path>',
      'file, folder or pattern of JSONL, CSV, TSV, Parquet or text, plain or packed; npm:…; or a recipe (YAML)',
    )
    .option('--text <column>', 'column that holds the text (default: found)')
    .option('--label <column>', 'column that holds the label (default: found)')
    .option('--tokenizer <dir>', 'tokenizer to count tokens with (default: a small one learned from the sample)')
    .addOption(
      new Option('--sample <n>', 'rows on which languages, tokens and cleaning are measured')
        .argParser(integerIn(1, 10_000_000))
        .default(20_000),
    )
    .addOption(new Option('--examples <n>', 'examples of a kind').argParser(integerIn(0, 1000)).default(3))
    .addOption(seedOption().default(0))
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  $ slm-compress data inspect reviews.csv
  $ slm-compress data inspect tickets.jsonl.gz --text body --label queue --tokenizer tokenizers/tickets
  $ slm-compress data inspect models/intents/recipe.yaml --json

Of a folder or recipe with several splits, rows of one that occur in another are found. --json prints one object:
format ("slm-data-inspection-1"), columns, read (the columns read), inputs, rows, wrongRows, emptyRows, unlabelled, sample,
lengths, classes, duplicates, suspiciousLabels, languages, tokens, cleaning, outliers, leaks, advice; shares are from 0 to 1.
`,
    )
    .action(async (path: string, options) => {
      const { inspectPath } = await import('../data-inspection.ts');
      const { dataInspectionText } = await import('../data-inspection-text.ts');
      const { json, ...others } = options;
      let said = Date.now();
      const inspection = await withInterrupts((signal) =>
        inspectPath(path, {
          ...others,
          signal,
          onProgress: (rows) => {
            if (json || Date.now() - said < 3000) return;
            said = Date.now();
            log(`${rows.toLocaleString('en')} rows`);
          },
        }),
      );
      if (json) printJson(inspection, 2);
      else print(dataInspectionText(path, inspection));
    });
}
