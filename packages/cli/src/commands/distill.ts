import { Command } from 'commander';
import { announceEngine } from '../announce-engine.ts';
import { runMakeTask } from '../make.ts';
import { addRunOptions, dataOption, engineOption } from '../options.ts';
import {
  addDistillationOptions,
  addStartOptions,
  addTrainingOptions,
  checked,
  distillationValues,
  startValues,
  trainingValues,
} from '../training-options.ts';

/** `distill TEACHER --out DIR`: a smaller student that learns from a teacher's answers. */
export function distillCommand(): Command {
  const command = new Command('distill')
    .description('Train a smaller student on the labels and on the answers of a teacher.')
    .argument('<teacher>', 'model folder of the teacher')
    .requiredOption('--out <dir>', 'model folder to write')
    .addOption(dataOption());
  addDistillationOptions(addTrainingOptions(addStartOptions(command), { epochs: 6, learningRate: 1e-3 }));
  command.addOption(engineOption());
  return addRunOptions(command)
    .addHelpText(
      'after',
      '\nExample:\n  $ slm-compress distill runs/spam-filter/teacher --out models/student --hidden-size 64\n',
    )
    .action(async (teacher: string, options, command: Command) => {
      const { distillSchema } = await import('@slm-compress/compress');
      const { out, seed, workers, data } = options;
      await runMakeTask(
        {
          kind: 'distill',
          teacher,
          out,
          seed,
          workers,
          engine: await announceEngine(options.engine),
          ...(data === undefined ? {} : { data }),
          options: checked(distillSchema, {
            teacher: 'teacher',
            ...startValues(command),
            ...trainingValues(options),
            ...distillationValues(options),
          }),
        },
        options,
      );
    });
}
