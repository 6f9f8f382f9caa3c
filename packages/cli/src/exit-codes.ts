/** Exit codes of the command: fine, failed, wrong usage, a gate of the recipe not met, stopped by Ctrl-C. */
export const exitCodes = { fine: 0, failed: 1, usage: 2, gate: 3, interrupted: 130 } as const;

/** A wrong option or argument found after parsing; ends with exit code 2 and a hint to `--help`. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
