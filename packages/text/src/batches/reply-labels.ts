import { SlmError } from '@slm-compress/onnx';
import { IGNORED_LABEL } from './ignored-label.ts';

/** Where a chat's message lies: tokens `start` to `end`, `end` not included. */
export interface MessageRange {
  readonly role: string;
  readonly start: number;
  readonly end: number;
}

/**
 * Labels for learning replies only: a token's id inside messages of these roles (`assistant` by default), and
 * {@link IGNORED_LABEL} elsewhere. Let a message's range hold its end-of-turn token, so that the model learns to stop,
 * and not its header, which the chat template writes. Ranges beyond the last token are cut (a truncated chat).
 * Throws SlmError `BATCH_OPTION` for ranges that are not integers, run backward or overlap.
 */
export function labelReplies(
  ids: Int32Array,
  messages: readonly MessageRange[],
  options: { readonly roles?: readonly string[] } = {},
): Int32Array {
  const { roles = ['assistant'] } = options;
  const labels = new Int32Array(ids.length).fill(IGNORED_LABEL);
  let last = 0;
  messages.forEach(({ role, start, end }, i) => {
    if (!Number.isInteger(start) || !Number.isInteger(end) || start < last || end < start) {
      throw new SlmError(
        'BATCH_OPTION',
        `message ${i}: expected a range of tokens from ${last}, got ${start} to ${end}`,
      );
    }
    last = end;
    if (roles.includes(role)) labels.set(ids.subarray(start, end), Math.min(start, ids.length));
  });
  return labels;
}

/**
 * Ranges in tokens of ranges in characters: the tokens that share a character with each. `offsets` are `[start, end)`
 * of each token in the text, ascending; tokens without characters (added ones) belong to no message, but for those that
 * lie between two of its tokens.
 */
export function messageTokens(
  offsets: readonly (readonly [number, number])[],
  messages: readonly MessageRange[],
): MessageRange[] {
  let last = 0;
  return messages.map(({ role, start, end }) => {
    const shares = ([from, to]: readonly [number, number]) => from < to && from < end && to > start;
    let first = last;
    while (first < offsets.length && !shares(offsets[first]!)) first++;
    if (first === offsets.length) return { role, start: last, end: last };
    let after = first + 1;
    for (let i = after; i < offsets.length && offsets[i]![0] < end; i++) if (shares(offsets[i]!)) after = i + 1;
    last = after;
    return { role, start: first, end: after };
  });
}
