import { describe, expect, it } from 'vitest';
import { fixtureReport } from './fixtures/report-fixture.ts';
import {
  bytesText,
  comparisonOf,
  duration,
  headline,
  integer,
  points,
  pValueText,
  significant,
  speedupOf,
  times,
  verdictOf,
} from './wording.ts';

describe('verdicts', () => {
  it('is a tie unless p < 0.05', () => {
    expect(verdictOf(20, 5, 0.0499)).toBe('better');
    expect(verdictOf(5, 20, 0.0499)).toBe('worse');
    expect(verdictOf(20, 5, 0.05)).toBe('tie');
    expect(verdictOf(7, 7, 1)).toBe('tie');
  });

  it('is turned round with the comparison', () => {
    const test = comparisonOf(fixtureReport(), 'teacher', 'student-alone');
    expect(test).toEqual({ a: 'teacher', b: 'student-alone', aOnly: 16, bOnly: 4, pValue: 0.0118, verdict: 'better' });
    expect(comparisonOf(fixtureReport(), 'pruned', 'student-alone')).toBeUndefined();
  });
});

describe('headline', () => {
  it('tells gain and cost of the last model against the one it descends from', () => {
    expect(headline(fixtureReport())).toBe(
      'The int8 model is 14.2× faster and 21× smaller than the teacher and loses 0.43 points of accuracy (tie, p = 0.30).',
    );
  });

  it('does not hide that a model is slower, larger and worse', () => {
    const report = fixtureReport();
    const int8 = report.rows.at(-1)!;
    delete int8.speedup;
    int8.latencyMs = { p50: 34.41, p90: 36, p99: 40 };
    int8.bytes = 42_920_224;
    const test = report.comparisons.find(({ a, b }) => a === 'int8' && b === 'teacher')!;
    Object.assign(test, { aOnly: 2, bOnly: 30, pValue: 0.0000003, verdict: 'worse' });
    expect(headline(report)).toMatch(
      /^The int8 model is 3\.0× slower and 2\.0× larger than the teacher and loses 0\.43 points of accuracy \(worse, p < 0\.001\)\.$/,
    );
  });

  it('compares a single model with the baseline', () => {
    const report = fixtureReport();
    report.rows = report.rows.slice(0, 2);
    expect(headline(report)).toBe(
      'The teacher model answers 98.70 % of 1,158 test texts rightly and gains 0.86 points of accuracy (tie, p = 0.11) against naive-bayes.',
    );
  });

  it('has nothing to tell of baselines alone', () => {
    const report = fixtureReport();
    expect(headline({ ...report, rows: report.rows.slice(0, 1) })).toBe('No model was measured.');
  });
});

describe('numbers', () => {
  it('prefers the ratio that was measured alternately', () => {
    const [, teacher, , , , int8] = fixtureReport().rows;
    expect(speedupOf(int8!, teacher!)).toBe(14.2);
    const { speedup: _, ...alone } = int8!;
    expect(speedupOf(alone, teacher!)).toBeCloseTo(teacher!.latencyMs!.p50 / int8!.latencyMs!.p50, 10);
  });

  it('are written for people', () => {
    expect([0, 999, 1000, 18_432, 999_600, 1_022_190, 21_460_112, 8.3e9].map(bytesText)).toEqual([
      '0 B',
      '999 B',
      '1.00 kB',
      '18.4 kB',
      '1.00 MB',
      '1.02 MB',
      '21.5 MB',
      '8.30 GB',
    ]);
    expect([0, 0.04213, 0.8061, 9.996, 11.42, 999.6, 12_400].map(significant)).toEqual([
      '0',
      '0.0421',
      '0.806',
      '10.0',
      '11.4',
      '1,000',
      '12,400',
    ]);
    expect([999, 1000, 1234567].map(integer)).toEqual(['999', '1,000', '1,234,567']);
    expect([0.0012, -0.003, -0.000001].map((value) => points(value))).toEqual(['+0.12', '−0.30', '±0.00']);
    expect([0.51, 0.049, 0.0004].map(pValueText)).toEqual(['p = 0.51', 'p = 0.049', 'p < 0.001']);
    expect([1.346, 14.23, 20.99, 1234].map(times)).toEqual(['1.35×', '14.2×', '21×', '1,234×']);
    expect([8.44, 59.97, 125].map(duration)).toEqual(['8.4 s', '1 min 00 s', '2 min 05 s']);
  });
});
