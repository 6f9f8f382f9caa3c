// Compiles the packages (only what changed) and the WebAssembly kernels of the trainer.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { node, root } from './setup.js';

if (!existsSync(join(root, 'node_modules', 'typescript'))) {
  console.error('slm-compress: the packages are not installed yet (run `npm ci`, or `npm start`, first)');
  process.exit(1);
}
node('node_modules/typescript/bin/tsc', '--build', 'tsconfig.json');
node('packages/trainer/build-kernels.js');
