import { SlmError } from '@slm-compress/onnx';
import { checkCallOptions, checkCount, checkText, checkTexts } from './check-call.ts';
import { type ModelFolder, readModelFolder } from './model-folder.ts';
import { openWorkerPool, type PoolStats, type TaskTiming, type WorkerPool } from './worker-pool.ts';
import type { WorkerValues } from './worker-protocol.ts';

/** The answer for one text. `scores` are probabilities by label and sum to 1; `label` has the highest, `score`. */
export interface Classification {
  readonly label: string;
  readonly score: number;
  readonly scores: Readonly<Record<string, number>>;
  /** True when the text had more tokens than the model takes and only its beginning was read. */
  readonly truncated: boolean;
}

export interface ClassifyCallOptions {
  /** Cancels what has not been answered yet; rejects with `ABORTED`. */
  readonly signal?: AbortSignal;
  /** Told for every task of a worker that served this call, how long it waited and computed. */
  readonly onTiming?: (timing: TaskTiming) => void;
}

/** A model folder that answers. Tokenizing and inference happen in worker threads. */
export interface Classifier extends AsyncDisposable {
  readonly folder: string;
  readonly labels: readonly string[];
  /** Most tokens of a text; what is longer is cut and marked `truncated`. */
  readonly maxLength: number;
  /** Size of the `.onnx` file. */
  readonly modelBytes: number;
  classify(text: string, options?: ClassifyCallOptions): Promise<Classification>;
  /**
   * Many texts, answered in their order, each exactly as it would be alone. The call is admitted or refused
   * (`QUEUE_FULL`) as a whole and occupies at most as many places as there are workers.
   */
  classifyAll(texts: readonly string[], options?: ClassifyCallOptions): Promise<Classification[]>;
  stats(): PoolStats;
  /** Takes no more texts and finishes those accepted; after `deadlineMs` the rest rejects with `ENGINE_CLOSED`. */
  close(options?: { deadlineMs?: number }): Promise<void>;
}

export interface ClassifierOptions {
  /** Worker threads; the number of available cores by default. */
  readonly workers?: number;
  /** Tasks that may wait for a worker; one more is refused with `QUEUE_FULL`. Unbounded by default. */
  readonly maxQueue?: number;
  /** The model in the folder; by default `onnx/model_quantized.onnx`, else `onnx/model.onnx`. */
  readonly file?: string;
  /**
   * Niceness added to the worker threads, so that a server's own thread goes first on a full machine; 0 by default.
   * On Linux it concerns the workers only, elsewhere it may concern the process or nothing.
   */
  readonly niceIncrement?: number;
  /** Most tokens of one run of the model, padding included; 2048 by default. */
  readonly tokenBudget?: number;
}

/** Fewest characters that a token is assumed to have, to cut many texts into tasks of about one token budget. */
const CHARACTERS_PER_TOKEN = 3;

/**
 * Opens a model folder (layout: docs/architecture.md) for text classification, one session per worker; resolves when
 * every worker is ready. Texts are padded to a multiple of 16 tokens, whether alone or in a batch.
 *
 * Any string that shows something is a text: megabytes long (cut at `maxLength` tokens), with unpaired surrogates
 * (read as U+FFFD). What has only white space, control or zero-width characters has no answer: `TEXT_EMPTY`.
 *
 * @throws SlmError `RUNTIME_OPTIONS` when a number is out of range, `MODEL_FOLDER` when a file is missing or wrong, or as
 * `openEngine`; from the calls `QUEUE_FULL`, `ABORTED`, `ENGINE_CLOSED`, `ENGINE_INPUT`, `TEXT_EMPTY`, `WORKER_LOST`.
 */
export async function openClassifier(folder: string, options: ClassifierOptions = {}): Promise<Classifier> {
  const { file, tokenBudget = 2048, niceIncrement = 0, workers, maxQueue } = options;
  checkCount('tokenBudget', tokenBudget, 1);
  const model = await readModelFolder(folder, file);
  const pool = await openWorkerPool(
    {
      model: model.modelPath,
      options: {},
      classifier: { folder, labels: model.labels.length, maxLength: model.maxLength, tokenBudget },
    },
    { niceIncrement, ...(workers === undefined ? {} : { workers }), ...(maxQueue === undefined ? {} : { maxQueue }) },
  );
  try {
    checkSignature(model, pool);
  } catch (error) {
    await pool.close();
    throw error;
  }

  const submit = async (texts: readonly string[], admitted: boolean, callOptions: ClassifyCallOptions) => {
    const value = await pool.submit<'classify'>(() => ({ task: { kind: 'classify', texts } }), {
      admitted,
      ...callOptions,
    });
    return texts.map((_, index) => toClassification(model.labels, value, index));
  };

  const classifier: Classifier = {
    folder,
    labels: model.labels,
    maxLength: model.maxLength,
    modelBytes: model.modelBytes,
    async classify(text, callOptions = {}) {
      checkText('classify', text);
      checkCallOptions('classify', callOptions);
      return (await submit([text], false, callOptions))[0]!;
    },
    async classifyAll(texts, callOptions = {}) {
      checkTexts('classifyAll', texts);
      checkCallOptions('classifyAll', callOptions);
      if (texts.length === 0) return [];
      const tasks = cutIntoTasks(texts, model.maxLength, tokenBudget);
      const results = new Array<Classification>(texts.length);
      const failed = new AbortController();
      const signal =
        callOptions.signal === undefined ? failed.signal : AbortSignal.any([callOptions.signal, failed.signal]);
      const release = pool.admit();
      let next = 0;
      const lane = async (): Promise<void> => {
        for (let indices = tasks[next++]; indices !== undefined; indices = tasks[next++]) {
          const chosen = indices.map((index) => texts[index]!);
          const answers = await submit(chosen, true, { ...callOptions, signal });
          indices.forEach((index, position) => {
            results[index] = answers[position]!;
          });
        }
      };
      try {
        await Promise.all(Array.from({ length: Math.min(pool.stats().workers, tasks.length) }, lane));
      } catch (error) {
        failed.abort(error);
        throw error;
      } finally {
        release();
      }
      return results;
    },
    stats: () => pool.stats(),
    close: (closeOptions) => pool.close(closeOptions),
    [Symbol.asyncDispose]: () => pool.close(),
  };
  return classifier;
}

/** Indices by rising length of text, in tasks of about one token budget: short enough to let other callers between. */
function cutIntoTasks(texts: readonly string[], maxLength: number, tokenBudget: number): number[][] {
  const byLength = texts.map((_, index) => index).sort((a, b) => texts[a]!.length - texts[b]!.length || a - b);
  const tasks: number[][] = [];
  let tokens = Number.POSITIVE_INFINITY;
  for (const index of byLength) {
    const estimate = Math.min(maxLength, 2 + texts[index]!.length / CHARACTERS_PER_TOKEN);
    if (tokens + estimate > tokenBudget) {
      tasks.push([]);
      tokens = 0;
    }
    tasks.at(-1)!.push(index);
    tokens += estimate;
  }
  return tasks;
}

function toClassification(
  labels: readonly string[],
  { probabilities, truncated }: WorkerValues['classify'],
  row: number,
): Classification {
  const values = labels.map((_, label) => probabilities[row * labels.length + label]!);
  const best = values.indexOf(Math.max(...values));
  return {
    label: labels[best]!,
    score: values[best]!,
    scores: Object.fromEntries(labels.map((label, index) => [label, values[index]!])),
    truncated: truncated[row] === 1,
  };
}

function checkSignature(model: ModelFolder, pool: WorkerPool): void {
  const { inputs, outputs } = pool.opened;
  const known = new Set(['input_ids', 'attention_mask', 'token_type_ids']);
  const unknown = inputs.find(({ name }) => !known.has(name));
  if (unknown !== undefined || inputs.length < 2) {
    const got = inputs.map(({ name }) => name).join(', ');
    throw new SlmError('MODEL_FOLDER', `${model.modelPath}: expected inputs input_ids and attention_mask, got ${got}`);
  }
  const logits = outputs.find(({ name }) => name === 'logits');
  const width = logits?.type?.dims?.[1];
  if (logits === undefined || (typeof width === 'number' && width !== model.labels.length)) {
    const got = logits === undefined ? outputs.map(({ name }) => name).join(', ') : `${width} labels`;
    throw new SlmError(
      'MODEL_FOLDER',
      `${model.modelPath}: expected an output logits with ${model.labels.length} labels, got ${got}`,
    );
  }
}
