import type { DataType, Dim, Engine, EngineOptions, Model, Signature, ValueInfo } from '@slm-compress/onnx';
import { isSlmError, SlmError } from '@slm-compress/onnx';
import * as ort from 'onnxruntime-node';
import { aborted } from './abort.ts';
import { checkCallOptions } from './check-call.ts';
import { checkOnnxFile } from './check-file.ts';
import { encodeSource } from './encode.ts';
import { checkProvider } from './providers.ts';
import { checkFeeds, checkOutputs, createFeedConverter, fromOrt } from './tensors.ts';

const OPTIMIZATION = { none: 'disabled', basic: 'basic', extended: 'extended', all: 'all' } as const;

/**
 * Opens an ONNX Runtime session on the CPU, or on the GPU that `provider` names: sequential, one thread unless
 * `intraOpThreads` says otherwise. On a GPU, operators its provider lacks run on the CPU; that the provider itself
 * computes is checked first.
 *
 * `session.run` of ONNX Runtime blocks the calling thread, so a run that has begun can't be cancelled: an aborted
 * signal is seen before and after it. Runs of one engine follow one another. A server wants {@link openPool}.
 *
 * Beside a model and a path it takes the bytes of an `.onnx` file.
 *
 * @throws SlmError `FILE_NOT_FOUND`, `ONNX_CORRUPT`, `ENGINE_OPEN` (a graph that ONNX Runtime can't run, a provider that
 * can't be had); from `run`
 * `ENGINE_INPUT`, `ENGINE_RUN` (an operator failed), `ENGINE_CLOSED` and `ABORTED`.
 */
export async function openEngine(model: Model | string | Uint8Array, options: EngineOptions = {}): Promise<Engine> {
  if (typeof model === 'string') await checkOnnxFile(model);
  const where = typeof model === 'string' ? model : 'model';
  const session = await createSession(where, encodeSource(model), options);
  const signature: Signature = {
    inputs: session.inputMetadata.map(valueInfo),
    outputs: session.outputMetadata.map(valueInfo),
  };
  const converter = createFeedConverter();
  let closed = false;
  let last: Promise<unknown> = Promise.resolve();

  /** Runs `body` after everything queued before it. */
  const inTurn = <T>(body: () => Promise<T>): Promise<T> => {
    const result = last.then(body);
    last = result.catch(() => undefined);
    return result;
  };

  return {
    signature,
    async run(feeds, { signal, outputs } = {}) {
      if (closed) throw new SlmError('ENGINE_CLOSED', `${where}: expected an open engine, got a closed one`);
      checkFeeds(signature, feeds);
      checkOutputs(signature, outputs);
      checkCallOptions(where, { signal });
      const results = await inTurn(async () => {
        if (signal?.aborted) throw aborted(where, signal);
        try {
          const converted = converter.convert(feeds);
          return await (outputs === undefined ? session.run(converted) : session.run(converted, [...outputs]));
        } catch (cause) {
          throw new SlmError('ENGINE_RUN', `${where}: expected a run, got ${firstLine(cause)}`, { cause });
        }
      });
      if (signal?.aborted) throw aborted(where, signal);
      return fromOrt(results);
    },
    async [Symbol.asyncDispose]() {
      if (closed) return last.then(() => undefined);
      closed = true;
      await inTurn(() => session.release());
    },
  };
}

async function createSession(
  where: string,
  source: string | Uint8Array,
  options: EngineOptions,
): Promise<ort.InferenceSession> {
  const { provider = 'cpu', intraOpThreads = 1, optimization = 'all', memoryPattern = true } = options;
  const { optimizedModelPath } = options;
  if (provider !== 'cpu') await checkProvider(provider);
  const sessionOptions: ort.InferenceSession.SessionOptions = {
    executionProviders: [provider],
    executionMode: 'sequential',
    intraOpNumThreads: intraOpThreads,
    interOpNumThreads: 1,
    graphOptimizationLevel: OPTIMIZATION[optimization],
    enableMemPattern: memoryPattern,
    // Failures arrive as errors; nothing is printed besides.
    logSeverityLevel: 4,
    // Threads that wait busily slow their neighbours down: 1.2–1.4 × on two loaded cores.
    ...(intraOpThreads > 1 ? { extra: { session: { intra_op: { allow_spinning: '0' } } } } : {}),
    ...(optimizedModelPath === undefined ? {} : { optimizedModelFilePath: optimizedModelPath }),
  };
  try {
    return typeof source === 'string'
      ? await ort.InferenceSession.create(source, sessionOptions)
      : await ort.InferenceSession.create(source, sessionOptions);
  } catch (cause) {
    if (isSlmError(cause)) throw cause;
    const damaged = /protobuf parsing failed|data pointer is null/i.test(String(cause));
    throw damaged
      ? new SlmError('ONNX_CORRUPT', `${where}: expected an ONNX model, got bytes that don't parse`, { cause })
      : new SlmError('ENGINE_OPEN', `${where}: expected a model ONNX Runtime can run, got ${firstLine(cause)}`, {
          cause,
        });
  }
}

function valueInfo(metadata: ort.InferenceSession.ValueMetadata): ValueInfo {
  if (!metadata.isTensor) return { name: metadata.name };
  const dims = metadata.shape.map((dim): Dim => (typeof dim === 'string' && dim === '' ? undefined : dim));
  return { name: metadata.name, type: { type: metadata.type as DataType, dims } };
}

function firstLine(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).split('\n', 1)[0]!;
}
