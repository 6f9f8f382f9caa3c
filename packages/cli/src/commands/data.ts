import { Command } from 'commander';
import { dataInspectCommand } from './data-inspect.ts';
import { dataPrepareCommand } from './data-prepare.ts';

/** `data inspect | prepare`: data sets before anything is trained on them. */
export function dataCommand(): Command {
  return new Command('data')
    .description('Look at a data set, or prepare it for training.')
    .addCommand(dataInspectCommand())
    .addCommand(dataPrepareCommand());
}
