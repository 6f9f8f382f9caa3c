import { rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/**
 * Puts `temporary` in the place of `target`, which may exist. When that fails, `target` is as it was. A kill between the
 * two renames leaves the old folder beside it as `.NAME.PID.old`.
 */
export async function replaceFolder(temporary: string, target: string): Promise<void> {
  const old = join(dirname(target), `.${basename(target)}.${process.pid}.old`);
  await rm(old, { recursive: true, force: true });
  const replaced = await rename(target, old).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
  try {
    await rename(temporary, target);
  } catch (error) {
    if (replaced) await rename(old, target);
    throw error;
  }
  await rm(old, { recursive: true, force: true });
}
