import { join } from 'node:path';
import { Command, Option } from 'commander';
import { dimsOption, integerIn, jsonOption, seedOption } from '../options.ts';
import { print, printJson } from '../output.ts';

/** `inspect MODEL`: what a graph consists of, and where its size and work are. */
export function inspectCommand(): Command {
  return new Command('inspect')
    .description('Show what a model consists of: inputs, outputs, operators, weights and work by layer, lineage.')
    .argument('<model>', '.onnx file, model folder or run folder')
    .option('--nodes', 'print the whole graph')
    .addOption(dimsOption())
    .addOption(new Option('--top <n>', 'rows of a table').argParser(integerIn(1, 1_000_000)))
    .addOption(seedOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  $ slm-compress inspect runs/spam-filter/int8
  $ slm-compress inspect model.onnx --dims batch=8,sequence=256 --top 5
  $ slm-compress inspect model.onnx --nodes

Sizes that --dims does not give are guessed from the names (batch 1, sequence 128) and printed.
`,
    )
    .action(async (given: string, options) => {
      const { readGraph } = await import('../read-graph.ts');
      const { graphText, inspectGraph } = await import('../inspection.ts');
      const { inspectionText } = await import('../inspection-text.ts');
      const graph = await readGraph(given);
      if (options.nodes && !options.json) {
        print(graphText(graph).trimEnd());
        return;
      }
      const inspection = await inspectGraph(graph, { dims: options.dims, top: options.top });
      if (options.json) {
        printJson(options.nodes ? { ...inspection, graph: graphText(graph) } : inspection, 2);
        return;
      }
      print(inspectionText(inspection, options.top));
      const { lineage } = inspection;
      if (lineage === undefined) return;
      const parents = lineage.parents.map(({ role, folder }) => `${role} ${join(graph.folder ?? '', folder)}`);
      print(`\nmade by  ${[lineage.kind, `seed ${lineage.seed}`, ...parents].join(', ')}`);
      for (const { where, message } of lineage.findings) print(`         ${where}: ${message}`);
    });
}
