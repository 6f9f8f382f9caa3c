import { SlmError } from '@slm-compress/onnx';

/** Which of two texts gives way when both do not fit: the longer one first, or always the same. */
export type TruncationStrategy = 'longest_first' | 'only_first' | 'only_second';

/** The end that is cut off. */
export type Side = 'left' | 'right';

/**
 * How many tokens of each text are kept, at most `room` in all, as the Rust library decides. Throws SlmError
 * `TOKENIZER_OPTION` when the text that must give way is not there or too short for it.
 */
export function keptLengths(
  lengths: readonly [number] | readonly [number, number],
  room: number,
  strategy: TruncationStrategy,
): readonly [number, number] {
  const [first, second = 0] = lengths;
  const excess = first + second - room;
  if (excess <= 0) return [first, second];
  const hasPair = lengths.length > 1;
  if (strategy === 'longest_first') {
    if (!hasPair) return [room, 0];
    let short = Math.min(first, second);
    let long = short > room ? short : Math.max(short, room - short);
    if (short + long > room) {
      short = Math.floor(room / 2);
      long = room - short;
    }
    return first > second ? [long, short] : [short, long];
  }
  if (strategy === 'only_second' && !hasPair) {
    throw new SlmError('TOKENIZER_OPTION', 'truncation: expected a second text for only_second, got one text');
  }
  const target = strategy === 'only_first' ? first : second;
  // A single text may be cut to nothing, as by longest_first.
  if (hasPair ? target <= excess : target < excess) {
    throw new SlmError(
      'TOKENIZER_OPTION',
      `truncation: expected the ${strategy === 'only_first' ? 'first' : 'second'} text to be longer than the ` +
        `${excess} tokens to cut, got ${target} (raise maxLength, or use longest_first)`,
    );
  }
  return strategy === 'only_first' ? [first - excess, second] : [first, second - excess];
}

/**
 * Ranges of at most `size` of `length` tokens that follow each other with `stride` tokens in common, as the Rust
 * library makes them: from the start when the right is cut, from the end (and in that order) when the left is.
 */
export function windowRanges(length: number, size: number, stride: number, side: Side): (readonly [number, number])[] {
  if (length <= size) return [[0, length]];
  const made: (readonly [number, number])[] = [];
  const step = size - stride;
  if (side === 'right') {
    for (let start = 0; ; start += step) {
      const end = Math.min(start + size, length);
      made.push([start, end]);
      if (end === length) return made;
    }
  }
  for (let end = length; ; end -= step) {
    const start = Math.max(0, end - size);
    made.push([start, end]);
    if (start === 0) return made;
  }
}
