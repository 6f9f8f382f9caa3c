import { Command } from 'commander';
import pc from 'picocolors';
import { exitCodes } from '../exit-codes.ts';
import { jsonOption, seedOption } from '../options.ts';
import { print, printJson } from '../output.ts';
import type { SetExitCode } from '../program.ts';

/** `doctor`: what this machine has, and whether the engines open. Exit code 1 when a check fails. */
export function doctorCommand(setExitCode: SetExitCode): Command {
  return new Command('doctor')
    .description('Check this machine: Node, processor, engines opened for real, write access, memory.')
    .addOption(seedOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ slm-compress doctor\n')
    .action(async (options) => {
      const { checkMachine } = await import('../machine-checks.ts');
      const { machine, checks } = await checkMachine();
      const ok = checks.every((check) => check.ok);
      if (options.json) printJson({ ok, checks, machine }, 2);
      else {
        for (const { name, ok: fine, detail } of checks) {
          print(`${fine ? pc.green('ok    ') : pc.red('failed')}  ${name.padEnd(22)}  ${detail}`);
        }
      }
      if (!ok) setExitCode(exitCodes.failed);
    });
}
