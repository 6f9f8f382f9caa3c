import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import type { DataSplits, RawMail } from './dataset.ts';
import { createShingler, jaccard } from './duplicates/shingles.ts';
import { classificationMetrics } from './metrics.ts';
import { naiveBayes } from './naive-bayes.ts';
import { prepareData } from './prepare.ts';
import { readSpamAssassin, spamAssassinSource } from './sources/spam-assassin.ts';

const baseDir = fileURLToPath(new URL('../../..', import.meta.url));

describe('the SpamAssassin corpus', () => {
  let data: DataSplits;
  beforeAll(async () => {
    const split = { train: 0.7, validation: 0.15, test: 0.15 };
    data = await prepareData({ inputs: [{ path: spamAssassinSource }], baseDir, seed: 42, split });
  });

  it('is read whole, and every row is accounted for', () => {
    const { account } = data;
    expect(account.read).toBe(6046);
    expect(account.labels.map(({ label, read }) => [label, read])).toEqual([
      ['ham', 4150],
      ['spam', 1896],
    ]);
    expect(account.kept + Object.values(account.dropped).reduce((a, b) => a + b, 0)).toBe(6046);
    expect(account.split.counts.train + account.split.counts.validation + account.split.counts.test).toBe(account.kept);
    expect(account.kept).toBeGreaterThan(5200);
    expect(account.dropped['near-duplicate']).toBeGreaterThan(300);
  });

  it('has no near-duplicate across the splits: all pairs of a sample compared', async () => {
    const parts = [data.train, data.validation, data.test].map((part) => part.filter((_, i) => i % 2 === 0));
    const examples = parts.flat();
    const part = parts.flatMap((members, p) => members.map(() => p));
    const { shingles } = await createShingler('words');
    const sets = examples.map((example) => shingles(example.text));
    let compared = 0;
    const crossing: string[] = [];
    for (let b = 0; b < sets.length; b++) {
      for (let a = 0; a < b; a++) {
        if (part[a] === part[b]) continue;
        const [low, high] = [sets[a]!.length, sets[b]!.length].sort((x, y) => x - y) as [number, number];
        compared++;
        // |a ∩ b| ≤ |a|, so the similarity cannot exceed the ratio of the sizes.
        if (low / high >= 0.8 && jaccard(sets[a]!, sets[b]!) >= 0.8)
          crossing.push(`${examples[a]!.id} ${examples[b]!.id}`);
      }
    }
    expect(compared).toBeGreaterThan(1_000_000);
    expect(crossing).toEqual([]);
  });

  it('carries no header of the corpus into the text', () => {
    const headers = /^(x-spam-status|x-spam-level|delivered-to|return-path|x-mailman-version|list-unsubscribe):/im;
    const all = [...data.train, ...data.validation, ...data.test];
    const leaking = all.filter((example) => headers.test(example.text.slice(0, 300)));
    // Some mails quote such headers themselves, in forwarded messages and bug reports.
    expect(leaking.length / all.length).toBeLessThan(0.01);
  });

  it('lets naive Bayes reach .96 on the test part', () => {
    const model = naiveBayes(data.train, data.labels);
    const predicted = data.test.map((example) => model.predict(example.text).label);
    const expected = data.test.map((example) => data.labels.indexOf(example.label));
    expect(classificationMetrics(predicted, expected, data.labels).accuracy).toBeGreaterThan(0.96);
  });
});

it('readSpamAssassin gives bytes, ids and labels', async () => {
  const rows: RawMail[] = [];
  for await (const row of readSpamAssassin(baseDir)) {
    rows.push(row);
    if (rows.length === 3) break;
  }
  expect(rows[0]).toMatchObject({ id: 'easy-ham-1/00001.7c53336b37003a9286aba55d2945844c', label: 'ham' });
  expect(rows[0]!.content).toBeInstanceOf(Uint8Array);
});
