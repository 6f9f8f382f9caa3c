import { Command } from 'commander';
import pc from 'picocolors';
import { describeError } from '../describe-error.ts';
import { dimsOption, jsonOption, seedOption } from '../options.ts';
import { log, print, printJson } from '../output.ts';
import type { SetExitCode } from '../program.ts';

/** Exit codes of `diff`, as of the command of that name. */
const codes = { equal: 0, different: 1, failed: 2 } as const;

/** `diff A B`: what differs between two graphs, and between what they compute. */
export function diffCommand(setExitCode: SetExitCode): Command {
  return new Command('diff')
    .description('Show what differs between two models: graph, weights and, with --numeric, results.')
    .argument('<a>', '.onnx file, model folder or run folder')
    .argument('<b>', 'the model to compare with it')
    .option('--numeric', 'run both on the same random inputs and compare the outputs')
    .option('--values', 'compare the intermediate values of the same name too')
    .addOption(dimsOption())
    .addOption(seedOption().default(42))
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  $ slm-compress diff model.onnx clean.onnx
  $ slm-compress diff model.onnx clean.onnx --numeric --dims batch=2,sequence=16
  $ slm-compress diff runs/spam-filter/pruned runs/spam-filter/int8 --values

Exit code: 0 when nothing differs, 1 when something does, 2 when the models could not be compared. With --numeric or
--values it is the results that count.
`,
    )
    .action(async (first: string, second: string, options) => {
      setExitCode(codes.failed);
      const { diffModels } = await import('@slm-compress/onnx');
      const { readGraph } = await import('../read-graph.ts');
      const { diffText } = await import('../diff-text.ts');
      try {
        const [a, b] = [(await readGraph(first)).model, (await readGraph(second)).model];
        const differences = diffModels(a, b);
        const { numericDiff } = await import('../numeric-diff.ts');
        const numeric =
          options.numeric || options.values
            ? await numericDiff(a, b, {
                ...(options.dims && { dims: options.dims }),
                seed: options.seed,
                intermediate: options.values === true,
              })
            : undefined;
        const equal = numeric === undefined ? differences.length === 0 : numeric.values.every((value) => value.equal);
        setExitCode(equal ? codes.equal : codes.different);
        if (options.json) printJson({ a: first, b: second, equal, differences, ...(numeric && { numeric }) }, 2);
        else print(diffText(differences, numeric));
      } catch (error) {
        log(`${pc.red('error')} ${describeError(error)}`);
      }
    });
}
