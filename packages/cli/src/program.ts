import { Command } from 'commander';
import { benchCommand } from './commands/bench.ts';
import { cleanCommand } from './commands/clean.ts';
import { compareCommand } from './commands/compare.ts';
import { dataCommand } from './commands/data.ts';
import { diffCommand } from './commands/diff.ts';
import { distillCommand } from './commands/distill.ts';
import { doctorCommand } from './commands/doctor.ts';
import { evalCommand } from './commands/eval.ts';
import { initCommand } from './commands/init.ts';
import { inspectCommand } from './commands/inspect.ts';
import { measureCommand } from './commands/measure.ts';
import { predictCommand } from './commands/predict.ts';
import { pruneCommand } from './commands/prune.ts';
import { quantizeCommand } from './commands/quantize.ts';
import { reportCommand } from './commands/report.ts';
import { runCommand } from './commands/run.ts';
import { serveCommand } from './commands/serve.ts';
import { tokenizerCommand } from './commands/tokenizer.ts';
import { trainCommand } from './commands/train.ts';
import { watchCommand } from './commands/watch.ts';
import { packageVersion } from './version.ts';

/** Says with which code the process shall end when a command succeeds otherwise (a gate not met). */
export type SetExitCode = (code: number) => void;

/** The whole command line; parse errors are thrown as CommanderError. */
export function createProgram(setExitCode: SetExitCode): Command {
  const program = new Command('slm-compress')
    .description('Train, distill, prune, quantize, measure and serve small language models.')
    .version(packageVersion)
    .showHelpAfterError('(add --help for the options)')
    .showSuggestionAfterError()
    .exitOverride()
    .addHelpText(
      'after',
      '\nStart here:\n  $ slm-compress init --data my.csv\n  $ slm-compress run recipe.yaml\n  $ slm-compress serve\n',
    );
  const commands = [
    initCommand,
    runCommand,
    trainCommand,
    watchCommand,
    distillCommand,
    pruneCommand,
    quantizeCommand,
    evalCommand,
    benchCommand,
    reportCommand,
    compareCommand,
    predictCommand,
    serveCommand,
    inspectCommand,
    dataCommand,
    tokenizerCommand,
    cleanCommand,
    diffCommand,
    doctorCommand,
  ];
  for (const create of commands) program.addCommand(finish(create(setExitCode)));
  program.addCommand(finish(measureCommand()), { hidden: true });
  return program;
}

function finish(command: Command): Command {
  for (const child of command.commands) finish(child);
  return command
    .option('--debug', 'print the stack of an error')
    .showHelpAfterError('(add --help for the options)')
    .showSuggestionAfterError()
    .exitOverride();
}
