// Where the backend tests of the ONNX project are: models with inputs and expected outputs, carried by the PyPI package
// `onnx`. They are installed once into `.cache/` with any Python 3; nothing else of this project needs Python.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './setup.js';

/** The newest release whose wheel carries the node tests as files; later ones make them in Python. */
const version = '1.22.0';

/** `{data, python}`: the folder of test data and a Python that has `onnx`; or `{missing}`: why there is none. */
export function findCorpus() {
  const home = join(root, '.cache', `onnx-${version}`);
  if (!existsSync(home)) {
    const missing = install(home);
    if (missing) return { missing };
  }
  const library = join(home, 'lib');
  const site = readdirSync(library).map((name) =>
    join(library, name, 'site-packages', 'onnx', 'backend', 'test', 'data'),
  );
  const data = site.find((folder) => existsSync(join(folder, 'node')));
  if (!data) return { missing: `${home} holds no backend tests (remove the folder and run this again)` };
  return { data, python: join(home, 'bin', 'python') };
}

function install(home) {
  console.error(`slm-compress: installing the Python package onnx ${version} for its tests (half a minute, once)`);
  const half = `${home}.part`;
  rmSync(half, { recursive: true, force: true });
  mkdirSync(join(root, '.cache'), { recursive: true });
  const steps = [
    ['python3', '-m', 'venv', half],
    [join(half, 'bin', 'python'), '-m', 'pip', 'install', '--quiet', '--only-binary=:all:', `onnx==${version}`],
  ];
  for (const [command, ...args] of steps) {
    const done = spawnSync(command, args, { encoding: 'utf8', timeout: 300_000 });
    if (done.status !== 0) {
      rmSync(half, { recursive: true, force: true });
      const why = done.error?.message ?? done.stderr.trim().split('\n').at(-1);
      return `${command} ${args.slice(0, 3).join(' ')} failed: ${why}`;
    }
  }
  renameSync(half, home);
  return undefined;
}
