import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fixtureReport } from './fixtures/report-fixture.ts';
import { checkReport, readReport, reportJsonSchema } from './schema.ts';

describe('report.json', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'slm-report-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('is read back as it was written', async () => {
    const report = fixtureReport();
    const path = join(folder, 'report.json');
    await writeFile(path, JSON.stringify(report));
    expect(await readReport(path)).toEqual(report);
  });

  it('is described by docs/report.schema.json (write-report-schema.js writes it)', async () => {
    const kept = await readFile(new URL('../../../../docs/report.schema.json', import.meta.url), 'utf8');
    expect(JSON.parse(kept)).toEqual(JSON.parse(JSON.stringify(reportJsonSchema())));
  });

  it('keeps the names that others rely on', () => {
    const schema = reportJsonSchema() as { properties: { rows: { items: { required: string[] } } } };
    expect(schema.properties.rows.items.required).toEqual(
      expect.arrayContaining([
        'name',
        'accuracy',
        'macroF1',
        'bytes',
        'latencyMs',
        'requestMs',
        'textsPerSecond',
        'peakMemoryBytes',
      ]),
    );
  });

  it('names the file that is missing', async () => {
    const path = join(folder, 'none.json');
    await expect(readReport(path)).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      message: `${path}: expected a report.json, got no readable file`,
    });
  });

  it('names the file that is no JSON', async () => {
    const path = join(folder, 'broken.json');
    await writeFile(path, '{"schemaVersion": 1,');
    await expect(readReport(path)).rejects.toMatchObject({
      code: 'REPORT_INVALID',
      message: expect.stringContaining('broken.json: expected JSON, got'),
    });
  });

  it('refuses another version', () => {
    expect(() => checkReport({ ...fixtureReport(), schemaVersion: 2 }, 'r.json')).toThrow(
      'r.json: expected schemaVersion 1, got 2',
    );
  });

  it('names the field that is wrong', () => {
    const report = fixtureReport();
    report.rows[1]!.accuracy = 1.2;
    expect(() => checkReport(report, 'r.json')).toThrow(/^r\.json, rows\[1\]\.accuracy: /);
  });

  it('refuses an unknown field', () => {
    expect(() => checkReport({ ...fixtureReport(), extra: 1 }, 'r.json')).toThrow(/^r\.json, top level: .*extra/);
  });

  it('refuses a name used twice, a parent that is no row and a matrix that does not fit', () => {
    const twice = fixtureReport();
    twice.rows[2]!.name = 'teacher';
    expect(() => checkReport(twice, 'r.json')).toThrow('r.json, rows: expected unique names, got "teacher" twice');
    const orphan = fixtureReport();
    orphan.rows[3]!.parent = 'nobody';
    expect(() => checkReport(orphan, 'r.json')).toThrow(
      'r.json, row "distilled": expected its parent among the rows, got "nobody"',
    );
    const narrow = fixtureReport();
    narrow.rows[0]!.confusion.pop();
    expect(() => checkReport(narrow, 'r.json')).toThrow('expected a confusion matrix of 2 × 2');
  });
});
