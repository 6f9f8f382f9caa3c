import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type InspectedData, inspectPath } from './data-inspection.ts';
import { dataInspectionHtml } from './data-inspection-html.ts';

const evil = '<script>alert(1)</script>';
let folder = '';
let inspection: InspectedData;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'inspection-html-'));
  const rows = Array.from({ length: 60 }, (_, i) => ({
    text: i < 4 ? `${evil} twice & "quoted"` : `the ${i % 2 ? 'garden' : 'kitchen'} number ${i} is in order now`,
    label: i % 2 ? `${evil}"` : 'b',
  }));
  writeFileSync(join(folder, 'rows.jsonl'), `${rows.map((row) => JSON.stringify(row)).join('\n')}\n[1]\n`);
  inspection = await inspectPath(join(folder, 'rows.jsonl'));
});
afterAll(() => rmSync(folder, { recursive: true }));

it('has every part of the account, escaped, and refers to nothing outside', () => {
  const page = dataInspectionHtml(`rows ${evil}.jsonl`, inspection);
  expect(page).not.toContain('<script');
  expect(page).toContain('&lt;script>alert(1)&lt;/script>');
  expect(page).not.toMatch(/(?:src|href)=|url\(|@import|https?:/);
  const ids = [...page.matchAll(/<section id="([^"]+)"/g)].map(([, id]) => id);
  expect(ids).toEqual([
    'advice',
    'columns',
    'classes',
    'lengths',
    'tokens',
    'duplicates',
    'suspicious-labels',
    'languages',
    'cleaning',
    'outliers',
    'wrong-rows',
  ]);
  expect(page).toContain('<h1>60 rows</h1>');
  expect(page).toContain('class="bar" style="width:100.0%"');
});

it('is the same page for the same account', () => {
  expect(dataInspectionHtml('rows', inspection)).toBe(dataInspectionHtml('rows', structuredClone(inspection)));
});

it('says of long lists how many are left out', () => {
  const labels = Array.from({ length: 77 }, (_, i) => ({ label: `l${i}`, rows: 1, share: 1 / 77 }));
  const many = { ...inspection, classes: { labels, majorityBaseline: 1 / 77, imbalanceRatio: 1 } };
  const page = dataInspectionHtml('rows', many);
  expect(page).toContain('Class balance: the first 50; 27 more in --json');
  expect(page).not.toContain('>l50<');
});
