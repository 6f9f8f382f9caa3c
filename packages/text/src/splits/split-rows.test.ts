import { SlmError } from '@slm-compress/onnx';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitRecord, verifySplit } from './split-record.ts';
import { partNames, type SplitMethod, type SplitRow, splitRows } from './split-rows.ts';

const shares = fc
  .constantFrom([0.7, 0.15, 0.15], [0.5, 0.25, 0.25], [0.8, 0, 0.2], [0.34, 0.33, 0.33], [0.9, 0.1, 0])
  .map(([train, validation, test]) => ({ train: train!, validation: validation!, test: test! }));
const seed = fc.integer({ min: 0, max: 1e6 });
const label = fc.constantFrom('a', 'b', 'c');
const row = fc.record({ label, group: fc.integer({ min: 0, max: 40 }), time: fc.integer({ min: 0, max: 60 }) });
/** Rows with ids of their own; texts may be equal. */
const drawn = fc.array(row, { minLength: 40, maxLength: 120 });
const withIds = (rows: readonly { label: string; group: number; time: number }[], keys: readonly (keyof SplitRow)[]) =>
  rows.map(({ label: of, group, time }, i): SplitRow => {
    const all = { id: `r${i}`, text: `text ${i}`, label: of, group: `g${group}`, time };
    return Object.fromEntries(
      Object.entries(all).filter(([key]) => ['id', 'text', 'label', ...keys].includes(key)),
    ) as unknown as SplitRow;
  });

/** Undefined where the rows are too few for the method, which is an error of its own. */
function trySplit(rows: readonly SplitRow[], method: SplitMethod, duplicates?: Int32Array) {
  try {
    return splitRows(rows, method, duplicates);
  } catch (error) {
    if (error instanceof SlmError && error.code === 'DATA_CLASS_SIZE') return undefined;
    throw error;
  }
}

const placesOf = (split: ReturnType<typeof splitRows<SplitRow>>) =>
  new Map(partNames.flatMap((part) => split[part].map(({ id }) => [id, part] as const)));
const method = fc.oneof(
  fc.record({ method: fc.constantFrom('stratified' as const, 'grouped' as const), shares, seed }),
  fc.record({ method: fc.constant('time' as const), shares }),
  fc
    .record({ folds: fc.integer({ min: 3, max: 5 }), fold: fc.nat(2), seed })
    .map((options) => ({ method: 'folds' as const, ...options })),
);

describe('splitRows', () => {
  it('stratified without groups: each label within one row of its share, but for rows lent to parts that would have none', () => {
    fc.assert(
      fc.property(drawn, shares, seed, (rows, wanted, number) => {
        const split = trySplit(withIds(rows, []), { method: 'stratified', shares: wanted, seed: number });
        fc.pre(split !== undefined);
        for (const of of new Set(rows.map((one) => one.label))) {
          const total = rows.filter((one) => one.label === of).length;
          const counts = partNames.map((part) => split[part].filter((one) => one.label === of).length);
          expect(counts.reduce((a, b) => a + b)).toBe(total);
          // A part that rounds to nothing takes a row from the largest.
          const exact = partNames.map((part) => wanted[part] * total);
          const lifted = exact.filter((size) => size > 0 && size < 1).length;
          counts.forEach((count, i) => {
            if (exact[i] === 0) expect(count).toBe(0);
            else expect(count).toBeGreaterThanOrEqual(1);
            expect(Math.abs(count - exact[i]!)).toBeLessThanOrEqual(1 + lifted + 1e-9);
          });
        }
      }),
      { seed: 1 },
    );
  });

  it('any method: rows are used once, no group and no near-duplicate group is in two parts', () => {
    fc.assert(
      fc.property(drawn, method, fc.integer({ min: 1, max: 30 }), (rows, options, modulus) => {
        const given = withIds(rows, ['group', 'time']);
        // Near-duplicate groups that unite groups of the rows' own.
        const duplicates = Int32Array.from(given, (_, i) => (i % (modulus + 30) < 2 ? i - (i % (modulus + 30)) : i));
        const split = trySplit(given, options, duplicates);
        fc.pre(split !== undefined);
        const all = [...partNames, 'dropped' as const].flatMap((part) => split[part].map(({ id }) => id));
        expect(all.sort()).toEqual(given.map(({ id }) => id).sort());
        if (options.method !== 'time') expect(split.dropped).toEqual([]);
        const places = placesOf(split);
        const seen = new Map<string, string>();
        given.forEach(({ id, group }, i) => {
          const place = places.get(id);
          if (place === undefined) return;
          for (const unit of [group!, `near ${duplicates[i]}`]) {
            expect(seen.get(unit) ?? place).toBe(place);
            seen.set(unit, place);
          }
        });
      }),
      { seed: 2 },
    );
  });

  it('any method: the same seed and rows in another order are the same split, and the record proves it', () => {
    fc.assert(
      fc.property(drawn, method, fc.boolean(), fc.infiniteStream(fc.nat()), (rows, options, groups, chance) => {
        const given = withIds(rows, groups || options.method === 'grouped' ? ['group', 'time'] : ['time']);
        const split = trySplit(given, options);
        fc.pre(split !== undefined);
        const shuffled = given
          .map((one) => ({ one, at: chance.next().value as number }))
          .sort((a, b) => a.at - b.at)
          .map(({ one }) => one);
        const again = splitRows(shuffled, options);
        expect(again).toEqual(split);
        verifySplit(splitRecord(split, options), again);
      }),
      { seed: 3 },
    );
  });

  it('time: every row of a part is earlier than every row of the next', () => {
    fc.assert(
      fc.property(drawn, shares, (rows, wanted) => {
        const split = trySplit(withIds(rows, ['time']), { method: 'time', shares: wanted });
        fc.pre(split !== undefined);
        let latest = Number.NEGATIVE_INFINITY;
        for (const part of partNames) {
          const times = split[part].map(({ time }) => Number(time));
          expect(Math.min(...times, Number.POSITIVE_INFINITY)).toBeGreaterThan(latest);
          latest = Math.max(latest, ...times);
        }
      }),
      { seed: 4 },
    );
  });

  it('folds: the tests of all folds partition the rows, and validation is the test of the next', () => {
    fc.assert(
      fc.property(drawn, fc.integer({ min: 3, max: 6 }), seed, fc.boolean(), (rows, folds, number, groups) => {
        const given = withIds(rows, groups ? ['group'] : []);
        const splits = Array.from({ length: folds }, (_, fold) =>
          trySplit(given, { method: 'folds', folds, fold, seed: number }),
        );
        fc.pre(splits.every((split) => split !== undefined));
        const tests = splits.map((split) => split!.test.map(({ id }) => id));
        expect(tests.flat().sort()).toEqual(given.map(({ id }) => id).sort());
        splits.forEach((split, fold) => {
          expect(split!.validation.map(({ id }) => id)).toEqual(tests[(fold + 1) % folds]);
        });
        if (groups) return;
        const sizes = tests.map((ids) => ids.length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(2);
        for (const of of new Set(rows.map((one) => one.label))) {
          const counts = splits.map((split) => split!.test.filter((one) => one.label === of).length);
          expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(2);
        }
      }),
      { seed: 5 },
    );
  });
});

it('verifySplit notices a row that changed, is missing, is new, or went to another part', () => {
  fc.assert(
    fc.property(
      drawn,
      seed,
      fc.nat(),
      fc.constantFrom('text', 'id', 'gone', 'new', 'moved'),
      (rows, number, at, what) => {
        const options = {
          method: 'stratified' as const,
          shares: { train: 0.6, validation: 0.2, test: 0.2 },
          seed: number,
        };
        const split = trySplit(withIds(rows, []), options);
        fc.pre(split !== undefined);
        const record = splitRecord(split, options);
        verifySplit(record, split);
        const part = partNames[at % 3]!;
        const list = [...split[part]];
        const i = at % list.length;
        const changed = { ...split, [part]: list };
        if (what === 'text') list[i] = { ...list[i]!, text: `${list[i]!.text} ` };
        else if (what === 'id') list[i] = { ...list[i]!, id: `${list[i]!.id}'` };
        else if (what === 'new') list.push({ ...list[i]!, id: 'new' });
        else {
          const [taken] = list.splice(i, 1);
          const next = partNames[(at + 1) % 3]!;
          if (what === 'moved') changed[next] = [...split[next], taken!];
        }
        expect(() => verifySplit(record, changed)).toThrow(expect.objectContaining({ code: 'DATA_SPLIT' }));
      },
    ),
    { seed: 6 },
  );
});
