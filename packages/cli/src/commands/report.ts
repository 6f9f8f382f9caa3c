import { Command } from 'commander';
import { withInterrupts } from '../interrupts.ts';
import { jsonOption, seedOption, workersOption } from '../options.ts';
import { log, print, printJson } from '../output.ts';
import { createProgress } from '../progress.ts';
import { terminalTable } from '../report/terminal-table.ts';
import { runTask } from '../task-client.ts';

/** `report RUN`: measures a finished run again. */
export function reportCommand(): Command {
  return new Command('report')
    .description('Measure the models of a finished run and write report.json and report.html.')
    .argument('<run>', 'folder of a run, for example runs/spam-filter')
    .addOption(seedOption())
    .addOption(workersOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ slm-compress report runs/spam-filter\n')
    .action(async (run: string, options) => {
      const { workers } = options;
      const seed = options.seed === undefined ? {} : { seed: options.seed as number };
      const progress = createProgress({ json: false });
      const outcome = await withInterrupts((signal) =>
        runTask(
          { kind: 'report', run, ...seed, workers },
          { signal, onEvent: (event) => progress.show(event) },
        ).finally(() => progress.stop()),
      );
      if (options.json) printJson(outcome.report);
      else print(terminalTable(outcome.report));
      log(`written: ${outcome.files.join(', ')}`);
    });
}
