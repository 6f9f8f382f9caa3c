import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja';
import { SlmError } from '@slm-compress/onnx';
import { clocked } from './clocked.ts';
import { formatTime } from './format-time.ts';

/** A template's text with variables put in. */
export type RenderTemplate = (variables: Readonly<Record<string, unknown>>) => string;

const largestTemplate = 2 ** 20;
const largestOutput = 2 ** 24;
const longestRange = 100_000;

/**
 * Parses a Jinja template as the `transformers` library does for chats: lines of blocks leave no white space, and
 * `raise_exception`, `strftime_now` and `range` are known. A template is a stranger's: give it to {@link bounded}.
 * Throws SlmError `CHAT_TEMPLATE` for more than 1 MB and for what is not Jinja; the function it returns, when the template
 * refuses its variables and for more than 16 MB of output.
 */
export function jinjaTemplate(source: string, now: () => Date = () => new Date()): RenderTemplate {
  if (source.length > largestTemplate) {
    throw new SlmError(
      'CHAT_TEMPLATE',
      `template: expected at most ${largestTemplate} characters, got ${source.length}`,
    );
  }
  const program = attempt('expected a Jinja template', () =>
    parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true })),
  );
  return (variables) => {
    const text = attempt('expected a template that takes this chat', () => {
      const environment = new Environment();
      for (const [name, value] of Object.entries({ ...globals(now), ...variables })) environment.set(name, value);
      return (new Interpreter(environment).run(program) as { readonly value: unknown }).value;
    });
    if (typeof text === 'string' && text.length <= largestOutput) return text;
    throw new SlmError('CHAT_TEMPLATE', `template: expected at most ${largestOutput} characters of output, got more`);
  };
}

function attempt<T>(expected: string, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SlmError('CHAT_TEMPLATE', `template: ${expected}, got: ${reason}`, { cause });
  }
}

function globals(now: () => Date): Readonly<Record<string, unknown>> {
  return {
    true: true,
    false: false,
    none: null,
    True: true,
    False: false,
    None: null,
    raise_exception(message: unknown) {
      throw new Error(String(message));
    },
    strftime_now: (format: unknown) => formatTime(now(), String(format)),
    range(first: number, second?: number, step = 1) {
      const [start, stop] = second === undefined ? [0, first] : [first, second];
      const count = Math.max(0, Math.ceil((stop - start) / step));
      if (!(count <= longestRange)) throw new Error(`range: expected at most ${longestRange} numbers, got ${count}`);
      return Array.from({ length: count }, (_, i) => start + i * step);
    },
  };
}

/** What `work` returns; it is stopped after `limit` ms of computing. Throws SlmError `CHAT_TEMPLATE` then, and what `work` throws. */
export function bounded<T>(limit: number, work: () => T): T {
  return clocked(limit, work, (cause) => {
    return new SlmError('CHAT_TEMPLATE', `template: expected an end within ${limit} ms, got none`, { cause });
  });
}
