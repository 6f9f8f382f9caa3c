import type { StageState } from '@slm-compress/compress';
import Table from 'cli-table3';
import { Command } from 'commander';
import pc from 'picocolors';
import { announceEngine } from '../announce-engine.ts';
import { exitCodes } from '../exit-codes.ts';
import { withInterrupts } from '../interrupts.ts';
import { engineOption, jsonOption, seedOption, watchOption, workersOption } from '../options.ts';
import { formatSeconds, log, print, printJson } from '../output.ts';
import type { SetExitCode } from '../program.ts';
import { createProgress } from '../progress.ts';
import { terminalTable } from '../report/terminal-table.ts';
import { runTask } from '../task-client.ts';

/** `run RECIPE`: every stage of a recipe, then the report. */
export function runCommand(setExitCode: SetExitCode): Command {
  return new Command('run')
    .description('Run a recipe stage by stage; what did not change is not run again.')
    .argument('<recipe>', 'recipe file (YAML)')
    .option('--out <dir>', 'folder of the run (default: runs/NAME)')
    .option('--dry-run', 'print the plan with estimated times and do nothing')
    .option('--force <stage...>', 'run these stages again although nothing changed')
    .addOption(seedOption())
    .addOption(workersOption())
    .addOption(watchOption())
    .addOption(engineOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExample:\n  $ slm-compress run models/spam-filter/recipe.yaml --dry-run\n' +
        '\nEach training is recorded in OUT/logs/STAGE: metrics.jsonl, and events for tensorboard --logdir OUT/logs.\n',
    )
    .action(async (recipeFile: string, options) => {
      const { workers } = options;
      const force: readonly string[] = options.force ?? [];
      const named = {
        recipe: recipeFile,
        ...(options.out === undefined ? {} : { out: options.out as string }),
        ...(options.seed === undefined ? {} : { seed: options.seed as number }),
      };
      const json = options.json === true;
      const engine = await announceEngine(options.engine);
      if (options.dryRun) {
        const { inspectRun } = await import('@slm-compress/compress');
        const { createHost } = await import('../host.ts');
        const { readRun } = await import('../read-run.ts');
        const { recipe, out, baseDir } = await readRun(named);
        const stages = await inspectRun(recipe, { out, baseDir, host: createHost(workers, engine), force });
        if (json) printJson({ run: recipe.name, folder: out, stages });
        else print(planTable(stages));
        return;
      }
      const progress = createProgress({ json, watch: options.watch === true });
      const outcome = await withInterrupts((signal) =>
        runTask(
          { kind: 'run', ...named, workers, engine, force },
          { signal, onEvent: (event) => progress.show(event) },
        ).finally(() => progress.stop()),
      );
      const missed = outcome.gates.filter(({ met }) => !met);
      if (json) printJson({ kind: 'result', ...outcome });
      else {
        print(`\n${terminalTable(outcome.report)}`);
        for (const { met, gate, message } of outcome.gates) {
          print(`${met ? pc.green('met') : pc.red('not met')}  ${gate}: ${message}`);
        }
        log(`written: ${outcome.files.join(', ')}`);
      }
      if (missed.length > 0) setExitCode(exitCodes.gate);
    });
}

function planTable(stages: readonly StageState[]): string {
  const table = new Table({ head: ['stage', 'kind', 'needs', 'state', 'estimate'], style: { head: [], border: [] } });
  for (const { name, kind, needs, status, estimatedSeconds, estimate } of stages) {
    const time = status === 'cached' ? '–' : `${estimate === 'modelled' ? '~' : ''}${formatSeconds(estimatedSeconds)}`;
    table.push([name, kind, needs.join(', '), status, time]);
  }
  const left = stages.filter(({ status }) => status !== 'cached');
  const total = left.reduce((sum, { estimatedSeconds }) => sum + estimatedSeconds, 0);
  return `${table.toString()}\n${left.length} of ${stages.length} stages to run, about ${formatSeconds(total)}, and the report`;
}
