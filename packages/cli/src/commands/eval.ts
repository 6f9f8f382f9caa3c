import { Command, Option } from 'commander';
import { withInterrupts } from '../interrupts.ts';
import { dataOption, jsonOption, seedOption } from '../options.ts';
import { print, printJson } from '../output.ts';
import { percent } from '../report/wording.ts';
import { runTask } from '../task-client.ts';

/** `eval MODEL`: accuracy, macro F1 and confusion on a split. */
export function evalCommand(): Command {
  return new Command('eval')
    .description('Evaluate a model on a split of its data.')
    .argument('<model>', 'model or run folder')
    .addOption(new Option('--split <name>', 'which split').choices(['train', 'validation', 'test']).default('test'))
    .addOption(dataOption())
    .addOption(seedOption().default(42))
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ slm-compress eval runs/spam-filter/int8 --split test\n')
    .action(async (model: string, options) => {
      const { modelFolderOf } = await import('../default-model.ts');
      const folder = await modelFolderOf(model);
      const { split, data, seed } = options;
      const task = { kind: 'eval', folder, split, seed, ...(data === undefined ? {} : { data }) } as const;
      const outcome = await withInterrupts((signal) => runTask(task, { signal }));
      if (options.json) {
        printJson(outcome);
        return;
      }
      const { evaluation, labels } = outcome;
      const { accuracy, accuracyInterval: interval, macroF1, examples, perClass, confusion } = evaluation;
      print(`${folder} on ${examples} texts of ${split}`);
      print(
        `accuracy ${percent(accuracy)} [${percent(interval.low)}, ${percent(interval.high)}]  macro F1 ${percent(macroF1)}`,
      );
      for (const [index, entry] of perClass.entries()) {
        const row = confusion[index]!.map((count, column) => `${count} as ${labels[column]}`).join(', ');
        print(
          `${entry.label}: precision ${percent(entry.precision)}, recall ${percent(entry.recall)}, ${entry.support} texts (${row})`,
        );
      }
    });
}
