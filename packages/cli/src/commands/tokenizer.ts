import { Command } from 'commander';
import { convertTokenizerCommand } from './tokenizer-convert.ts';
import { inspectTokenizerCommand } from './tokenizer-inspect.ts';
import { pruneTokenizerCommand } from './tokenizer-prune.ts';
import { trainTokenizerCommand } from './tokenizer-train.ts';

/** `tokenizer train | inspect | convert | prune`: learn a vocabulary, look at one, write it anew, make it smaller. */
export function tokenizerCommand(): Command {
  return new Command('tokenizer')
    .description('Learn a vocabulary from texts; look at a tokenizer, convert or prune it.')
    .addCommand(trainTokenizerCommand())
    .addCommand(inspectTokenizerCommand())
    .addCommand(convertTokenizerCommand())
    .addCommand(pruneTokenizerCommand());
}
