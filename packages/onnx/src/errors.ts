/**
 * The error every package of slm-compress throws for a condition a person can act on.
 *
 * `message` reads *where: expected, got (hint)*; `code` is stable and machine-readable, for example
 * `ONNX_CORRUPT`, `RECIPE_UNKNOWN_KEY`, `QUEUE_FULL`. A message that starts with `internal:` is a bug of ours.
 */
export class SlmError extends Error {
  override readonly name: string = 'SlmError';
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** True for an error that carries a stable `code` of ours, also one that crossed a thread boundary. */
export function isSlmError(error: unknown): error is SlmError {
  return error instanceof Error && error.name === 'SlmError' && typeof (error as { code?: unknown }).code === 'string';
}
