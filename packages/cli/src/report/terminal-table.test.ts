import { describe, expect, it } from 'vitest';
import { fixtureReport } from './fixtures/report-fixture.ts';
import { terminalTable } from './terminal-table.ts';

const ESCAPE = String.fromCharCode(27);

describe('terminal table', () => {
  it('shows every row, the differences to parents and the ties', () => {
    expect(terminalTable(fixtureReport(), { colors: false })).toMatchSnapshot();
  });

  it('is at most 100 columns wide, also with long names and large numbers', () => {
    const report = fixtureReport();
    const long = 'a-very-long-name-for-a-model';
    report.rows[1]!.name = long;
    for (const row of report.rows) if (row.parent === 'teacher') row.parent = long;
    for (const row of report.rows) row.textsPerSecond = 123_456;
    for (const line of terminalTable(report, { colors: false }).split('\n'))
      expect(line.length).toBeLessThanOrEqual(100);
  });

  it('has baselines first, wherever they stand in the report', () => {
    const report = fixtureReport();
    report.rows.push(report.rows.shift()!);
    const lines = terminalTable(report, { colors: false }).split('\n');
    const header = lines.findIndex((line) => line.startsWith('model'));
    expect(lines[header + 1]).toMatch(/^naive-bayes/);
  });

  it('colours only what it is asked to colour', () => {
    const painted = terminalTable(fixtureReport(), { colors: true });
    expect(painted).toContain(`${ESCAPE}[31mworse${ESCAPE}[39m`);
    expect(painted).toContain(`${ESCAPE}[32mbetter${ESCAPE}[39m`);
    const colour = new RegExp(`${ESCAPE}\\[[0-9;]+m`, 'g');
    expect(painted.replace(colour, '')).toBe(terminalTable(fixtureReport(), { colors: false }));
  });
});
