import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IGNORED_LABEL } from '../batches/ignored-label.ts';
import { loadTokenizer, type TextTokenizer } from '../tokenizer.ts';
import { writeTokenizer } from '../tokenizer-files.ts';
import { chatTemplates } from '../tokenizer-training/chat-templates.ts';
import { trainTokenizer } from '../tokenizer-training/train-tokenizer.ts';
import { type ChatTurn, chatRenderer } from './chat-template.ts';
import { formatTime } from './format-time.ts';

/** Made by the transformers library: bench/peers/chat-template-goldens.py. */
const golden = JSON.parse(await readFile(new URL('../../goldens/chat-templates.json', import.meta.url), 'utf8')) as {
  readonly templates: Readonly<Record<string, string>>;
  readonly chats: Readonly<Record<string, readonly ChatTurn[]>>;
  readonly tools: readonly object[];
  readonly special: Readonly<Record<string, string>>;
  readonly rows: readonly {
    readonly template: string;
    readonly chat: string;
    readonly prompt: boolean;
    readonly text?: string;
    readonly replies?: readonly string[];
    readonly error?: string;
  }[];
};
const closing = ['</s>', '<|im_end|>', '<|eot_id|>'];
const chats = chatRenderer(new Map(Object.entries(golden.templates)), golden.special, closing);
const failure = expect.objectContaining({ code: 'CHAT_TEMPLATE' });
const turns = (...said: readonly string[]): ChatTurn[] =>
  said.map((content, i) => ({ role: i % 2 === 0 ? 'user' : 'assistant', content }));

describe.each(Object.keys(golden.templates))('the template %s', (template) => {
  it('is rendered as by transformers, its marked replies too', () => {
    const rows = golden.rows.filter((row) => row.template === template);
    expect(rows.length).toBeGreaterThan(10);
    for (const { chat, prompt, text, replies, error } of rows) {
      const tools = chat === 'calls' ? { tools: golden.tools } : {};
      const options = { template, addGenerationPrompt: prompt, ...tools };
      const messages = golden.chats[chat]!;
      if (error !== undefined) {
        expect(() => chats.render(messages, options), chat).toThrow(failure);
        expect(() => chats.render(messages, options), chat).toThrow(error);
        continue;
      }
      expect(chats.render(messages, options), chat).toBe(text);
      if (replies === undefined) continue;
      const made = chats.renderReplies(messages, options);
      expect(made.text).toBe(text);
      expect(made.replies.map(({ start, end }) => made.text.slice(start, end))).toEqual(replies);
    }
  });
});

describe('replies without marks', () => {
  const spans = (messages: readonly ChatTurn[], template: string, addGenerationPrompt = false) => {
    const { text, replies } = chats.renderReplies(messages, { template, addGenerationPrompt });
    return replies.map(({ start, end }) => text.slice(start, end));
  };

  it.each([
    ['chatml', ['A!<|im_end|>', '\u{1f600} b \n<|im_end|>']],
    ['llama2', [' A! </s>', ' \u{1f600} b </s>']],
    ['llama3', ['A!<|eot_id|>', '\u{1f600} b<|eot_id|>']],
    ['zephyr', ['\nA!</s>', '\n\u{1f600} b \n</s>']],
    ['mistral', [' A!</s>', ' \u{1f600} b</s>']],
    [chatTemplates['user-agent'], [' A!</s>', ' \u{1f600} b \n</s>']],
    [chatTemplates.chatml, ['A!<|im_end|>', '\u{1f600} b \n<|im_end|>']],
  ])('are the content and the token behind it: %s', (template, wanted) => {
    const messages = turns('A!', 'A!', 'A!', '\u{1f600} b \n', 'bye');
    // zephyr's prompt has no line break, so the reply has it
    expect(spans(messages, template).map((text) => (template === 'zephyr' ? `\n${text.trimStart()}` : text))).toEqual(
      wanted,
    );
    expect(spans(messages.slice(0, 4), template)).toEqual(spans(messages, template));
    expect(spans(messages.slice(0, 4), template, true)).toEqual(spans(messages, template));
  });

  it('end with the content where a template ends the whole chat in its own way', () => {
    const template =
      "{% for m in messages %}{{ '<' + m.role + '>' + m.content }}{% endfor %}{{ eos_token }}{% if add_generation_prompt %}<assistant>{% endif %}";
    const late =
      "{% for m in messages %}{{ '<' + m.role + '>' + m.content }}{% endfor %}{% if add_generation_prompt %}<assistant>{% else %}{{ eos_token }}{% endif %}";
    expect(spans(turns('a', 'b', 'c', 'd'), late)).toEqual(['b', 'd</s>']);
    expect(() => spans(turns('a', 'b'), template)).toThrow(failure);
  });

  it('are refused where a template changes what was said before', () => {
    const forgets =
      "{% for m in messages %}{% if loop.last or m.role == 'user' %}{{ '<' + m.role + '>' + m.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}";
    expect(spans(turns('a', 'b'), forgets)).toEqual(['b']);
    expect(() => spans(turns('a', 'b', 'c', 'd'), forgets)).toThrow(/message 2: expected a template that leaves/);
    const loud = '{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}';
    expect(spans(turns('a'), loud)).toEqual(['a']);
    const measures = '{% set x %}{% generation %}a{% endgeneration %}{% endset %}{{ x | length }}';
    expect(() => spans(turns('a'), measures)).toThrow(failure);
  });
});

describe('a template of a stranger', () => {
  const render = (template: string, messages: readonly ChatTurn[] = turns('a'), timeLimit = 300) =>
    chats.render(messages, { template, timeLimit });

  it.each([
    ['does not end', '{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}'],
    ['counts too far', '{% for i in range(10000000000) %}{% endfor %}'],
    ['counts by nothing', '{% for i in range(1, 5, 0) %}{% endfor %}'],
    [
      'writes too much',
      '{% set x = "abcdefgh" %}{% for i in range(22) %}{% set x = x ~ x %}{{ x }}{% endfor %}{% for i in range(100000) %}{{ "abcdefghijkl" * 1 }}{{ messages[0].content }}{% endfor %}{% set ns = namespace(x="abcdefgh") %}{% for i in range(40) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}',
    ],
    ['calls itself', '{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}'],
    ['is not Jinja', '{% for %}'],
    ['is not closed', '{% if true %}'],
    ['nests deeply', `{{ ${'('.repeat(200_000)} }}`],
    ['is too long', '{{ "" }}'.repeat(150_000)],
    ['refuses', '{{ raise_exception("no") }}'],
    ['asks for what is not there', '{{ messages | nothing }}'],
    ['looks for the way out', "{{ messages.constructor.constructor('return process')().exit() }}"],
  ])('that %s', (_, template) => {
    expect(() => render(template)).toThrow(failure);
  });

  it('sees messages only as data', () => {
    const circle: Record<string, unknown> = { role: 'user' };
    circle.content = circle;
    expect(() => render('{{ messages[0].role }}', [circle as unknown as ChatTurn])).toThrow(failure);
    expect(render('{{ messages[0].content }}', turns('{{ 1 + 1 }}{% raw %}\u{1f600}'))).toBe(
      '{{ 1 + 1 }}{% raw %}\u{1f600}',
    );
    expect(render("{{ strftime_now('%Y') | length }} {{ x is defined }}")).toBe('4 false');
    expect(chats.render(turns('a'), { template: '{{ x }}{{ bos_token }}', variables: { x: 2, bos_token: '!' } })).toBe(
      '2!',
    );
    expect(chats.render(turns('a'), { template: '{{ range(5, 0, -2) | join }}' })).toBe('531');
  });

  it('is named, or given as text', () => {
    expect(() => chats.render(turns('a'), { template: 'nothing' })).toThrow(/one of chatml, llama2/);
    expect(() => chats.render(turns('a'))).toThrow(/got only chatml/);
    expect(() => chatRenderer(new Map(), {}, []).render(turns('a'))).toThrow(/got none/);
  });
});

it('formatTime writes English dates', () => {
  const time = new Date(2024, 6, 4, 15, 5, 9);
  expect(formatTime(time, '%d %b %Y|%B %-d, %y|%A %a|%H:%M:%S|%I %p|%m|%%|%Q')).toBe(
    '04 Jul 2024|July 4, 24|Thursday Thu|15:05:09|03 PM|07|%|%Q',
  );
});

describe('chats of a loaded tokenizer', () => {
  let folder = '';
  let tokenizer: TextTokenizer;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'chat-'));
    const texts = JSON.parse(await readFile(new URL('../../goldens/corpus.json', import.meta.url), 'utf8')) as string[];
    await writeTokenizer(folder, await trainTokenizer(texts, { kind: 'bpe', vocabSize: 400, chatTemplate: 'chatml' }));
    tokenizer = await loadTokenizer(folder);
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('become ids, and labels for the replies only', () => {
    const messages = turns('Hi there', 'Hello \u{1f600} world', 'Bye', 'Later!');
    const { text, ids, labels, replies, truncated } = tokenizer.encodeChat(messages);
    expect(text).toBe(tokenizer.applyChatTemplate(messages));
    expect([...ids]).toEqual([...tokenizer.encode(text, { addSpecialTokens: false }).ids]);
    expect(tokenizer.decode(ids, { skipSpecialTokens: false })).toBe(text);
    expect(labels.every((label, i) => label === IGNORED_LABEL || label === ids[i])).toBe(true);
    const said = tokenizer.decode(
      labels.filter((label) => label !== IGNORED_LABEL),
      { skipSpecialTokens: false },
    );
    expect(said).toBe('Hello \u{1f600} world<|im_end|>Later!<|im_end|>');
    expect(replies.map(({ start, end }) => tokenizer.decode(ids.subarray(start, end)))).toEqual([
      'Hello \u{1f600} world',
      'Later!',
    ]);
    expect(truncated).toBe(false);
    const size = replies[0]!.end - 2;
    const cut = tokenizer.encodeChat(messages, { maxLength: size });
    expect(cut).toMatchObject({ truncated: true, ids: ids.subarray(0, size), labels: labels.subarray(0, size) });
    expect(cut.replies).toEqual([{ ...replies[0], end: size }]);
    expect(() => tokenizer.encodeChat(messages, { maxLength: -1 })).toThrow(
      expect.objectContaining({ code: 'TOKENIZER_OPTION' }),
    );
  });

  it('take templates from lists with names and from files of their own', async () => {
    const file = join(folder, 'tokenizer_config.json');
    const config = JSON.parse(await readFile(file, 'utf8')) as object;
    const list = [
      { name: 'default', template: 'plain {{ pad_token }}' },
      { name: 'tool_use', template: '{{ tools | length }} tools' },
    ];
    await writeFile(file, JSON.stringify({ ...config, chat_template: list }));
    const named = await loadTokenizer(folder);
    expect(named.chatTemplates).toEqual(['default', 'tool_use']);
    expect(named.applyChatTemplate([])).toBe(`plain ${named.tokenOf(named.padId)}`);
    expect(named.applyChatTemplate([], { tools: [{}, {}] })).toBe('2 tools');
    expect(named.applyChatTemplate([], { template: 'tool_use', tools: [] })).toBe('0 tools');
    await writeFile(join(folder, 'chat_template.jinja'), 'from a file');
    await mkdir(join(folder, 'additional_chat_templates'));
    await writeFile(join(folder, 'additional_chat_templates', 'rag.jinja'), 'rag');
    const filed = await loadTokenizer(folder);
    expect(filed.chatTemplates).toEqual(['default', 'tool_use', 'rag']);
    expect(filed.applyChatTemplate([])).toBe('from a file');
    expect(filed.applyChatTemplate([], { template: 'rag' })).toBe('rag');
  });
});
