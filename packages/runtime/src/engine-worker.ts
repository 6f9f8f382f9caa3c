import { workerData } from 'node:worker_threads';
import { type Engine, isSlmError } from '@slm-compress/onnx';
import { move, transferableSymbol, valueSymbol } from 'piscina';
import type { TextsClassified } from './classify-texts.ts';
import { guarded } from './exit-guard.ts';
import { openEngine } from './open-engine.ts';
import { ownedBuffers } from './tensors.ts';
import type { WorkerReply, WorkerSetup, WorkerTask, WorkerValues } from './worker-protocol.ts';

const { model, options, classifier, guard } = workerData as WorkerSetup;
let engine: Promise<Engine> | undefined;
let classify: Promise<(texts: readonly string[]) => Promise<TextsClassified>> | undefined;

/** The one task handler of a worker thread; see {@link WorkerTask}. */
export default async function handle(task: WorkerTask): Promise<unknown> {
  const begun = performance.now();
  try {
    const { value, transfer } = await guarded(guard, () => perform(task));
    return transferring({ ok: true, value, computeMs: performance.now() - begun }, transfer);
  } catch (error) {
    const code = isSlmError(error) ? error.code : 'INTERNAL';
    const message = error instanceof Error ? error.message : String(error);
    return { ok: false, code, message, computeMs: performance.now() - begun } satisfies WorkerReply<'run'>;
  }
}

async function perform(
  task: WorkerTask,
): Promise<{ value: WorkerValues[WorkerTask['kind']]; transfer: ArrayBuffer[] }> {
  switch (task.kind) {
    case 'open':
      if (classifier !== undefined) await classifying();
      return { value: (await opened(task.optimizedModelPath)).signature, transfer: [] };
    case 'run': {
      const { feeds, outputs } = task;
      const value = await (await opened()).run(feeds, outputs === undefined ? {} : { outputs });
      return { value, transfer: ownedBuffers(value) };
    }
    case 'classify': {
      const value = await (await classifying())(task.texts);
      return { value, transfer: [value.probabilities.buffer, value.truncated.buffer] as ArrayBuffer[] };
    }
    case 'close':
      await (await engine)?.[Symbol.asyncDispose]();
      return { value: null, transfer: [] };
  }
}

/** ONNX Runtime refuses shared memory, so shared bytes are copied here, for the moment of opening only. */
function opened(optimizedModelPath?: string): Promise<Engine> {
  engine ??= openEngine(
    typeof model === 'string' ? model : Uint8Array.from(new Uint8Array(model)),
    optimizedModelPath === undefined ? options : { ...options, optimizedModelPath },
  );
  return engine;
}

/** Imported on demand: a pool for training has no use for tokenizers. */
function classifying(): Promise<(texts: readonly string[]) => Promise<TextsClassified>> {
  classify ??= (async () => {
    if (classifier === undefined) throw new Error('internal: a classify task for a worker without a tokenizer');
    const [{ loadTokenizer }, { classifyTexts }] = await Promise.all([
      import('@slm-compress/text/tokenizer'),
      import('./classify-texts.ts'),
    ]);
    const tokenizer = await loadTokenizer(classifier.folder);
    const session = await opened();
    return (texts) => classifyTexts(session, tokenizer, texts, classifier);
  })();
  return classify;
}

/** Marks a reply so that piscina transfers the buffers instead of copying them. */
function transferring(reply: unknown, buffers: readonly ArrayBuffer[]): unknown {
  return move({ [transferableSymbol]: buffers, [valueSymbol]: reply } as never);
}
