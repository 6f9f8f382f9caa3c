import { Command, Option } from 'commander';
import { withInterrupts } from '../interrupts.ts';
import { jsonOption, seedOption } from '../options.ts';
import { print, printJson } from '../output.ts';

/** `init --data FILE`: a recipe for a person's data. */
export function initCommand(): Command {
  return new Command('init')
    .description('Look at your data and write a recipe for it, ready to run. Nothing leaves this machine.')
    .requiredOption('--data <path>', 'file, folder or pattern of JSONL, CSV, TSV or Parquet, or a folder of labels')
    .option('--out <file>', 'recipe to write', 'recipe.yaml')
    .addOption(
      new Option('--task <name>', 'what the model is for').choices(['classification']).default('classification'),
    )
    .option('--text <column>', 'column that holds the text (default: found, or asked)')
    .option('--label <column>', 'column that holds the label (default: found, or asked)')
    .addOption(
      new Option(
        '--size <name>',
        'tiny trains some 20 seconds on two cores, small minutes, medium up to an hour (default: small, or asked)',
      ).choices(['tiny', 'small', 'medium']),
    )
    .option('--yes', 'ask nothing: take what is likeliest')
    .option('--force', 'replace the recipe if it is there')
    .addOption(seedOption().default(42))
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  $ slm-compress init --data tickets.csv
  $ slm-compress init --data reviews.jsonl.gz --text body --label stars --size tiny --out reviews.yaml --yes
  $ slm-compress run recipe.yaml && slm-compress serve

Questions are asked on a terminal only. --json prints {"recipe", "name", "columns", "inspection"}.
`,
    )
    .action(async (options) => {
      const { createAsker } = await import('../init/ask.ts');
      const { init } = await import('../init/init.ts');
      const { shortAccountText } = await import('../data-inspection-text.ts');
      const { data, out, text, label, size, yes, force, seed, json } = options;
      const isAsked = !yes && !json && process.stdin.isTTY === true && process.stdout.isTTY === true;
      const asker = isAsked ? createAsker(process.stdin, process.stdout) : undefined;
      try {
        const written = await withInterrupts((signal) =>
          init({
            data,
            out,
            seed,
            force: force === true,
            yes: yes === true,
            signal,
            ...(text === undefined ? {} : { text }),
            ...(label === undefined ? {} : { label }),
            ...(size === undefined ? {} : { size }),
            ...(asker === undefined ? {} : { asker }),
            onAccount: (inspection) => {
              if (!json) print(`${shortAccountText(data, inspection)}\n`);
            },
          }),
        );
        if (written === undefined) {
          print('nothing was written');
          return;
        }
        const { recipe, inspection } = written;
        if (json) printJson({ recipe: out, name: recipe.name, columns: inspection.read, inspection }, 2);
        else print(`written: ${out}\nnext: slm-compress run ${out} && slm-compress serve`);
      } finally {
        asker?.close();
      }
    });
}
