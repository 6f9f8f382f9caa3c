import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { jsonOption, seedOption } from '../options.ts';
import { formatBytes, print, printJson } from '../output.ts';

/** `inspect MODEL`: what a graph consists of. */
export function inspectCommand(): Command {
  return new Command('inspect')
    .description('Show what a model consists of: inputs, outputs, operators, weights, lineage.')
    .argument('<model>', '.onnx file, model folder or run folder')
    .option('--nodes', 'print the whole graph')
    .addOption(seedOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ slm-compress inspect runs/spam-filter/int8 --nodes\n')
    .action(async (given: string, options) => {
      const { printModel, readModel, summarizeModel } = await import('@slm-compress/onnx');
      const { readModelFolder } = await import('@slm-compress/runtime');
      const { readStageManifest } = await import('@slm-compress/compress');
      const { modelFolderOf } = await import('../default-model.ts');
      const isFolder = (await stat(given).catch(() => undefined))?.isDirectory() === true;
      const path = isFolder ? await modelFolderOf(given) : given;
      const file = isFolder ? (await readModelFolder(path)).modelPath : path;
      const model = await readModel(file);
      const summary = summarizeModel(model);
      const manifest = isFolder ? await readStageManifest(path).catch(() => undefined) : undefined;
      const { inputs, outputs } = model.graph;
      const fileBytes = (await stat(file)).size;
      if (options.json) {
        const lineage = manifest === undefined ? {} : { lineage: manifest };
        printJson({ file, fileBytes, opsets: model.opsets, inputs, outputs, ...summary, ...lineage }, 2);
        return;
      }
      if (options.nodes) {
        print(printModel(model));
        return;
      }
      const values = (list: typeof inputs) =>
        list
          .map(
            ({ name, type }) =>
              `${name} ${type?.type ?? '?'}[${(type?.dims ?? []).map((dim) => dim ?? '?').join(', ')}]`,
          )
          .join(', ');
      print(`${file}  ${formatBytes(fileBytes)}  ${summary.parameters.toLocaleString('en')} parameters`);
      print(`inputs   ${values(inputs)}`);
      print(`outputs  ${values(outputs)}`);
      const operators = Object.entries(summary.operators).sort(([, a], [, b]) => b - a);
      print(`nodes    ${operators.map(([name, count]) => `${count} ${name}`).join(', ')}`);
      if (manifest !== undefined) {
        const parents = manifest.parents.map(({ role, folder }) => `${role} ${join(path, folder)}`);
        print(
          `made by  ${manifest.kind}, seed ${manifest.seed}${parents.length === 0 ? '' : `, ${parents.join(', ')}`}`,
        );
        for (const { where, message } of manifest.findings) print(`         ${where}: ${message}`);
      }
    });
}
