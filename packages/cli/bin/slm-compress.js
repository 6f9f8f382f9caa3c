#!/usr/bin/env node
// Committed launcher: `dist` does not exist yet when npm links the command.
import { existsSync } from 'node:fs';

const main = new URL('../dist/main.js', import.meta.url);
if (existsSync(main)) {
  await import(main.href);
} else {
  console.error('slm-compress: not built yet (run `npm run build`, or `npm start`, in the repository root)');
  process.exitCode = 1;
}
