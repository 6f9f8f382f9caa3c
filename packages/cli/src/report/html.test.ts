import { beforeAll, describe, expect, it } from 'vitest';
import { fixtureReport } from './fixtures/report-fixture.ts';
import { htmlReport } from './html.ts';
import type { Report } from './schema.ts';

const ATTACK = `<script>alert("x")</script>&'\\`;

describe('report.html', () => {
  let html: string;
  beforeAll(async () => {
    html = await htmlReport(fixtureReport());
  });

  it('shows every row, stage, finding, trial and warning, and the headline', () => {
    const report = fixtureReport();
    expect(html).toContain('The int8 model is 14.2× faster and 21× smaller than the teacher and loses 0.43 points');
    for (const { name } of report.rows) expect(html).toContain(`<th scope="row">${name}`);
    for (const { name, findings, trials } of report.stages) {
      for (const text of [name, ...findings, ...(trials ?? []).map((trial) => trial.name)])
        expect(html).toContain(text);
    }
    for (const warning of report.warnings) expect(html).toContain(warning);
    for (const { reason } of report.data.steps) if (reason) expect(html).toContain(reason);
    expect(html).toContain(report.command);
    expect(html).toContain(report.machine.cpu);
  });

  it('refers to nothing outside and has no script', () => {
    expect(found(html, /https?:|\/\/[a-z]|url\(|@import|<script|<link|<img|<iframe|\bsrc=|\bhref=/i)).toBe('');
  });

  it('escapes names, labels, findings and warnings, in charts too', async () => {
    const page = await htmlReport(hostile());
    expect(page).not.toContain('<script');
    expect(page).toContain('&lt;script>alert(&quot;x&quot;)&lt;/script>');
    expect(page.match(/<title>/g)).toHaveLength(1 + chartCount(page));
  });

  it('is the same for the same report', async () => {
    expect(await htmlReport(fixtureReport())).toBe(html);
  });

  it('names every drawing and captions every table', () => {
    expect(chartCount(html)).toBe(10);
    for (const svg of html.match(/<svg[^>]*>/g)!) expect(svg).toMatch(/role="img" aria-label="[^"]{20,}"/);
    expect(html.match(/<caption>/g)).toHaveLength(html.match(/<table/g)!.length);
    expect(html).toMatch(/^<!doctype html>\n<html lang="en">/);
  });

  it('gives no invalid number a place', async () => {
    expect(found(html, /NaN|undefined|Infinity|\[object/)).toBe('');
    expect(found(await htmlReport(baselineOnly()), /NaN|undefined|Infinity|\[object/)).toBe('');
  });

  it('leaves out the charts that nothing was measured for', async () => {
    const page = await htmlReport(baselineOnly());
    expect(chartCount(page)).toBe(0);
    expect(page).toContain('No model was measured.');
    expect(page).toContain('naive-bayes');
  });

  it('lists the most frequent confusions where there are many labels', async () => {
    const page = await htmlReport(manyLabels());
    expect(page).toContain('The 20 most frequent confusions of int8');
    expect(page).not.toContain('Confusion matrix of');
  });
});

/** The first match with what stands around it, so that a failure does not print the page. */
function found(html: string, pattern: RegExp): string {
  const at = html.search(pattern);
  return at < 0 ? '' : html.slice(Math.max(0, at - 30), at + 60);
}

function chartCount(html: string): number {
  return html.match(/<svg/g)?.length ?? 0;
}

function hostile(): Report {
  const text = JSON.stringify(fixtureReport());
  const report = JSON.parse(text.replaceAll('"teacher"', JSON.stringify(ATTACK))) as ReturnType<typeof fixtureReport>;
  report.data.labels = [ATTACK, 'spam'];
  report.name = ATTACK;
  report.command = ATTACK;
  report.warnings = [ATTACK];
  report.stages[0]!.findings = [ATTACK];
  for (const row of report.rows) row.perClass[0]!.label = ATTACK;
  return report;
}

function baselineOnly(): Report {
  const report = fixtureReport();
  return { ...report, rows: report.rows.slice(0, 1), comparisons: [], stages: [], warnings: [] };
}

function manyLabels(): Report {
  const report = fixtureReport();
  report.data.labels = Array.from({ length: 30 }, (_, i) => `label ${i}`);
  for (const row of report.rows) {
    row.confusion = report.data.labels.map((_, i) => report.data.labels.map((__, j) => (i === j ? 90 : (i + j) % 5)));
  }
  return report;
}
