import { availableParallelism } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';

/** Parser of an option that is a whole number within bounds. */
export function integerIn(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < low || value > high) {
      throw new InvalidArgumentError(`Expected a whole number from ${low} to ${high}.`);
    }
    return value;
  };
}

/** Parser of an option that is a number within bounds. */
export function numberIn(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value) || value < low || value > high) {
      throw new InvalidArgumentError(`Expected a number from ${low} to ${high}.`);
    }
    return value;
  };
}

/** Parser of `NAME=SIZE,…`: sizes of 0 or more by name. */
export function namedSizes(text: string): Readonly<Record<string, number>> {
  const entries = text.split(',').map((entry): readonly [string, number] => {
    const [, name, size] = /^\s*(.+?)\s*=\s*(\d+)\s*$/.exec(entry) ?? [];
    if (name === undefined || !Number.isSafeInteger(Number(size))) {
      throw new InvalidArgumentError('Expected NAME=SIZE, separated by commas: batch=1,sequence=128.');
    }
    return [name, Number(size)];
  });
  return Object.fromEntries(entries);
}

export const dimsOption = () =>
  new Option('--dims <sizes>', 'sizes of the inputs by name (or INPUT.AXIS): batch=1,sequence=128').argParser(
    namedSizes,
  );

export const jsonOption = () => new Option('--json', 'print JSON on stdout instead of text');

export const formatOption = () =>
  new Option('--format <name>', 'format of the data where its name does not say it, as of standard input').choices([
    'jsonl',
    'csv',
    'tsv',
    'parquet',
    'lines',
    'document',
  ]);

export const watchOption = () =>
  new Option('--watch', 'show loss, rate, gradient norm, speed and memory while a model trains');

export const seedOption = () =>
  new Option('--seed <n>', 'seed of everything random').argParser(integerIn(0, 2 ** 32 - 1));

export const workersOption = () =>
  new Option('--workers <n>', 'worker threads; results are the same for any number')
    .argParser(integerIn(1, 256))
    .default(availableParallelism(), 'number of cores');

export const engineOption = () =>
  new Option('--engine <name>', 'what trains; auto takes the fastest that opens (bytes differ between engines)')
    .choices(['auto', 'ort-cpu', 'ort-webgpu', 'ort-cuda'])
    .default('ort-cpu');

export const dataOption = () =>
  new Option(
    '--data <path>',
    'data folder, or file: .jsonl, .csv, .tsv, .parquet (default: the one the model was made from)',
  );

/** Adds what every command that computes takes: `--seed` (42 by default), `--workers` and `--json`. */
export function addRunOptions(command: Command): Command {
  return command.addOption(seedOption().default(42)).addOption(workersOption()).addOption(jsonOption());
}
