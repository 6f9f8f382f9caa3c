import { SlmError } from '@slm-compress/onnx';
import type { MessageRange } from '../batches/reply-labels.ts';
import { bounded, jinjaTemplate, type RenderTemplate } from './jinja-template.ts';

/** A message of a chat, as templates read it: what else it has (`tool_calls`, `name`, …) is theirs to use. */
export interface ChatTurn {
  readonly role: string;
  readonly content?: unknown;
  readonly [field: string]: unknown;
}

/** How a chat becomes text. */
export interface ChatOptions {
  /** End where the reply starts; false by default. */
  readonly addGenerationPrompt?: boolean;
  /** Descriptions of functions that the model may call, as JSON schemas. */
  readonly tools?: readonly object[];
  /** Name of one of the tokenizer's templates, or Jinja text; by default `tool_use` with tools if there, else `default`. */
  readonly template?: string;
  /** Further variables of the template (`enable_thinking`, `date_string`, …). */
  readonly variables?: Readonly<Record<string, unknown>>;
  /** Milliseconds of computing after which a template is stopped; 2,000 by default. */
  readonly timeLimit?: number;
}

/** The text of a chat, and which UTF-16 units of it are replies, ascending. */
export interface RenderedChat {
  readonly text: string;
  readonly replies: readonly MessageRange[];
}

/** The chat templates of a tokenizer. */
export interface ChatRenderer {
  render(messages: readonly ChatTurn[], options?: ChatOptions): string;
  renderReplies(messages: readonly ChatTurn[], options?: ChatOptions): RenderedChat;
}

const generationTag = /\{%(-?)\s*(end)?generation\s*(-?)%\}/g;

/**
 * Renders chats by these templates. `special` are the tokens a template may name (`bos_token`, …), `closing` those that
 * end a reply, so that white space behind them is not part of it.
 */
export function chatRenderer(
  templates: ReadonlyMap<string, string>,
  special: Readonly<Record<string, string>>,
  closing: Iterable<string>,
): ChatRenderer {
  const parsed = new Map<string, RenderTemplate>();
  const parse = (source: string, marks: Marks = ['', '']): RenderTemplate => {
    const marked = withMarks(source, marks);
    const known = parsed.get(marked);
    if (known) return known;
    const made = jinjaTemplate(marked);
    if (parsed.size >= 16) parsed.clear();
    parsed.set(marked, made);
    return made;
  };
  const sourceOf = ({ template, tools }: ChatOptions): string => {
    if (template !== undefined) return templates.get(template) ?? inline(template, templates);
    const source = (tools && templates.get('tool_use')) ?? templates.get('default');
    if (source !== undefined) return source;
    throw new SlmError(
      'CHAT_TEMPLATE',
      `template: expected a chat template in the tokenizer's files, got ${templates.size === 0 ? 'none' : `only ${[...templates.keys()].join(', ')}`} (give one as template)`,
    );
  };
  const variablesOf = ({ tools, variables }: ChatOptions) => ({
    ...special,
    tools: tools ?? null,
    documents: null,
    ...variables,
  });
  return {
    render(messages, options = {}) {
      const { addGenerationPrompt = false, timeLimit = 2000 } = options;
      const source = sourceOf(options);
      return bounded(timeLimit, () =>
        parse(source)({ ...variablesOf(options), messages, add_generation_prompt: addGenerationPrompt }),
      );
    },
    renderReplies(messages, options = {}) {
      const { addGenerationPrompt = false, timeLimit = 2000 } = options;
      const source = sourceOf(options);
      const variables = variablesOf(options);
      return bounded(timeLimit, () => {
        const render = (turns: readonly ChatTurn[], prompt: boolean, marks?: Marks) =>
          parse(source, marks)({ ...variables, messages: turns, add_generation_prompt: prompt });
        const text = render(messages, addGenerationPrompt);
        if (source.search(generationTag) >= 0) {
          const marks = unusedMarks(text);
          return readMarks(text, render(messages, addGenerationPrompt, marks), marks);
        }
        const replies = repliesByPrefix(messages, text, render, [...closing]);
        return { text, replies };
      });
    },
  };
}

/** A template given as text. A name has no braces. */
function inline(template: string, templates: ReadonlyMap<string, string>): string {
  if (template.includes('{')) return template;
  throw new SlmError(
    'CHAT_TEMPLATE',
    `template: expected Jinja text or one of ${[...templates.keys()].join(', ') || '(none)'}, got ${JSON.stringify(template)}`,
  );
}

type Marks = readonly [open: string, close: string];

/** Two strings that do not occur in `text`. */
function unusedMarks(text: string): Marks {
  for (let i = 0; ; i++) {
    const marks = [`\ufdd0${i}\ufdd1`, `\ufdd0${i}\ufdd2`] as const;
    if (!marks.some((mark) => text.includes(mark))) return marks;
  }
}

/** The template with its `generation` tags turned into marks in the output. */
function withMarks(source: string, [open, close]: Marks): string {
  return source.replace(
    generationTag,
    (_, left: string, end: string | undefined, right: string) =>
      `{%${left} if true %}{{ '${end === undefined ? open : close}' }}{% endif ${right}%}`,
  );
}

/** Where the marks are in a text that is `text` without them. */
function readMarks(text: string, marked: string, [open, close]: Marks): RenderedChat {
  const replies: MessageRange[] = [];
  let made = '';
  marked.split(open).forEach((part, i) => {
    const [reply = '', ...rest] = i === 0 ? ['', part] : part.split(close);
    if (i > 0) replies.push({ role: 'assistant', start: made.length, end: made.length + reply.length });
    made += reply + rest.join('');
  });
  if (made === text) return { text, replies };
  throw new SlmError(
    'CHAT_TEMPLATE',
    'template: expected generation blocks that are put out as they are, got a template that changes them',
  );
}

/**
 * Replies by what they add: a reply starts where the chat before it ends with the prompt for a reply, and ends where
 * the chat with it ends, but for white space behind a closing token. Where a template ends a chat in a way of its own,
 * a reply before the last ends with its content.
 */
function repliesByPrefix(
  messages: readonly ChatTurn[],
  text: string,
  render: (turns: readonly ChatTurn[], prompt: boolean) => string,
  closing: readonly string[],
): MessageRange[] {
  return messages.flatMap(({ role, content }, i) => {
    if (role !== 'assistant') return [];
    const before = render(messages.slice(0, i), true);
    const after = render(messages.slice(0, i + 1), false);
    const said = typeof content === 'string' ? content.trim() : '';
    const start = before.length;
    const at = text.indexOf(said, start);
    const end = text.startsWith(after) ? after.length : at + said.length;
    if (!text.startsWith(before) || at < 0 || at + said.length > end || !after.startsWith(text.slice(0, at))) {
      throw new SlmError(
        'CHAT_TEMPLATE',
        `message ${i + 1}: expected a template that leaves what was said as it is, got one that changes it (mark replies with {% generation %} in it)`,
      );
    }
    return [{ role, start, end: closedEnd(text, start, end, closing) }];
  });
}

function closedEnd(text: string, start: number, end: number, closing: readonly string[]): number {
  const reply = text.slice(start, end).trimEnd();
  return closing.some((token) => token !== '' && reply.endsWith(token)) ? start + reply.length : end;
}
