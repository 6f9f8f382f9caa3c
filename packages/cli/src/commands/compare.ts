import { Command } from 'commander';
import { withInterrupts } from '../interrupts.ts';
import { addRunOptions, dataOption } from '../options.ts';
import { log, print, printJson } from '../output.ts';
import { createProgress } from '../progress.ts';
import { terminalTable } from '../report/terminal-table.ts';
import { runTask } from '../task-client.ts';

/** `compare A B…`: any model folders on the same data, or runs by their reports. */
export function compareCommand(): Command {
  const command = new Command('compare')
    .description('Compare models or whole runs: quality, paired tests, size, speed, memory.')
    .argument(
      '<models...>',
      'model folders (measured on the same data) or run folders (with the figures of their reports)',
    )
    .option('--html <file>', 'also write the comparison as a page')
    .addOption(dataOption());
  return addRunOptions(command)
    .addHelpText(
      'after',
      '\nExample:\n  $ slm-compress compare runs/spam-filter/teacher runs/spam-filter/int8 --html compare.html\n',
    )
    .action(async (folders: string[], options) => {
      const { seed, workers, data, html } = options;
      const task = {
        kind: 'compare',
        folders,
        seed,
        workers,
        ...(data === undefined ? {} : { data }),
        ...(html === undefined ? {} : { html }),
      } as const;
      const progress = createProgress({ json: false });
      const outcome = await withInterrupts((signal) =>
        runTask(task, { signal, onEvent: (event) => progress.show(event) }).finally(() => progress.stop()),
      );
      if (options.json) printJson(outcome.report);
      else print(terminalTable(outcome.report));
      for (const file of outcome.files) log(`written: ${file}`);
    });
}
