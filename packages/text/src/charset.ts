import { isAscii } from 'node:buffer';
import { analyse } from 'chardet';
import iconv from 'iconv-lite';

/** Text with the way it was found: by the declared charset, or by looking at the bytes. */
export interface DecodedText {
  readonly text: string;
  readonly charset: string;
  /** True when the declared charset was missing, unknown or wrong and the bytes decided. */
  readonly guessed: boolean;
}

/** Names iconv-lite accepts that are transfer encodings, not charsets. */
const notCharsets = new Set(['base64', 'hex', 'internal']);
const sampleBytes = 4096;
/** Charsets of Latin letters: on short texts chardet confuses them, and windows-1252 is by far the most frequent. */
const latin = /^(ISO-8859-(1|2|3|4|9|1[03-6])|windows-125[0247])$/i;

/**
 * Decodes bytes of a mail part. Order: the declared charset when iconv-lite knows it (UTF-8 only if the bytes are valid
 * UTF-8); else UTF-8 if valid; else chardet's guess on 4 KiB around the first byte beyond ASCII if it is
 * not a charset of Latin letters; else windows-1252. Never throws.
 * ISO-8859-1 and ASCII are read as windows-1252, as browsers do (https://encoding.spec.whatwg.org/#names-and-labels).
 */
export function decodeText(bytes: Uint8Array, declared?: string): DecodedText {
  const label = normalizeLabel(declared);
  const known = label !== undefined && !notCharsets.has(label) && iconv.encodingExists(label);
  const ascii = isAscii(bytes);
  if (ascii && !(known && isStateful(label))) return { text: latin1(bytes), charset: 'ascii', guessed: false };
  if (known && label !== 'ascii') {
    if (label === 'utf8') {
      const text = strictUtf8(bytes);
      if (text !== undefined) return { text, charset: 'utf8', guessed: false };
    } else {
      const charset = label === 'iso88591' || label === 'latin1' ? 'windows1252' : label;
      return { text: iconv.decode(asBuffer(bytes), charset), charset, guessed: false };
    }
  }
  const utf8 = strictUtf8(bytes);
  if (utf8 !== undefined) return { text: utf8, charset: 'utf8', guessed: true };
  const guess = analyse(sample(bytes))
    .map((match) => match.name as string)
    .find((name) => name !== 'UTF-8' && name !== 'ASCII');
  const charset = guess !== undefined && !latin.test(guess) && iconv.encodingExists(guess) ? guess : 'windows1252';
  return { text: iconv.decode(asBuffer(bytes), charset), charset, guessed: true };
}

/** `"3Diso-8859-1"`, `gb2312_charset`, `chinesebig5`: labels as mailers really write them. */
function normalizeLabel(declared: string | undefined): string | undefined {
  if (declared === undefined) return undefined;
  const label = declared
    .toLowerCase()
    .replace(/^3d/, '')
    .replace(/_charset$/, '')
    .replace(/^chinese(?=big5)/, '')
    .replace(/^(x-|cs)(?=[a-z])/, '')
    .replace(/[^a-z0-9]/g, '');
  if (label === 'usascii' || label === 'ascii' || label === 'ansix341968') return 'ascii';
  return label === '' ? undefined : label;
}

/** Charsets whose text is made of ASCII bytes. */
function isStateful(label: string): boolean {
  return /^(iso2022|utf7|utf16|utf32|ucs2|ucs4|hz)/.test(label);
}

/** Bytes around the first one beyond ASCII: those before it say little about the charset, and chardet is slow. */
function sample(bytes: Uint8Array): Uint8Array {
  const first = bytes.findIndex((byte) => byte >= 0x80);
  const start = Math.max(0, first - sampleBytes / 8);
  return bytes.subarray(start, start + sampleBytes);
}

function strictUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function latin1(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('latin1');
}
