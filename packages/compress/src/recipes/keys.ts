import { sha256 } from '../sha256.ts';

/** JSON with sorted keys, so that equal values have equal text; `undefined` members are left out. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    member !== null && typeof member === 'object' && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : member,
  );
}

/** SHA-256 of the canonical JSON of a value, in hex. */
export function digestOf(value: unknown): string {
  return sha256(canonicalJson(value));
}
