import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { pruneVocabulary } from './prune-vocabulary.ts';
import { trainTokenizer } from './train-tokenizer.ts';

const texts = JSON.parse(readFileSync(new URL('../../goldens/corpus.json', import.meta.url), 'utf8')) as string[];
const corpus = texts.slice(0, 40);
const heldOut = texts.slice(40, 80);
const kinds = ['wordpiece', 'bpe', 'unigram'] as const;
const train = (kind: (typeof kinds)[number]) =>
  trainTokenizer(texts.slice(0, 80), { kind, vocabSize: 700, minFrequency: 1, padTo: 8, additionalTokens: ['<tool>'] });
const model = (text: string) => JSON.parse(text).model;
const size = (vocab: object) => (Array.isArray(vocab) ? vocab.length : Object.keys(vocab).length);

describe.each(kinds)('pruneVocabulary of %s', (kind) => {
  it('cuts the corpus as before with all that occurs', async () => {
    const before = await train(kind);
    const { tokenizer, keptIds, report } = pruneVocabulary(before, corpus, { heldOut: corpus });
    expect(report).toMatchObject({ texts: 40, changed: 0, unknownRate: { after: report!.unknownRate.before } });
    expect(report!.tokensPerText.after).toBe(report!.tokensPerText.before);
    expect(keptIds.length).toBeLessThan(before.vocabSize);
    const { vocab } = model(tokenizer.files['tokenizer.json']);
    expect(size(vocab)).toBe(keptIds.length);
    const old = model(before.files['tokenizer.json']).vocab;
    const tokenAt = (list: Record<string, number> | [string, number][]) =>
      Array.isArray(list) ? list.map(([token]) => token) : Object.keys(list).sort((a, b) => list[a]! - list[b]!);
    expect(tokenAt(vocab)).toEqual(Array.from(keptIds, (id) => tokenAt(old)[id]));
  });

  it('keeps as many as asked for, never without special tokens and characters, and says what that costs', async () => {
    const before = await train(kind);
    const keep = kind === 'bpe' ? 330 : 200;
    const always = kind === 'wordpiece' ? ['[MASK]', '##s'] : ['</s>'];
    const { tokenizer, keptIds, report } = pruneVocabulary(before, corpus, { keep, heldOut, always });
    expect(keptIds.length).toBe(keep);
    expect(report!.tokensPerText.after).toBeGreaterThan(report!.tokensPerText.before);
    expect(report!.changed).toBeGreaterThan(0.5);
    const file = JSON.parse(tokenizer.files['tokenizer.json']);
    const ids = new Map<string, number>(
      Array.isArray(file.model.vocab)
        ? file.model.vocab.map(([token]: [string], id: number) => [token, id])
        : Object.entries(file.model.vocab),
    );
    for (const { id, content } of file.added_tokens) expect(ids.get(content)).toBe(id);
    expect(file.padding.pad_id).toBe(ids.get(file.padding.pad_token));
    for (const { id, ids: list } of Object.values<{ id: string; ids: number[] }>(
      file.post_processor?.special_tokens ?? {},
    )) {
      expect(list).toEqual([ids.get(id)]);
    }
    for (const [a, b] of file.model.merges ?? []) {
      for (const part of [a, b, a + b]) expect(ids.has(part)).toBe(true);
    }
    const config = JSON.parse(tokenizer.files['tokenizer_config.json']);
    for (const [id, { content }] of Object.entries<{ content: string }>(config.added_tokens_decoder)) {
      expect(ids.get(content)).toBe(Number(id));
    }
  });

  it('takes counts instead of texts', async () => {
    const before = await train(kind);
    const { keptIds } = pruneVocabulary(
      before,
      new Map([
        [690, 5],
        [691, 1],
      ]),
      { minCount: 2 },
    );
    expect(keptIds).toContain(690);
    expect(keptIds).not.toContain(691);
  });
});

describe('pruneVocabulary', () => {
  it('keeps every piece on the way to a kept one', async () => {
    const before = await trainTokenizer(['abcd '.repeat(9), 'xy'], { kind: 'bpe', vocabSize: 265, minFrequency: 1 });
    const old = model(before.files['tokenizer.json']);
    const id = old.vocab.abcd as number;
    const { tokenizer, keptIds } = pruneVocabulary(before, new Map([[id, 1]]));
    const { vocab, merges } = model(tokenizer.files['tokenizer.json']);
    expect(keptIds).toContain(id);
    expect(Object.keys(vocab)).not.toContain('xy');
    expect(merges.map((pair: string[]) => pair.join(''))).toContain('abcd');
    expect(merges).toHaveLength(3);
  });

  it('renumbers post-processors that name ids, and reads merges written as text', () => {
    const file = {
      added_tokens: [],
      post_processor: { type: 'Sequence', processors: [{ type: 'RobertaProcessing', sep: ['b', 2], cls: ['a', 1] }] },
      model: { type: 'BPE', vocab: { zz: 0, a: 1, b: 2, ab: 3 }, merges: ['a b'] },
    };
    const { tokenizer } = pruneVocabulary({ files: { 'tokenizer.json': JSON.stringify(file) } }, new Map([[3, 1]]));
    expect(JSON.parse(tokenizer.files['tokenizer.json'])).toMatchObject({
      post_processor: { processors: [{ sep: ['b', 1], cls: ['a', 0] }] },
      model: { vocab: { a: 0, b: 1, ab: 2 }, merges: [['a', 'b']] },
    });
  });

  it('refuses what it cannot do', async () => {
    const before = await train('wordpiece');
    const code = (expected: string) => expect.objectContaining({ code: expected });
    const other = (text: string) => ({ files: { 'tokenizer.json': text } });
    expect(() => pruneVocabulary(before, corpus, { keep: 20 })).toThrow(code('TOKENIZER_OPTION'));
    expect(() => pruneVocabulary(before, corpus, { minCount: 0 })).toThrow(code('TOKENIZER_OPTION'));
    expect(() => pruneVocabulary(before, corpus, { always: ['nowhere'] })).toThrow(code('TOKENIZER_OPTION'));
    for (const text of [
      '',
      '[]',
      '{}',
      '{"model":{"type":"WordLevel","vocab":{"a":0}}}',
      '{"model":{"vocab":{"a":"b"}}}',
    ]) {
      expect(() => pruneVocabulary(other(text), corpus)).toThrow(code('TOKENIZER_CORRUPT'));
    }
    const merges = '{"model":{"type":"BPE","vocab":{"a":0},"merges":[["a"]]}}';
    expect(() => pruneVocabulary(other(merges), corpus)).toThrow(code('TOKENIZER_CORRUPT'));
  });
});
