// Runs the smoke test under each supported Node release. The binaries come from npm (packages `node-<platform>-<arch>`),
// into a temporary folder. `node scripts/check-node.js 22.20.0` checks other releases.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, setUp } from './setup.js';

const releases = process.argv.length > 2 ? process.argv.slice(2) : ['20.19.0', '22.12.0', '24.9.0'];
const platform = process.platform === 'win32' ? 'win' : process.platform;
const binary = process.platform === 'win32' ? 'node.exe' : 'node';

setUp();
const folder = mkdtempSync(join(tmpdir(), 'slm-compress-node-'));
const failures = [];
try {
  for (const release of releases) {
    const name = `node-${platform}-${process.arch}`;
    const prefix = join(folder, release);
    const installed = spawnSync(
      'npm',
      ['install', '--prefix', prefix, '--ignore-scripts', '--no-audit', '--no-fund', '--no-save', `${name}@${release}`],
      {
        stdio: 'inherit',
        shell: process.platform === 'win32',
      },
    );
    const node = join(prefix, 'node_modules', name, 'bin', binary);
    const smoke =
      installed.status === 0 &&
      spawnSync(node, ['scripts/test.js', 'test/smoke.test.ts'], { cwd: root, stdio: 'inherit' });
    const ok = smoke && smoke.status === 0;
    console.log(`node ${release}: ${ok ? 'passed' : 'FAILED'}`);
    if (!ok) failures.push(release);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = failures.length > 0 ? 1 : 0;
