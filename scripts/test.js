// `npm test`: sets everything up, checks types and style, runs the tests, and closes with one line of counts.
// Arguments go to vitest: `npm test -- packages/onnx`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, setUp } from './setup.js';

setUp();
const scratch = mkdtempSync(join(tmpdir(), 'slm-compress-test-'));
const counts = { passed: 0, failed: 0, skipped: 0 };
try {
  const filters = process.argv.slice(2);
  if (filters.length === 0) {
    check('types', 'node_modules/typescript/bin/tsc', '--project', 'tsconfig.test.json');
    check('style', 'node_modules/@biomejs/biome/bin/biome', 'ci', '--reporter=summary', '.');
  }
  const report = join(scratch, 'vitest.json');
  spawn(
    'node_modules/vitest/vitest.mjs',
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...filters,
  );
  tally(JSON.parse(readFileSync(report, 'utf8')));
} catch (error) {
  console.error(`slm-compress: the test runner gave no report (${error.message})`);
  counts.failed += 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
console.log(
  `${counts.passed} passed, ${counts.failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''}`,
);
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0;

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
