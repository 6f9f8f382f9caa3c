import { createContext, Script } from 'node:vm';

const context = createContext({});
const script = new Script('work()');

/**
 * What `work` returns; it is stopped after so many milliseconds of computing wherever it is, also inside a regular
 * expression, and `late` makes the error to throw. May be nested. Throws what `work` throws.
 */
export function clocked<T>(milliseconds: number, work: () => T, late: (cause: unknown) => Error): T {
  const before: unknown = context.work;
  let result: { readonly value: T } | undefined;
  context.work = () => {
    result = { value: work() };
  };
  try {
    script.runInContext(context, { timeout: milliseconds });
    return result!.value;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw cause;
    throw late(cause);
  } finally {
    context.work = before;
  }
}
