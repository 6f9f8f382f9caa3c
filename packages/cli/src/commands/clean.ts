import { Command, Option } from 'commander';
import { integerIn, jsonOption, namedSizes, seedOption } from '../options.ts';
import { print, printJson } from '../output.ts';

/** `clean MODEL --out FILE`: graph passes with their reports. */
export function cleanCommand(): Command {
  return new Command('clean')
    .description('Simplify a graph without changing what it computes, and report what every pass did.')
    .argument('<model>', '.onnx file, model folder or run folder')
    .requiredOption('--out <path>', 'file (NAME.onnx) or new folder to write')
    .addOption(
      new Option(
        '--passes <names>',
        'passes to run once, in this order (default: clean-up until nothing changes)',
      ).argParser((text) => text.split(',').map((name) => name.trim())),
    )
    .option('--stop-after <pass>', 'stop after the first run of this pass')
    .addOption(new Option('--rounds <n>', 'how often to go through the passes, at most').argParser(integerIn(1, 100)))
    .addOption(new Option('--freeze <sizes>', 'sizes for dynamic axes: batch=1,sequence=128').argParser(namedSizes))
    .option('--trainable', 'keep every weight a parameter of its own, to be trained afterwards')
    .addOption(new Option('--opset <n>', 'convert to this version of ai.onnx').argParser(integerIn(1, 1000)))
    .option('--trace <dir>', 'write the graph after every pass, and what changed, as text')
    .option('--findings', 'print what the passes did and skipped, and why')
    .addOption(seedOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  $ slm-compress clean model.onnx --out clean.onnx
  $ slm-compress clean model.onnx --out fixed.onnx --freeze batch=1 --trace trace/
  $ slm-compress clean model.onnx --out fast.onnx --opset 23 --passes clean-up,fuse-operators
  $ slm-compress clean model.onnx --out folded.onnx --passes fold-constants --findings

Passes: clean-up (all that keep what is computed), or any of remove-dead-nodes, fold-constants, inline-branches,
inline-functions, remove-identities, simplify-shapes, cancel-transposes, merge-common-subexpressions,
share-initializers, decompose-operators, fuse-operators, fuse-layer-normalization, fuse-rms-normalization, fuse-gelu,
fuse-activations, fuse-rotary-embedding, fuse-attention, freeze-axis (--freeze), convert-opset (--opset).
`,
    )
    .action(async (given: string, options) => {
      const { keepParameters, runPasses, trainableParameters } = await import('@slm-compress/onnx');
      const { checkFreeze, passList } = await import('../pass-list.ts');
      const { readGraph } = await import('../read-graph.ts');
      const { tracePasses } = await import('../trace-passes.ts');
      const { writeGraph } = await import('../write-graph.ts');
      const { passDocument, passText } = await import('../pass-report.ts');
      const { passes: names, freeze, opset, stopAfter, trace } = options;
      const { passes, rounds } = passList({
        ...(names && { names }),
        ...(freeze && { freeze }),
        ...(opset && { opset }),
      });
      const graph = await readGraph(given);
      if (freeze) checkFreeze(freeze, graph.model);
      const kept = options.trainable === true ? trainableParameters(graph.model) : [];
      const chosen = kept.length === 0 ? passes : passes.map((pass) => keepParameters(pass, kept));
      const { model, reports } = runPasses(graph.model, chosen, {
        rounds: options.rounds ?? rounds,
        ...(stopAfter && { stopAfter }),
        ...(trace && { onPass: tracePasses(trace, graph.model) }),
      });
      const file = await writeGraph(options.out, model, graph);
      const findings = options.findings === true;
      if (options.json) printJson(passDocument(graph.file, file, reports, findings), 2);
      else print(passText(graph.file, file, reports, findings));
    });
}
