import { describe, expect, it } from 'vitest';
import { compareReports } from './compare.ts';
import { fixtureReport } from './fixtures/report-fixture.ts';
import { htmlReport } from './html.ts';
import { checkReport } from './schema.ts';
import { terminalTable } from './terminal-table.ts';

function seedEleven() {
  const report = fixtureReport();
  report.seed = 11;
  report.rows.at(-1)!.confusion = [
    [780, 12],
    [11, 355],
  ];
  return report;
}

describe('comparison of reports', () => {
  it('is a valid report whose rows say where they come from', async () => {
    const compared = compareReports([
      { name: 'runs/a', report: fixtureReport() },
      { name: 'runs/b', report: seedEleven(), rows: ['naive-bayes', 'teacher', 'int8'] },
    ]);
    expect(checkReport(compared, 'comparison')).toEqual(compared);
    expect(compared.rows.map(({ name }) => name)).toEqual([
      'naive-bayes',
      'runs/a/teacher',
      'student-alone',
      'distilled',
      'pruned',
      'runs/a/int8',
      'runs/b/teacher',
      'runs/b/int8',
    ]);
    expect(terminalTable(compared, { colors: false })).toContain('runs/b/int8');
    expect(await htmlReport(compared)).toContain('runs/b/int8');
  });

  it('keeps parents, flips, ratios and tests only where both rows are there', () => {
    const compared = compareReports([
      { name: 'a', report: fixtureReport() },
      { name: 'b', report: seedEleven(), rows: ['naive-bayes', 'teacher', 'int8'] },
    ]);
    const [first, second] = ['a/int8', 'b/int8'].map((name) => compared.rows.find((row) => row.name === name)!);
    expect(first).toMatchObject({ parent: 'pruned', speedup: { against: 'a/teacher' } });
    expect(first!.flipsAgainstParent).toBeDefined();
    expect(second).toMatchObject({ speedup: { against: 'b/teacher' } });
    expect(second!.parent).toBeUndefined();
    expect(second!.flipsAgainstParent).toBeUndefined();
    expect(compared.comparisons.filter(({ a }) => a === 'b/int8').map(({ b }) => b)).toEqual([
      'naive-bayes',
      'b/teacher',
    ]);
  });

  it('takes paired tests between the reports from the caller', () => {
    const test = { a: 'a/int8', b: 'b/int8', aOnly: 3, bOnly: 0, pValue: 0.25, verdict: 'tie' as const };
    const sources = [
      { name: 'a', report: fixtureReport() },
      { name: 'b', report: seedEleven() },
    ];
    expect(compareReports(sources, { comparisons: [test] }).comparisons).toContainEqual(test);
  });

  it('gives rows of sources with one name different names', () => {
    const sources = [
      { name: 'a', report: fixtureReport(), rows: ['int8'] },
      { name: 'a', report: seedEleven(), rows: ['int8'] },
    ];
    expect(compareReports(sources).rows.map(({ name }) => name)).toEqual(['a/int8', 'a (2)/int8']);
  });

  it('warns where figures do not compare', () => {
    const other = seedEleven();
    other.data.digest = 'sha256:other';
    other.machine.cpu = 'Another CPU';
    other.machine.packages = { 'onnxruntime-node': '1.31.0' };
    const { warnings } = compareReports([
      { name: 'a', report: fixtureReport() },
      { name: 'b', report: other },
    ]);
    expect(warnings.slice(0, 3)).toEqual([
      expect.stringContaining('different data'),
      expect.stringContaining('different machines'),
      expect.stringContaining('different versions'),
    ]);
    expect(warnings.at(-1)).toMatch(/^b: latency of student-alone/);
  });

  it('refuses nothing, an unknown row and other labels', () => {
    expect(() => compareReports([])).toThrow('compare: expected at least one report, got none');
    expect(() => compareReports([{ name: 'a', report: fixtureReport(), rows: [] }])).toThrow(
      'compare: expected at least one row, got none',
    );
    expect(() => compareReports([{ name: 'a', report: fixtureReport(), rows: ['int4'] }])).toThrow(
      'compare, a: expected one of naive-bayes, teacher, student-alone, distilled, pruned, int8, got int4',
    );
    const other = seedEleven();
    other.data.labels = ['no', 'yes'];
    expect(() =>
      compareReports([
        { name: 'a', report: fixtureReport() },
        { name: 'b', report: other },
      ]),
    ).toThrow('compare, b: expected the labels of a (ham, spam), got no, yes');
  });
});
