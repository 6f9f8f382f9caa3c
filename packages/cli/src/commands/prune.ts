import { Command, Option } from 'commander';
import { UsageError } from '../exit-codes.ts';
import { runMakeTask } from '../make.ts';
import { addRunOptions, dataOption, integerIn, numberIn } from '../options.ts';
import {
  addDistillationOptions,
  addTrainingOptions,
  checked,
  distillationValues,
  trainingValues,
} from '../training-options.ts';

/** `prune MODEL --out DIR`: structured by default, unstructured with `--sparsity`. */
export function pruneCommand(): Command {
  const command = new Command('prune')
    .description('Remove the attention heads and feed-forward neurons that matter least, or zero small weights.')
    .argument('<model>', 'model folder (FP32)')
    .requiredOption('--out <dir>', 'model folder to write')
    .addOption(new Option('--heads <share>', 'share of the attention heads to keep').argParser(numberIn(0.001, 1)))
    .addOption(
      new Option('--intermediate <share>', 'share of the feed-forward neurons to keep').argParser(numberIn(0.001, 1)),
    )
    .addOption(
      new Option(
        '--sparsity <share>',
        'zero this share of the weights instead, without recovery (saves no time)',
      ).argParser(numberIn(0, 0.999)),
    )
    .addOption(
      new Option('--scope <name>', 'where --sparsity ranks weights').choices(['global', 'layer']).default('global'),
    )
    .addOption(
      new Option('--samples <n>', 'training texts to measure importance on').argParser(integerIn(1, 1e6)).default(512),
    )
    .option('--no-recovery', 'do not train after pruning')
    .option('--teacher <dir>', 'model folder to learn from while recovering')
    .addOption(dataOption());
  addDistillationOptions(addTrainingOptions(command, { epochs: 2, learningRate: 5e-4 }));
  return addRunOptions(command)
    .addHelpText(
      'after',
      '\nExamples:\n  $ slm-compress prune runs/spam-filter/distilled --out models/half --heads 0.5 --intermediate 0.5\n' +
        '  $ slm-compress prune runs/spam-filter/distilled --out models/sparse --sparsity 0.8\n',
    )
    .action(async (from: string, options) => {
      const { pruneSchema } = await import('@slm-compress/compress');
      const { out, seed, workers, data, teacher, heads, intermediate, sparsity, scope, samples } = options;
      if (teacher !== undefined && (options.recovery === false || sparsity !== undefined)) {
        const other = sparsity === undefined ? '--no-recovery' : '--sparsity';
        throw new UsageError(`--teacher: expected recovery training, which ${other} leaves out`);
      }
      const recovery =
        options.recovery === false || sparsity !== undefined
          ? {}
          : {
              recovery: {
                ...trainingValues(options),
                ...distillationValues(options),
                ...(teacher === undefined ? {} : { teacher: 'teacher' }),
              },
            };
      await runMakeTask(
        {
          kind: 'prune',
          from,
          out,
          seed,
          workers,
          ...(teacher === undefined ? {} : { teacher }),
          ...(data === undefined ? {} : { data }),
          options: checked(pruneSchema, { from: 'from', heads, intermediate, sparsity, scope, samples, ...recovery }),
        },
        options,
      );
    });
}
