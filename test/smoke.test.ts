import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text as readText } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const launcher = fileURLToPath(new URL('../packages/cli/bin/slm-compress.js', import.meta.url));
const recipe = fileURLToPath(new URL('smoke/recipe.yaml', import.meta.url));
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slm-smoke-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function start(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [launcher, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
}

async function slmCompress(...args: readonly string[]): Promise<string> {
  const child = start(args);
  const [output, [code]] = await Promise.all([readText(child.stdout!), once(child, 'close')]);
  expect(code).toBe(0);
  return output;
}

test('raw texts become a served int8 model', async () => {
  const table = await slmCompress('run', recipe);
  for (const row of ['naive-bayes', 'teacher', 'int8']) expect(table).toContain(row);

  const advertisement = 'Claim your free cash prize now, click the link!';
  const message = 'Hi Ruth, lunch on Monday? I bring the notes of the seminar.';
  expect(await slmCompress('predict', advertisement)).toMatch(/^advertisement\t0\.\d{4}\n$/);
  expect(JSON.parse(await slmCompress('predict', message, '--model', 'runs/smoke/int8', '--json'))).toMatchObject({
    label: 'message',
    truncated: false,
  });

  const server = start(['serve', '--port', '0', '--json', '--workers', '1']);
  const closed = once(server, 'close');
  const [line] = (await once(createInterface({ input: server.stdout! }), 'line')) as [string];
  const { url, folder: served } = JSON.parse(line) as { url: string; folder: string };
  expect(served).toBe(join('runs', 'smoke', 'int8'));
  const answer = await fetch(`${url}/v1/classify`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ texts: [advertisement, message] }),
  });
  const { results } = (await answer.json()) as { results: { label: string }[] };
  expect(results.map(({ label }) => label)).toEqual(['advertisement', 'message']);
  server.kill('SIGTERM');
  expect(await closed).toEqual([0, null]);
}, 120_000);
