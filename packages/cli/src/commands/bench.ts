import Table from 'cli-table3';
import { Command, Option } from 'commander';
import { withInterrupts } from '../interrupts.ts';
import { integerIn, jsonOption, seedOption } from '../options.ts';
import { log, print, printJson } from '../output.ts';
import { significant } from '../report/wording.ts';
import { runTask } from '../task-client.ts';

/** `bench MODEL…`: latency of the engines, in turn. */
export function benchCommand(): Command {
  return new Command('bench')
    .description('Measure the latency of models against each other: one text at a time, one thread, in turn.')
    .argument('<models...>', 'model folders; speed-ups are against the first')
    .addOption(new Option('--length <n>', 'tokens of the text').argParser(integerIn(1, 4096)).default(128))
    .addOption(new Option('--rounds <n>', 'timed runs of every model').argParser(integerIn(1, 100_000)).default(200))
    .addOption(seedOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ slm-compress bench runs/spam-filter/teacher runs/spam-filter/int8\n')
    .action(async (folders: string[], options) => {
      const { length, rounds } = options;
      const rows = await withInterrupts((signal) => runTask({ kind: 'bench', folders, length, rounds }, { signal }));
      if (options.json) {
        printJson({ length, rounds, rows });
        return;
      }
      const table = new Table({
        head: ['model', 'p50 ms', 'p90 ms', 'p99 ms', 'times faster'],
        style: { head: [], border: [] },
      });
      for (const { name, latencyMs, speedup } of rows) {
        const ratio =
          speedup === undefined
            ? '1'
            : `${significant(speedup.ratio)} [${significant(speedup.low)}, ${significant(speedup.high)}]`;
        table.push([name, significant(latencyMs.p50), significant(latencyMs.p90), significant(latencyMs.p99), ratio]);
      }
      print(table.toString());
      for (const { name, latencyMs } of rows) for (const warning of latencyMs.warnings) log(`${name}: ${warning}`);
    });
}
