import { floatOf, readFields } from './wire-reader.ts';

/** What a piece is: words of the language, the unknown one, controls that no text has, symbols never cut, bytes. */
export type PieceType = 'normal' | 'unknown' | 'control' | 'user-defined' | 'unused' | 'byte';

export interface SentencePiece {
  readonly piece: string;
  /** Log probability (unigram), or the negated rank of the merge that makes it (bpe). */
  readonly score: number;
  readonly type: PieceType;
}

/** A SentencePiece model (Kudo and Richardson 2018), as its `.model` file states it. */
export interface SentencePieceModel {
  readonly kind: 'unigram' | 'bpe' | 'char';
  /** Ids by position. */
  readonly pieces: readonly SentencePiece[];
  readonly unknownId: number;
  /** Undefined where the model has no such piece. */
  readonly beginId: number | undefined;
  readonly endId: number | undefined;
  readonly padId: number | undefined;
  /** Characters without a piece become bytes. */
  readonly byteFallback: boolean;
  /** The compiled normalization; empty when texts are taken as they are. */
  readonly charsmap: Buffer;
  /** A space goes before each text. */
  readonly addDummyPrefix: boolean;
  /** Spaces at both ends go, and runs of them become one. */
  readonly removeExtraWhitespaces: boolean;
  readonly escapeWhitespaces: boolean;
}

/** Longest file (bytes), and most characters of its pieces together and of one: they bound what a hostile file can cost. */
export const largestModel = 2 ** 24;
export const mostCharacters = 2 ** 22;
const longestPiece = 512;
/** Every text is searched for these. */
const mostSymbols = 2 ** 16;

const types: readonly (PieceType | undefined)[] = [
  undefined,
  'normal',
  'unknown',
  'control',
  'user-defined',
  'unused',
  'byte',
];
const kinds: readonly (SentencePieceModel['kind'] | 'word' | undefined)[] = [
  undefined,
  'unigram',
  'bpe',
  'word',
  'char',
];
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads the bytes of a `.model` file (the message `ModelProto` of sentencepiece_model.proto, with its defaults). Throws
 * an Error that says what is wrong with them.
 */
export function readSentencePieceModel(file: Buffer): SentencePieceModel {
  if (file.length > largestModel) throw new Error(`expected at most ${largestModel} bytes, got ${file.length}`);
  const pieces: SentencePiece[] = [];
  const known = new Map<string, number>();
  const trainer = new Map<number, number>();
  const normalizer = new Map<number, number>();
  let charsmap: Buffer = Buffer.alloc(0);
  let characters = 0;
  let complete = false;
  for (const field of readFields(file)) {
    if (field.number > 3) continue;
    complete ||= field.number === 2;
    if (field.wireType !== 2)
      throw new Error(`field ${field.number}: expected a message, got wire type ${field.wireType}`);
    if (field.number === 1) {
      const piece = readPiece(field.bytes, pieces.length);
      const before = known.get(piece.piece);
      if (before !== undefined) {
        throw new Error(
          `piece ${pieces.length}: expected a new piece, got ${JSON.stringify(piece.piece)} of piece ${before}`,
        );
      }
      characters += piece.piece.length;
      if (characters > mostCharacters)
        throw new Error(`expected pieces of ${mostCharacters} characters in all, got more`);
      known.set(piece.piece, pieces.length);
      pieces.push(piece);
    } else {
      for (const { number, wireType, value, bytes } of readFields(field.bytes)) {
        if (field.number === 3 && number === 2 && wireType === 2) charsmap = bytes;
        else if (wireType === 0) (field.number === 2 ? trainer : normalizer).set(number, value);
      }
    }
  }
  if (pieces.length === 0)
    throw new Error(`expected pieces, got none in ${file.length} bytes (not a SentencePiece model)`);
  if (!complete) {
    throw new Error(`expected a trainer_spec behind ${pieces.length} pieces, got none (the file is cut short)`);
  }
  const kind = kinds[trainer.get(3) ?? 1];
  if (kind === undefined || kind === 'word') {
    throw new Error(`model_type: expected unigram, bpe or char, got ${kind ?? trainer.get(3)}`);
  }
  if (trainer.get(24))
    throw new Error('treat_whitespace_as_suffix: expected spaces at the start of pieces, got them at the end');
  const idOf = (field: number, usual: number, type: PieceType) => {
    const id = (trainer.get(field) ?? usual) | 0;
    return id >= 0 && pieces[id]?.type === type ? id : undefined;
  };
  const unknownId = pieces.findIndex(({ type }) => type === 'unknown');
  if (unknownId < 0 || pieces.filter(({ type }) => type === 'unknown').length > 1) {
    throw new Error('pieces: expected one of the type unknown');
  }
  const symbols = pieces.filter(({ type }) => type === 'control' || type === 'user-defined').length;
  if (symbols > mostSymbols) {
    throw new Error(`expected at most ${mostSymbols} control and user-defined pieces, got ${symbols}`);
  }
  const byteFallback = trainer.get(35) === 1;
  const bytes = pieces.filter(({ type }) => type === 'byte').length;
  if (byteFallback && bytes !== 256) throw new Error(`byte_fallback: expected 256 pieces for bytes, got ${bytes}`);
  return {
    kind,
    pieces,
    unknownId,
    beginId: idOf(41, 1, 'control'),
    endId: idOf(42, 2, 'control'),
    padId: idOf(43, -1, 'control'),
    byteFallback,
    charsmap,
    addDummyPrefix: normalizer.get(3) !== 0,
    removeExtraWhitespaces: normalizer.get(4) !== 0,
    escapeWhitespaces: normalizer.get(5) !== 0,
  };
}

function readPiece(message: Buffer, id: number): SentencePiece {
  let piece = '';
  let score = 0;
  let type: PieceType | undefined = 'normal';
  for (const { number, wireType, value, bytes } of readFields(message)) {
    if (number === 1 && wireType === 2) {
      if (bytes.length > 4 * longestPiece) throw new Error(`piece ${id}: expected at most ${longestPiece} characters`);
      try {
        piece = utf8.decode(bytes);
      } catch {
        throw new Error(`piece ${id}: expected UTF-8`);
      }
    } else if (number === 2 && wireType === 5) score = floatOf(value);
    else if (number === 3 && wireType === 0) type = types[value];
  }
  if (piece === '' || piece.length > longestPiece) {
    throw new Error(`piece ${id}: expected 1 to ${longestPiece} characters, got ${piece.length}`);
  }
  if (!Number.isFinite(score)) throw new Error(`piece ${id}: expected a finite score, got ${score}`);
  if (type === undefined) throw new Error(`piece ${id}: expected a type from 1 to 6`);
  return { piece, score, type };
}
