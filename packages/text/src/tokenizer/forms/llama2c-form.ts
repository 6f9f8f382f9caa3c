import { largestModel, mostCharacters, type SentencePiece, type SentencePieceModel } from './sentencepiece-model.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const firstByte = 3;
const firstPiece = firstByte + 256;

/**
 * Reads a vocabulary of llama2.c (`tokenizer.bin`, `tok512.bin`; little-endian: the length of the longest token, then
 * for each a float32 score, the number of its bytes, and them): a SentencePiece BPE model with spaces in place of marks,
 * the unknown token, begin and end first, the 256 bytes behind. The number of tokens is what the file holds. Throws an
 * Error that says what is wrong.
 */
export function readLlama2cVocabulary(file: Buffer): SentencePieceModel {
  if (file.length > largestModel) throw new Error(`expected at most ${largestModel} bytes, got ${file.length}`);
  if (file.length < 4) throw new Error(`expected the length of the longest token, got ${file.length} bytes`);
  const longest = file.readInt32LE(0);
  if (longest < 1 || longest > 512) {
    throw new Error(`longest token: expected 1 to 512 bytes, got ${longest} (not a vocabulary of llama2.c)`);
  }
  const pieces: SentencePiece[] = [];
  const known = new Map<string, number>();
  let characters = 0;
  for (let at = 4; at < file.length; ) {
    const id = pieces.length;
    if (file.length - at < 8)
      throw new Error(`token ${id}: expected a score and a length, got ${file.length - at} bytes`);
    const score = file.readFloatLE(at);
    const size = file.readInt32LE(at + 4);
    // begin and end are written with line breaks around that `longest` does not count
    if (size < 1 || size > Math.max(longest, 16) || size > file.length - at - 8) {
      throw new Error(`token ${id}: expected 1 to ${longest} bytes of the ${file.length - at - 8} left, got ${size}`);
    }
    if (!Number.isFinite(score)) throw new Error(`token ${id}: expected a finite score, got ${score}`);
    const piece = nameOf(file.subarray(at + 8, at + 8 + size), id);
    const before = known.get(piece);
    if (before !== undefined) throw new Error(`token ${id}: expected a new token, got that of ${before}`);
    characters += piece.length;
    if (characters > mostCharacters)
      throw new Error(`expected tokens of ${mostCharacters} characters in all, got more`);
    known.set(piece, id);
    pieces.push({ piece, score, type: typeOf(id) });
    at += 8 + size;
  }
  if (pieces.length < firstPiece) throw new Error(`expected at least ${firstPiece} tokens, got ${pieces.length}`);
  for (let byte = 0; byte < 256; byte++) {
    const expected = `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
    const got = pieces[firstByte + byte]!.piece;
    if (got !== expected)
      throw new Error(`token ${firstByte + byte}: expected ${expected}, got ${JSON.stringify(got)}`);
  }
  return {
    kind: 'bpe',
    pieces,
    unknownId: 0,
    beginId: 1,
    endId: 2,
    padId: undefined,
    byteFallback: true,
    charsmap: Buffer.alloc(0),
    addDummyPrefix: true,
    removeExtraWhitespaces: false,
    escapeWhitespaces: true,
  };
}

function nameOf(bytes: Buffer, id: number): string {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw new Error(`token ${id}: expected UTF-8`);
  }
  return id < firstByte ? text.trim() : text.replaceAll(' ', '\u2581');
}

function typeOf(id: number): SentencePiece['type'] {
  if (id === 0) return 'unknown';
  if (id < firstByte) return 'control';
  return id < firstPiece ? 'byte' : 'normal';
}
