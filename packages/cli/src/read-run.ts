import { dirname, join, resolve } from 'node:path';
import { type Recipe, readRecipe } from '@slm-compress/compress';
import type { Task } from './tasks/task.ts';

/** The recipe of a task, with the seed of the command line, and the folder of its run. */
export async function readRun(
  task: Pick<Extract<Task, { kind: 'run' }>, 'recipe' | 'out' | 'seed'>,
): Promise<{ recipe: Recipe; out: string; baseDir: string }> {
  const read = await readRecipe(task.recipe);
  const recipe = task.seed === undefined ? read : { ...read, seed: task.seed };
  return { recipe, out: task.out ?? join('runs', recipe.name), baseDir: dirname(resolve(task.recipe)) };
}
