import { SlmError } from '@slm-compress/onnx';

/** The error of a run that its caller cancelled; `cause` is the signal's reason. */
export function aborted(where: string, signal: AbortSignal): SlmError {
  return new SlmError('ABORTED', `${where}: expected to finish, got cancelled by the caller`, { cause: signal.reason });
}
