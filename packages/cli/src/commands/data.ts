import { Command } from 'commander';
import { dataInspectCommand } from './data-inspect.ts';

/** `data inspect`: data sets before anything is trained on them. */
export function dataCommand(): Command {
  return new Command('data').description('Look at a data set.').addCommand(dataInspectCommand());
}
