import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { openRows } from '@slm-compress/text';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launcher, slmCompress } from './command.ts';
import { tinyRows } from './tiny-recipe.ts';

const banking = fileURLToPath(new URL('../../../../shared/data/banking77/train.csv', import.meta.url));
let folder = '';
let server: ChildProcess | undefined;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'walk-'));
});
afterAll(() => {
  server?.kill('SIGTERM');
  rmSync(folder, { recursive: true });
});

/** Questions to a bank about three things, or, where that data set is absent, made-up sentences. */
async function questions(): Promise<readonly { readonly text: string; readonly label: string }[]> {
  const wanted = ['card_arrival', 'exchange_rate', 'lost_or_stolen_card'];
  const found: { text: string; label: string }[] = [];
  try {
    for await (const { text, label } of openRows({ inputs: [{ path: banking, columns: { label: 'category' } }] })) {
      if (label !== undefined && wanted.includes(label)) found.push({ text, label });
    }
    return found;
  } catch {
    return tinyRows(300);
  }
}

/** A server on a free port, once it listens. */
function serve(cwd: string): Promise<string> {
  const child = spawn(process.execPath, [launcher, 'serve', '--port', '0', '--workers', '1', '--json'], { cwd });
  server = child;
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout! }).once('line', (line) => resolve(JSON.parse(line).url));
    child.once('exit', (code) => reject(new Error(`serve ended with ${code}`)));
  });
}

test('a CSV with columns of odd names, three commands, and an int8 model answers over HTTP', async () => {
  const rows = await questions();
  const lines = rows.map(({ text, label }) => `"${text.replaceAll('"', '""')}";${label}`);
  writeFileSync(join(folder, 'Help Desk 2024.csv'), `${['Customer wrote;Queue', ...lines].join('\r\n')}\r\n`);

  const made = await slmCompress(['init', '--data', 'Help Desk 2024.csv', '--size', 'tiny'], { cwd: folder });
  expect({ code: made.code, stderr: made.stderr }).toEqual({ code: 0, stderr: '' });
  expect(made.stdout).toContain('text: Customer wrote, label: Queue');

  const ran = await slmCompress(['run', 'recipe.yaml', '--json'], { cwd: folder });
  expect(ran.stderr).toBe('');
  const result = JSON.parse(ran.stdout.trim().split('\n').at(-1)!);
  const accuracy = (name: string) => result.report.rows.find((row: { name: string }) => row.name === name).accuracy;
  expect(accuracy('int8')).toBeGreaterThan(0.75);
  expect(result.gates.map(({ gate }: { gate: string }) => gate)).toEqual(['maxDrop', 'minAccuracy', 'minCompression']);
  expect(ran.code).toBe(0);

  const url = await serve(folder);
  const run = join(folder, 'runs', 'help-desk-2024');
  expect(JSON.parse(readFileSync(join(run, 'int8', 'manifest.json'), 'utf8')).kind).toBe('quantize');
  let right = 0;
  const asked = rows.slice(0, 40);
  for (const { text, label } of asked) {
    const response = await fetch(`${url}/v1/classify`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ text }),
    });
    expect(response.status).toBe(200);
    const answer = (await response.json()) as { readonly label: string };
    if (answer.label === label) right++;
  }
  expect(right).toBeGreaterThan(0.75 * asked.length);
}, 120_000);
