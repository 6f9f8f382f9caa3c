import { type Command, Option } from 'commander';
import type { z } from 'zod';
import { UsageError } from './exit-codes.ts';
import { integerIn, numberIn, watchOption } from './options.ts';

/** Adds the options that say how long and how fast to train. */
export function addTrainingOptions(command: Command, defaults: { epochs: number; learningRate?: number }): Command {
  return command
    .addOption(
      new Option('--epochs <n>', 'passes over the training data')
        .argParser(integerIn(1, 1000))
        .default(defaults.epochs),
    )
    .addOption(
      new Option(
        '--learning-rate <x>',
        `peak learning rate${defaults.learningRate === undefined ? ' (default: 5e-4, with --from 5e-5)' : ''}`,
      )
        .argParser(numberIn(1e-9, 1))
        .default(defaults.learningRate),
    )
    .addOption(
      new Option('--schedule <name>', 'decay of the learning rate')
        .choices(['linear', 'cosine', 'constant'])
        .default('linear'),
    )
    .addOption(
      new Option('--warmup <share>', 'share of the steps that warms up').argParser(numberIn(0, 1)).default(0.1),
    )
    .addOption(new Option('--weight-decay <x>', 'decoupled weight decay').argParser(numberIn(0, 1)).default(0.01))
    .addOption(new Option('--dropout <p>', 'dropout in training').argParser(numberIn(0, 0.99)).default(0.1))
    .addOption(
      new Option('--token-dropout <p>', 'share of the training tokens masked').argParser(numberIn(0, 0.99)).default(0),
    )
    .addOption(
      new Option('--token-budget <n>', 'padded tokens of one batch').argParser(integerIn(64, 1_000_000)).default(4096),
    )
    .addOption(new Option('--logs <dir>', 'folder for metrics.jsonl and TensorBoard events'))
    .addOption(watchOption())
    .addOption(
      new Option('--optimizer <name>', 'how gradients change weights (default: adamw)').choices([
        'adamw',
        'adam',
        'sgd',
      ]),
    )
    .addOption(
      new Option('--accumulate <n>', 'batches whose gradients make one step (default: 1)').argParser(integerIn(1, 1e6)),
    )
    .addOption(
      new Option('--max-steps <n>', 'stop after this many steps (default: all epochs)').argParser(integerIn(1, 1e9)),
    )
    .addOption(
      new Option('--validate-every <n>', 'steps between validations (default: an epoch)').argParser(integerIn(1, 1e9)),
    )
    .addOption(
      new Option('--patience <n>', 'stop after this many validations without a better one').argParser(
        integerIn(1, 1e6),
      ),
    )
    .addOption(
      new Option('--average-decay <x>', 'keep a moving average of the weights with this decay').argParser(
        numberIn(1e-9, 1 - 1e-9),
      ),
    )
    .addOption(
      new Option('--layer-decay <x>', 'each layer learns this much slower than the one above').argParser(
        numberIn(1e-9, 1),
      ),
    )
    .addOption(new Option('--freeze <pattern...>', "parameters that stay as they are: 'bert.embeddings.*'"))
    .addOption(
      new Option(
        '--lora <rank>',
        'train the classifier and low-rank updates of this rank, added to the weights at the end',
      ).argParser(integerIn(1, 1024)),
    );
}

/** Adds the options that shape a new encoder, and `--from`, which takes one that is there. */
export function addStartOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--from <dir>',
        'start from the weights of this folder: Hugging Face layout (BERT), or a model folder',
      ),
    )
    .addOption(new Option('--layers <n>', 'encoder layers').argParser(integerIn(1, 48)).default(2))
    .addOption(new Option('--hidden-size <n>', 'width of the hidden states').argParser(integerIn(4, 4096)).default(96))
    .addOption(new Option('--heads <n>', 'attention heads').argParser(integerIn(1, 64)).default(4))
    .addOption(new Option('--intermediate-size <n>', 'feed-forward width').argParser(integerIn(4, 16_384)).default(384))
    .addOption(new Option('--pooling <name>', 'what the classifier reads').choices(['mean', 'cls']).default('mean'));
}

/** Adds the options of distillation. */
export function addDistillationOptions(command: Command): Command {
  return command
    .addOption(new Option('--temperature <t>', 'softens both distributions').argParser(numberIn(0.01, 100)).default(2))
    .addOption(new Option('--hard-weight <w>', 'weight of the true labels').argParser(numberIn(0, 1)).default(0.5));
}

/** Values of {@link addTrainingOptions} as the recipe names them. */
export function trainingValues(options: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { freeze, lora, validateEvery } = options as {
    readonly freeze?: readonly string[];
    readonly lora?: number;
    readonly validateEvery?: number;
  };
  return {
    ...pick(options, trainingKeys),
    ...(validateEvery === undefined ? {} : { validateEverySteps: validateEvery }),
    ...(freeze === undefined ? {} : { parameterRules: freeze.map((match) => ({ match, frozen: true })) }),
    ...(lora === undefined ? {} : { lora: { rank: lora } }),
  };
}

const trainingKeys = [
  'epochs',
  'learningRate',
  'schedule',
  'warmup',
  'weightDecay',
  'dropout',
  'tokenDropout',
  'tokenBudget',
  'optimizer',
  'accumulate',
  'maxSteps',
  'patience',
  'averageDecay',
  'layerDecay',
];

/** Adds the options of a loss on the labels alone. */
export function addLossOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--label-smoothing <x>', 'share of each label that is spread over all classes')
        .argParser(numberIn(0, 0.99))
        .default(0),
    )
    .option('--balanced', 'classes weigh alike in the loss, however many rows they have');
}

/** Values of {@link addLossOptions} as the recipe names them. */
export function lossValues(options: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return { ...pick(options, ['labelSmoothing']), ...(options.balanced === true ? { classWeights: 'balanced' } : {}) };
}

/**
 * Values of {@link addStartOptions} as the recipe names them; `--from` gets a slash, which tells it from a stage's name.
 * @throws UsageError for `--from` with the shape of a new encoder
 */
export function startValues(command: Command): Record<string, unknown> {
  const options = command.opts();
  const shape = ['layers', 'hiddenSize', 'heads', 'intermediateSize', 'pooling'];
  if (options.from === undefined) return { architecture: pick(options, shape) };
  const given = shape.filter((name) => command.getOptionValueSource(name) === 'cli');
  const other = given.find((name) => name !== 'pooling');
  if (other !== undefined) {
    const flag = other.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new UsageError(`expected no --${flag} beside --from, whose model has a shape already`);
  }
  return { from: /[\\/]/.test(options.from) ? options.from : `./${options.from}`, ...pick(options, given) };
}

/** Values of {@link addDistillationOptions} as the recipe names them. */
export function distillationValues(options: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return pick(options, ['temperature', 'hardWeight']);
}

/** Checks option values against the schema that recipes use; a violation is a {@link UsageError}. */
export function checked<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const path = issue.path.map(String).join('.');
  throw new UsageError(path === '' ? issue.message : `${path}: ${issue.message}`);
}

function pick(options: Readonly<Record<string, unknown>>, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(keys.map((key) => [key, options[key]]).filter(([, value]) => value !== undefined));
}
