// What `npm start` and `npm test` share: dependencies as locked, and an up-to-date build. Built-ins only, since nothing
// is installed yet when this runs, and `.npmrc` turns every lifecycle script off.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Runs a command in the repository root with this terminal; ends the process with its exit code when it fails. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (result.error) fail(`${command}: ${result.error.message}`);
  if (result.status !== 0) process.exit(result.status ?? 1);
}

/** Runs a Node script with this Node. */
export function node(script, ...args) {
  run(process.execPath, [join(root, script), ...args]);
}

/** Installs what the lock file says unless it is there already, then builds what changed. */
export function setUp() {
  requireNode();
  if (!isInstalled()) {
    console.error('slm-compress: installing the npm packages of package-lock.json (about a minute, once)');
    // Under `npm start` this variable names the npm that is running, which may not be the first on the PATH.
    const npm = process.env.npm_execpath;
    const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund'];
    if (npm?.endsWith('.js') || npm?.endsWith('.cjs')) run(process.execPath, [npm, ...args]);
    else run('npm', args, { shell: process.platform === 'win32' });
  }
  node('scripts/build.js');
}

/** True when every package of the lock file is in `node_modules` at the locked version. */
function isInstalled() {
  const installedLock = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installedLock)) return false;
  const wanted = readPackages(join(root, 'package-lock.json'));
  const installed = readPackages(installedLock);
  return Object.entries(wanted).every(([path, entry]) => {
    if (!path.startsWith('node_modules/') || entry.optional) return true;
    const found = installed[path];
    if (entry.link) return found?.link === true && existsSync(join(root, path));
    return found?.version === entry.version && existsSync(join(root, path, 'package.json'));
  });
}

function readPackages(lockFile) {
  return JSON.parse(readFileSync(lockFile, 'utf8')).packages;
}

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  fail(
    `Node.js: expected 20.19 or newer, got ${process.versions.node} (install a current release, then run this again)`,
  );
}

function fail(message) {
  console.error(`slm-compress: ${message}`);
  process.exit(1);
}
