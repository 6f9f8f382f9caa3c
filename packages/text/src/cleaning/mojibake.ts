import iconv from 'iconv-lite';

/** Characters that a first byte of a UTF-8 sequence becomes, then at least one that a following byte becomes. */
const suspect =
  /[\u00c2-\u00f4][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]+/g;

/**
 * Undoes mojibake: UTF-8 that was read as windows-1252 or Latin-1 (`cafÃ©` → `café`, `â€™` → `’`), up to three
 * times over. Only runs that read as windows-1252 bytes are whole, valid UTF-8 are replaced, each by itself, so that text
 * around them may be anything. The guard: two characters that people do write one after the other (`É®`, `Ö»`) are
 * replaced only when the first is `Ã` or `Â`; what would become a control, private or unassigned character is left.
 */
export function repairMojibake(text: string): string {
  let repaired = text;
  for (let round = 0; round < 3; round++) {
    const next = repaired.replace(suspect, (run) => repairRun(run));
    if (next === repaired) break;
    repaired = next;
  }
  return repaired;
}

/** Replaces the UTF-8 sequences at the front of a run, and leaves what follows them. */
function repairRun(run: string): string {
  const bytes = toBytes(run);
  if (bytes === undefined) return run;
  const length = sequenceLength(bytes[0]!);
  if (bytes.length < length) return run;
  let character: string;
  try {
    character = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(0, length));
  } catch {
    return run;
  }
  // Two characters alone are weak evidence: these two beginnings stand for all of Latin-1, and are rare before a sign.
  const likely = length > 2 || run[0] === '\u00c2' || run[0] === '\u00c3';
  if (!likely || /\p{Cc}|\p{Cn}|\p{Co}/u.test(character)) return run;
  return character + run.slice(length);
}

/** The bytes that windows-1252 reads as this text (its five undefined bytes as themselves), if it has them all. */
function toBytes(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x100) bytes[i] = code;
    else {
      const byte = iconv.encode(text[i]!, 'windows-1252')[0]!;
      if (byte === 0x3f) return undefined;
      bytes[i] = byte;
    }
  }
  return bytes;
}

function sequenceLength(first: number): number {
  return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}
