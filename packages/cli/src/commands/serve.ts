import { availableParallelism } from 'node:os';
import { Command, Option } from 'commander';
import { stopAtOnce } from '../interrupts.ts';
import { integerIn, jsonOption, seedOption } from '../options.ts';
import { log, print, printJson } from '../output.ts';

/** `serve [MODEL]`: an HTTP server, until Ctrl-C. */
export function serveCommand(): Command {
  return new Command('serve')
    .description('Serve a model over HTTP.')
    .argument('[model]', 'model or run folder (default: the latest run, else the model that comes with the repository)')
    .addOption(new Option('--port <n>', 'port; 0 takes a free one').argParser(integerIn(0, 65_535)).default(8080))
    .addOption(new Option('--host <name>', 'address to listen on').default('127.0.0.1'))
    .addOption(
      new Option('--workers <n>', 'worker threads')
        .argParser(integerIn(1, 256))
        .default(availableParallelism(), 'number of cores'),
    )
    .addOption(
      new Option('--max-queue <n>', 'texts that may wait; more get 503 (default: 16 a worker)').argParser(
        integerIn(0, 1e6),
      ),
    )
    .addOption(seedOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExample:\n  $ slm-compress serve runs/spam-filter/int8 --port 8080\n' +
        `  $ curl -s localhost:8080/v1/classify -H 'content-type: application/json' -d '{"text":"Win a prize"}'\n`,
    )
    .action(async (model: string | undefined, options) => {
      const { serve } = await import('@slm-compress/runtime');
      const { defaultModel, modelFolderOf } = await import('../default-model.ts');
      const folder = model === undefined ? await defaultModel() : await modelFolderOf(model);
      const { host, port, workers, maxQueue } = options;
      const server = await serve({ folder, host, port, workers, ...(maxQueue === undefined ? {} : { maxQueue }) });
      if (options.json) printJson({ kind: 'ready', url: server.url, folder, workers });
      else print(`${folder} at ${server.url} with ${workers} workers (Ctrl-C stops)`);
      await new Promise<void>((resolve) => {
        let stopping = false;
        const stop = () => {
          if (stopping) return stopAtOnce();
          stopping = true;
          log('answering the requests that are there, then stopping');
          resolve();
        };
        process.on('SIGINT', stop);
        process.on('SIGTERM', stop);
      });
      await server.close();
    });
}
