import { SlmError } from '@slm-compress/onnx';
import xxhash from 'xxhash-wasm';
import { normalForm } from '../duplicates/exact-duplicates.ts';
import { createHashTable } from '../duplicates/hash-table.ts';
import { createNumberList } from '../duplicates/number-list.ts';
import { createRecordStore } from '../duplicates/record-store.ts';
import { createShingler, lowBits, type ShingleKind, similarityFrom } from '../duplicates/shingles.ts';

/** A training row that a test text occurs in. */
export interface Contamination {
  readonly id: string;
  /** The id of the test row it equals, or of the most similar one. */
  readonly testId: string;
  /** Jaccard similarity of their sets of word 3-shingles; 1 for texts equal up to case, white space and punctuation. */
  readonly similarity: number;
  /** The texts are equal up to case and white space. */
  readonly exact: boolean;
}

/** What was found in the training rows looked at so far. */
export interface DecontaminationAccount {
  /** Training rows looked at. */
  readonly rows: number;
  /** Those among them that equal a test row up to case and white space. */
  readonly exact: number;
  /** Those that are not equal, but similar at or above the threshold. */
  readonly near: number;
  /** Test rows that equal a training row up to case and white space. */
  readonly exactTests: number;
  /** The first ten found, with the beginnings of the training texts. */
  readonly examples: readonly (Contamination & { readonly text: string })[];
}

/** A test set, ready to be looked for in training rows. */
export interface Decontaminator {
  /** The most similar test text at or above the threshold, the first of several, if there is one. */
  find(row: { readonly id: string; readonly text: string }): Contamination | undefined;
  account(): DecontaminationAccount;
  /** Removes temporary files. */
  close(): void;
}

export interface DecontaminationOptions {
  /** Jaccard similarity from which a training row is contaminated, in (0, 1]; 0.8 by default. */
  readonly threshold?: number;
  /** `by-script` by default. */
  readonly shingles?: ShingleKind;
  /** Memory for the shingles of the test set; 256 MiB by default. */
  readonly memoryBytes?: number;
  /** Folder for a temporary file; that of the system by default. */
  readonly folder?: string;
}

const exampleCount = 10;
const exampleCharacters = 200;

/**
 * Finds the training rows that equal test rows or nearly do, so that they can be removed from the training set; test rows
 * are never altered. The shingles of the test set are held in memory up to `memoryBytes`, 8 bytes a word, and an index of about a fifth of them; training rows are looked at one by one.
 *
 * Exact for the threshold: when shingles are ordered in any one way, a pair with Jaccard similarity t has one in common among
 * the first ⌊(1 - t) n⌋ + 1 of the n shingles of both (prefix filtering; Chaudhuri, Ganti and Kaushik, 2006). The order is by
 * rarity in the test set, so that few pairs have one by chance. Each of those is compared.
 *
 * Throws SlmError `DATA_OPTION` when the threshold is not in (0, 1].
 */
export async function createDecontaminator(
  test: Iterable<TestRow> | AsyncIterable<TestRow>,
  options: DecontaminationOptions = {},
): Promise<Decontaminator> {
  const { threshold = 0.8, shingles, memoryBytes = 2 ** 28, folder } = options;
  if (!(threshold > 0 && threshold <= 1)) {
    throw new SlmError('DATA_OPTION', `decontamination.threshold: expected a number in (0, 1], got ${threshold}`);
  }
  const { h64 } = await xxhash();
  const shingler = await createShingler(shingles);
  const ids: string[] = [];
  const sets = createRecordStore(memoryBytes, folder);
  const normals = createHashTable();
  /** For each normal form the test rows that have it, as a linked list, and whether a training row does. */
  const lastOf = createNumberList();
  const before = createNumberList();
  const found = createNumberList();
  const rarity = createRarity();
  const prefixOf = (set: Float64Array): Float64Array =>
    rarity.rarest(set, set.length === 0 ? 0 : Math.floor((1 - threshold) * set.length + 1e-9) + 1);

  try {
    for await (const { id, text } of test) {
      const normal = normalForm(text);
      const form = normals.numberOf(h64(normal, 0n), h64(normal, 1n));
      before.push(form < lastOf.length ? lastOf.at(form) : -1);
      if (form < lastOf.length) lastOf.set(form, ids.length);
      else {
        lastOf.push(ids.length);
        found.push(0);
      }
      ids.push(id);
      const set = shingler.shingles(text);
      rarity.count(set);
      sets.add(set);
    }
  } catch (error) {
    sets.close();
    throw error;
  }
  const index = createPostings();
  for (let i = 0; i < ids.length; i++) for (const shingle of prefixOf(sets.get(i))) index.add(shingle, i);

  const forms = lastOf.length;
  const account = { rows: 0, exact: 0, near: 0, exactTests: 0 };
  const examples: (Contamination & { readonly text: string })[] = [];
  const findExact = (text: string): number => {
    const normal = normalForm(text);
    if (normal === '') return -1;
    const form = normals.find(h64(normal, 0n), h64(normal, 1n));
    if (form < 0 || form >= forms) return -1;
    let first = lastOf.at(form);
    let count = 1;
    for (; before.at(first) >= 0; first = before.at(first)) count++;
    if (found.at(form) === 0) account.exactTests += count;
    found.set(form, 1);
    return first;
  };
  const findNear = (text: string): { test: number; similarity: number } => {
    const own = shingler.shingles(text);
    const seen = new Set<number>();
    let best = { test: -1, similarity: 0 };
    for (const shingle of prefixOf(own)) {
      for (const other of index.find(shingle)) {
        if (seen.has(other)) continue;
        seen.add(other);
        const similarity = similarityFrom(own, sets.get(other), threshold);
        if (similarity === undefined || similarity < best.similarity) continue;
        if (similarity > best.similarity || other < best.test) best = { test: other, similarity };
      }
    }
    return best;
  };
  return {
    find({ id, text }) {
      account.rows++;
      const equal = findExact(text);
      const best = equal >= 0 ? { test: equal, similarity: 1 } : findNear(text);
      if (best.test < 0) return undefined;
      account[equal >= 0 ? 'exact' : 'near']++;
      const contamination = { id, testId: ids[best.test]!, similarity: best.similarity, exact: equal >= 0 };
      if (examples.length < exampleCount) examples.push({ ...contamination, text: text.slice(0, exampleCharacters) });
      return contamination;
    },
    account: () => ({ ...account, examples: [...examples] }),
    close: () => sets.close(),
  };
}

interface TestRow {
  readonly id: string;
  readonly text: string;
}

/** Orders shingles by how often they were counted (up to collisions and 255), then by hash. */
function createRarity(): {
  count(set: Float64Array): void;
  /** The `size` first of the set in that order. */
  rarest(set: Float64Array, size: number): Float64Array;
} {
  const counts = new Uint8Array(2 ** 23);
  const slot = (shingle: number): number => Math.imul(lowBits(shingle), 0x9e3779b1) >>> 9;
  return {
    count(set) {
      for (const shingle of set) counts[slot(shingle)] = Math.min(255, counts[slot(shingle)]! + 1);
    },
    rarest(set, size) {
      // Counting sort keeps the order by hash among equal counts.
      const starts = new Int32Array(257);
      for (const shingle of set) starts[counts[slot(shingle)]! + 1]!++;
      for (let i = 1; i <= 256; i++) starts[i]! += starts[i - 1]!;
      const first = new Float64Array(size);
      for (const shingle of set) {
        const place = starts[counts[slot(shingle)]!]!++;
        if (place < size) first[place] = shingle;
      }
      return first;
    },
  };
}

/** Numbers by shingle. */
function createPostings(): { add(shingle: number, value: number): void; find(shingle: number): Iterable<number> } {
  let shingles = new Float64Array(2 ** 16);
  let values = new Int32Array(2 ** 16);
  let before = new Int32Array(2 ** 16);
  let last = new Int32Array(2 ** 16).fill(-1);
  let count = 0;
  const slot = (shingle: number): number => Math.imul(lowBits(shingle), 0x9e3779b1) >>> (32 - Math.log2(last.length));
  const link = (i: number): void => {
    const own = slot(shingles[i]!);
    before[i] = last[own]!;
    last[own] = i;
  };
  const grow = (): void => {
    const [oldShingles, oldValues] = [shingles, values];
    shingles = new Float64Array(2 * count);
    shingles.set(oldShingles);
    values = new Int32Array(2 * count);
    values.set(oldValues);
    before = new Int32Array(2 * count);
    last = new Int32Array(2 * count).fill(-1);
    for (let i = 0; i < count; i++) link(i);
  };
  return {
    add(shingle, value) {
      if (count === values.length) grow();
      shingles[count] = shingle;
      values[count] = value;
      link(count++);
    },
    *find(shingle) {
      for (let i = last[slot(shingle)]!; i >= 0; i = before[i]!) if (shingles[i] === shingle) yield values[i]!;
    },
  };
}
