import { CommanderError } from 'commander';
import pc from 'picocolors';
import { describeError } from './describe-error.ts';
import { exitCodes, UsageError } from './exit-codes.ts';
import { createProgram } from './program.ts';

/**
 * Runs the command line `argv` (with node and script in front, as `process.argv`) and returns the exit code.
 * Results go to stdout; logs, progress and errors to stderr, errors as `error CODE: message`.
 */
export async function runCli(argv: readonly string[]): Promise<number> {
  const outcome = { exitCode: exitCodes.fine as number };
  const program = createProgram((code) => {
    outcome.exitCode = code;
  });
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(exitCodes.fine);
    throw error;
  });
  try {
    await program.parseAsync(argv);
    return outcome.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.fine : exitCodes.usage;
    if (error instanceof UsageError) {
      const name = program.args[0] ?? '';
      process.stderr.write(`${pc.red('error')} USAGE: ${error.message}\n(slm-compress ${name} --help says more)\n`);
      return exitCodes.usage;
    }
    if (isInterrupt(error)) {
      process.stderr.write('stopped; the same command goes on from the last checkpoint\n');
      return exitCodes.interrupted;
    }
    process.stderr.write(`${pc.red('error')} ${describeError(error)}\n`);
    if (argv.includes('--debug') && error instanceof Error) process.stderr.write(`${error.stack}\n`);
    return exitCodes.failed;
  }
}

function isInterrupt(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || (error as { code?: unknown }).code === 'ABORTED');
}
