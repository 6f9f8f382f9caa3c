import { performance } from 'node:perf_hooks';
import { Command } from 'commander';
import { jsonOption } from '../options.ts';
import { print, printJson } from '../output.ts';

/** Text that the child answers: long enough to fill the longest sequence of the models here. */
const text = 'Please find the minutes of our last meeting attached and tell me what you think of them. '.repeat(40);

/** `measure DIR` (hidden): load time in this very process; the caller watches its memory. */
export function measureCommand(): Command {
  return new Command('measure')
    .description('Load a model in this process and answer some texts (used by report).')
    .argument('<model>', 'model folder')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ slm-compress measure runs/spam-filter/int8 --json\n')
    .action(async (folder: string, options) => {
      const { openClassifier } = await import('@slm-compress/runtime');
      const start = performance.now();
      await using classifier = await openClassifier(folder, { workers: 1 });
      const loadMs = performance.now() - start;
      const texts = 20;
      for (let i = 0; i < texts; i++) await classifier.classify(text);
      if (options.json) printJson({ loadMs, texts });
      else print(`${folder}: loaded in ${loadMs.toFixed(0)} ms`);
    });
}
