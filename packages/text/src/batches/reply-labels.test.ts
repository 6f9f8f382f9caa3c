import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IGNORED_LABEL } from './ignored-label.ts';
import { labelReplies, messageTokens } from './reply-labels.ts';

const no = IGNORED_LABEL;
const error = expect.objectContaining({ code: 'BATCH_OPTION' });

describe('labelReplies', () => {
  const ids = Int32Array.from({ length: 9 }, (_, i) => i + 10);
  const chat = [
    { role: 'system', start: 0, end: 2 },
    { role: 'user', start: 2, end: 3 },
    { role: 'assistant', start: 4, end: 6 },
    { role: 'user', start: 6, end: 7 },
    { role: 'assistant', start: 7, end: 12 },
  ];

  it('labels every reply of a chat, and cuts what truncation took', () => {
    expect([...labelReplies(ids, chat)]).toEqual([no, no, no, no, 14, 15, no, 17, 18]);
    expect([...labelReplies(ids.subarray(0, 5), chat)]).toEqual([no, no, no, no, 14]);
    expect([...labelReplies(ids, chat, { roles: ['user'] })]).toEqual([no, no, 12, no, no, no, 16, no, no]);
  });

  it('labels exactly the tokens of the roles', () => {
    const turns = fc.array(fc.tuple(fc.constantFrom('user', 'assistant'), fc.nat(4), fc.nat(5)), { maxLength: 8 });
    fc.assert(
      fc.property(turns, (parts) => {
        let at = 0;
        const wanted: number[] = [];
        const messages = parts.map(([role, gap, length]) => {
          for (let i = 0; i < gap; i++) wanted.push(no);
          const start = at + gap;
          at = start + length;
          for (let i = start; i < at; i++) wanted.push(role === 'assistant' ? i : no);
          return { role, start, end: at };
        });
        const tokens = Int32Array.from({ length: at }, (_, i) => i);
        expect([...labelReplies(tokens, messages)]).toEqual(wanted);
      }),
    );
  });

  it('refuses ranges that overlap, run backward or are no integers', () => {
    const at = (start: number, end: number) => ({ role: 'user', start, end });
    expect(() => labelReplies(ids, [at(0, 3), at(2, 4)])).toThrow(error);
    expect(() => labelReplies(ids, [at(3, 2)])).toThrow(error);
    expect(() => labelReplies(ids, [at(0.5, 2)])).toThrow(error);
  });
});

describe('messageTokens', () => {
  it('finds the tokens of messages by their characters', () => {
    // <s> "ab" "c" " " "de" <eot> "f" "gh"
    const offsets = [
      [0, 0],
      [0, 2],
      [2, 3],
      [3, 4],
      [4, 6],
      [6, 6],
      [6, 7],
      [7, 9],
    ] as const;
    const at = (start: number, end: number) => ({ role: 'user', start, end });
    expect(messageTokens(offsets, [at(0, 3), at(4, 7), at(7, 7), at(8, 9), at(20, 30)])).toEqual([
      at(1, 3),
      at(4, 7),
      at(7, 7),
      at(7, 8),
      at(8, 8),
    ]);
  });
});
