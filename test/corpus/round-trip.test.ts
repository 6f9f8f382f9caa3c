import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkModel, decodeModel, encodeModel, inferTypes } from '@slm-compress/onnx';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { corpusFolder, readCases } from './cases.ts';
import { countSkips } from './skips.ts';

const cases = corpusFolder === undefined ? [] : readCases(corpusFolder);
const named = cases.map((entry) => [entry.name, entry] as const);
const skip = countSkips('round trip');

/** What Python's onnx says of a model and of what we wrote of it. */
interface Verdict {
  readonly before: string | null;
  readonly after: string | null;
  readonly same: boolean;
}

describe.skipIf(cases.length === 0)('the backend tests of the ONNX project', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slm-compress-corpus-'));
  const verdicts = new Map<string, Verdict>();

  beforeAll(() => {
    const written = cases.flatMap((entry, index) => {
      const after = join(folder, `${index}.onnx`);
      try {
        writeFileSync(after, encodeModel(decodeModel(entry.bytes)));
      } catch {
        return [];
      }
      return [{ name: entry.name, before: entry.file, after }];
    });
    const script = fileURLToPath(new URL('./check-models.py', import.meta.url));
    const checked = spawnSync(process.env.SLM_COMPRESS_CORPUS_PYTHON!, [script], {
      input: written.map((job) => JSON.stringify(job)).join('\n'),
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
    });
    expect(checked.status, checked.stderr).toBe(0);
    const lines = checked.stdout.trim().split('\n');
    for (const [index, job] of written.entries()) verdicts.set(job.name, JSON.parse(lines[index]!));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('there are at least 1,800 models', () => expect(cases.length).toBeGreaterThan(1800));

  test.for(named)('%s is read, written and read again, equal', ([, { bytes }]) => {
    const model = decodeModel(bytes);
    const written = encodeModel(model);
    expect(decodeModel(written)).toEqual(model);
    expect(Buffer.compare(encodeModel(decodeModel(written)), written)).toBe(0);
  });

  test.for(named)('%s is accepted by onnx.checker after writing, as before', ([, entry], context) => {
    const verdict = verdicts.get(entry.name);
    expect(verdict, 'was written').toBeDefined();
    if (verdict!.before !== null) skip(context, `onnx itself refuses the model: ${verdict!.before}`);
    expect(verdict!.after).toBeNull();
    expect(verdict!.same, 'equal messages in Python').toBe(true);
  });

  test.for(named)('%s is accepted by our checker and inference', ([, entry], context) => {
    if (verdicts.get(entry.name)?.before)
      skip(context, `onnx itself refuses the model: ${verdicts.get(entry.name)!.before}`);
    const model = decodeModel(entry.bytes);
    checkModel(model);
    checkModel(inferTypes(model));
  });
});
