// `npm test`: sets everything up, checks types and style, runs the tests, and closes with one line of counts.
// Arguments go to vitest: `npm test -- packages/onnx`. `--with-corpus` also runs, `--only-corpus` only runs, the backend
// tests of the ONNX project (`npm run test:corpus`), which come from PyPI; without Python they are skipped.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findCorpus } from './corpus.js';
import { root, setUp } from './setup.js';

setUp();
const scratch = mkdtempSync(join(tmpdir(), 'slm-compress-test-'));
const counts = { passed: 0, failed: 0, skipped: 0 };
try {
  const flags = ['--with-corpus', '--only-corpus'];
  const filters = process.argv.slice(2).filter((argument) => !flags.includes(argument));
  const [withCorpus, onlyCorpus] = flags.map((flag) => process.argv.includes(flag));
  if (filters.length === 0 && !onlyCorpus) {
    check('types', 'node_modules/typescript/bin/tsc', '--project', 'tsconfig.test.json');
    check('style', 'node_modules/@biomejs/biome/bin/biome', 'ci', '--reporter=summary', '.');
  }
  if (!onlyCorpus) vitest('default', ...filters);
  if (withCorpus || onlyCorpus) corpus(...(onlyCorpus ? filters : []));
} catch (error) {
  console.error(`slm-compress: the test runner gave no report (${error.message})`);
  counts.failed += 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
console.log(
  `${counts.passed} passed, ${counts.failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''}`,
);
process.exitCode = counts.failed > 0 || counts.passed + counts.skipped === 0 ? 1 : 0;

function corpus(...filters) {
  const found = findCorpus();
  if (found.missing) {
    console.log(`skipped: the backend tests of the ONNX project, because ${found.missing}`);
    counts.skipped += 1;
    return;
  }
  process.env.SLM_COMPRESS_CORPUS = found.data;
  process.env.SLM_COMPRESS_CORPUS_PYTHON = found.python;
  vitest('dot', '--config', 'vitest.corpus.config.ts', ...filters);
}

function vitest(reporter, ...args) {
  const report = join(scratch, 'vitest.json');
  rmSync(report, { force: true });
  spawn(
    'node_modules/vitest/vitest.mjs',
    'run',
    `--reporter=${reporter}`,
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...args,
  );
  tally(JSON.parse(readFileSync(report, 'utf8')));
}

function check(name, script, ...args) {
  const ok = spawn(script, ...args) === 0;
  console.log(`${ok ? 'ok' : 'FAILED'}: ${name}`);
  counts[ok ? 'passed' : 'failed'] += 1;
}

function spawn(script, ...args) {
  return spawnSync(process.execPath, [join(root, script), ...args], { cwd: root, stdio: 'inherit' }).status;
}

function tally(report) {
  counts.passed += report.numPassedTests;
  counts.failed += report.numFailedTests;
  counts.skipped += report.numPendingTests + (report.numTodoTests ?? 0);
  // A file that fails to load runs no test: it counts as one failure.
  for (const file of report.testResults) {
    if (file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed')) counts.failed += 1;
  }
}
