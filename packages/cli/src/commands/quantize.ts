import { Command, Option } from 'commander';
import { runMakeTask } from '../make.ts';
import { addRunOptions, dataOption, integerIn, numberIn } from '../options.ts';
import { checked } from '../training-options.ts';

/** `quantize MODEL --out DIR`: static int8, calibrated on training texts. */
export function quantizeCommand(): Command {
  const command = new Command('quantize')
    .description('Make an int8 model: weights per channel, activations calibrated on training texts.')
    .argument('<model>', 'model folder (FP32)')
    .requiredOption('--out <dir>', 'model folder to write')
    .addOption(
      new Option('--method <name>', 'how ranges are found').choices(['minmax', 'percentile']).default('percentile'),
    )
    .addOption(
      new Option('--percentile <p>', 'percent of the values inside the range')
        .argParser(numberIn(50.1, 100))
        .default(99.999),
    )
    .addOption(new Option('--samples <n>', 'training texts to calibrate on').argParser(integerIn(1, 1e6)).default(256))
    .addOption(dataOption());
  return addRunOptions(command)
    .addHelpText(
      'after',
      '\nExample:\n  $ slm-compress quantize runs/spam-filter/pruned --out models/int8 --method percentile\n',
    )
    .action(async (from: string, options) => {
      const { quantizeSchema } = await import('@slm-compress/compress');
      const { out, seed, workers, data, method, percentile, samples } = options;
      await runMakeTask(
        {
          kind: 'quantize',
          from,
          out,
          seed,
          workers,
          ...(data === undefined ? {} : { data }),
          options: checked(quantizeSchema, { from: 'from', calibration: { method, percentile, samples } }),
        },
        options,
      );
    });
}
