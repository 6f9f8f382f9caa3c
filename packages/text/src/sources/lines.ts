import { decodeText } from '../charset.ts';

/** One line of a text; `text` is absent when the line is longer than the limit. */
export interface Line {
  /** Counted from 1. */
  readonly number: number;
  readonly text?: string;
  /** The bytes were not UTF-8: the charset was guessed ({@link decodeText}). */
  readonly repaired: boolean;
}

/**
 * Lines that end with LF, CR LF or CR, mixed as they may be, without their ends; a last line need have none. A line
 * longer than `maxBytes` is read past without being held.
 */
export async function* readLines(bytes: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Line> {
  let pieces: Buffer[] = [];
  let size = 0;
  let number = 0;
  let afterReturn = false;
  const hold = (piece: Buffer): void => {
    size += piece.length;
    if (size > maxBytes) pieces = [];
    else if (piece.length > 0) pieces.push(piece);
  };
  const finish = (): Line => {
    number++;
    const line = size > maxBytes ? { number, repaired: false } : { number, ...decodeLine(pieces) };
    pieces = [];
    size = 0;
    return line;
  };
  for await (const chunk of bytes) {
    let start = 0;
    if (afterReturn && chunk[0] === 0x0a) start = 1;
    if (chunk.length > 0) afterReturn = false;
    let feed = chunk.indexOf(0x0a, start);
    let carriage = chunk.indexOf(0x0d, start);
    while (feed >= 0 || carriage >= 0) {
      const end = carriage < 0 || (feed >= 0 && feed < carriage) ? feed : carriage;
      hold(chunk.subarray(start, end));
      yield finish();
      start = end + 1;
      if (end === carriage) {
        if (chunk[start] === 0x0a) start++;
        else if (start === chunk.length) afterReturn = true;
      }
      if (feed >= 0 && feed < start) feed = chunk.indexOf(0x0a, start);
      if (carriage >= 0 && carriage < start) carriage = chunk.indexOf(0x0d, start);
    }
    hold(chunk.subarray(start));
  }
  if (size > 0) yield finish();
}

function decodeLine(pieces: readonly Buffer[]): { readonly text: string; readonly repaired: boolean } {
  const bytes = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  const text = bytes.toString('utf8');
  // The replacement character is the rare case: it is in the text, or the bytes are not UTF-8.
  if (!text.includes('\ufffd')) return { text, repaired: false };
  const decoded = decodeText(bytes);
  return { text: decoded.text, repaired: decoded.charset !== 'utf8' };
}
