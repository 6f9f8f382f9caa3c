/**
 * The character that stands for each byte in byte-level vocabularies (GPT-2's table): printable Latin-1 bytes are
 * themselves, the others are U+0100, U+0101, … in order.
 */
export const byteCharacters: readonly string[] = (() => {
  let spare = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    return String.fromCharCode(printable ? byte : spare++);
  });
})();

/** The tokens `<0x00>` to `<0xFF>`, which unknown characters become with byte fallback. */
export const byteTokens: readonly string[] = Array.from(
  { length: 256 },
  (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
);

/** A word as byte-level characters of its UTF-8 form. */
export function toByteCharacters(word: string): string {
  let made = '';
  for (const byte of Buffer.from(word)) made += byteCharacters[byte]!;
  return made;
}

const bytesByCharacter = new Map(byteCharacters.map((character, byte) => [character, byte]));

/** The byte that a byte-level character stands for. */
export function fromByteCharacter(character: string): number | undefined {
  return bytesByCharacter.get(character);
}
