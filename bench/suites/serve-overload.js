/**
 * The server under twice the load it can take.
 *
 *     node bench/suites/serve-overload.js MODEL_FOLDER [--seconds 30] [--texts FILE.jsonl] [--workers N]
 *
 * Measures what the server answers at most, then offers twice that rate. Server and client are processes of their own.
 * Every answer is compared with the classifier's own. Prints JSON; exits with 1 when a refusal lacks Retry-After, an
 * answer is wrong, a connection is dropped, or the event-loop delay's p99 exceeds 20 ms.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createRng } from '@slm-compress/onnx';
import { openClassifier, serve } from '@slm-compress/runtime';
import autocannon from 'autocannon';

const EVENT_LOOP_P99_MS = 20;
const WORDS =
  'the meeting is at noon free money offer click here to win a prize please review attached report before friday ' +
  'thanks for your help with this project limited time only dear friend account update now from list unsubscribe';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '30' },
    texts: { type: 'string' },
    workers: { type: 'string', default: String(availableParallelism()) },
  },
});
const folder = positionals[0];
if (folder === undefined) {
  console.error(
    'usage: node bench/suites/serve-overload.js MODEL_FOLDER [--seconds 30] [--texts FILE.jsonl] [--workers N]',
  );
  process.exit(2);
}
const workers = Number(values.workers);

if (process.send === undefined) await measure();
else await runServer();

async function runServer() {
  const server = await serve({ folder, port: 0, workers });
  process.send({ url: server.url });
  await once(process, 'message');
  await server.close();
  process.send({ stats: server.classifier.stats() });
  process.disconnect();
}

async function measure() {
  const texts = values.texts === undefined ? madeTexts(64) : await readTexts(values.texts);
  const expected = await directAnswers(texts);
  const server = fork(fileURLToPath(import.meta.url), process.argv.slice(2));
  try {
    const [{ url }] = await once(server, 'message');
    await load(url, texts, expected, { connections: workers, duration: 2 });
    const capacity = await load(url, texts, expected, { connections: 2 * workers, duration: 5 });
    const rate = capacity.answered / capacity.seconds;
    const overload = await load(url, texts, expected, {
      connections: 128,
      duration: Number(values.seconds),
      overallRate: Math.round(2 * rate),
    });
    const metrics = await (await fetch(`${url}/metrics`)).text();
    const delays = Object.fromEntries(
      Array.from(metrics.matchAll(/^slm_event_loop_delay_seconds\{quantile="([\d.]+)"\} (\S+)$/gm), (match) => [
        match[1],
        Number(match[2]) * 1000,
      ]),
    );
    server.send('close');
    const [{ stats }] = await once(server, 'message');
    const checks = {
      overloaded: overload.refused > 0,
      rightAnswers: overload.wrong === 0 && capacity.wrong === 0,
      everyRefusalHasRetryAfter: overload.withoutRetryAfter === 0,
      noOtherStatus: overload.otherStatus === 0,
      noDroppedConnection: overload.dropped === 0,
      eventLoopP99: delays['0.99'] <= EVENT_LOOP_P99_MS,
    };
    const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version, loadAverage: loadavg() };
    const report = { folder, workers, textsPerSecond: rate, capacity, overload, eventLoopDelayMs: delays, stats };
    console.log(JSON.stringify({ ...report, machine, checks }, null, 2));
    process.exitCode = Object.values(checks).every(Boolean) ? 0 : 1;
  } finally {
    server.kill();
  }
}

/**
 * Offers load and compares every answer.
 *
 * @param {string} url
 * @param {readonly string[]} texts
 * @param {readonly unknown[]} expected
 * @param {{connections: number, duration: number, overallRate?: number}} options
 */
async function load(url, texts, expected, options) {
  const count = { answered: 0, refused: 0, wrong: 0, withoutRetryAfter: 0, otherStatus: 0 };
  const requests = texts.map((text, index) => {
    const right = JSON.stringify(expected[index]);
    return {
      method: 'POST',
      path: '/v1/classify',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ text }),
      onResponse(status, body, _context, headers) {
        if (status === 200) {
          count.answered++;
          if (body !== right) count.wrong++;
        } else if (status === 503) {
          count.refused++;
          if (!Object.keys(headers).some((name) => name.toLowerCase() === 'retry-after')) count.withoutRetryAfter++;
        } else count.otherStatus++;
      },
    };
  });
  const result = await autocannon({ url, requests, ...options });
  const { p50, p90, p99 } = result.latency;
  return {
    ...count,
    seconds: result.duration,
    offeredPerSecond: options.overallRate,
    dropped: result.errors + result.timeouts + result.resets,
    answersMs: { p50, p90, p99 },
  };
}

async function directAnswers(texts) {
  const classifier = await openClassifier(folder, { workers: 1 });
  const answers = await classifier.classifyAll(texts);
  await classifier.close();
  return answers;
}

function madeTexts(count) {
  const rng = createRng('serve-overload');
  const words = WORDS.split(' ');
  return Array.from({ length: count }, () =>
    Array.from({ length: 4 + rng.integer(120) }, () => words[rng.integer(words.length)]).join(' '),
  );
}

async function readTexts(file) {
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line.trim() !== '');
  return lines.slice(0, 256).map((line) => JSON.parse(line).text);
}
