import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { text as readText } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LABELS, removeFolder, someTexts, writeTestFolder } from '../test/folders.ts';
import { openClassifier } from './classifier.ts';
import { type ServeOptions, type Server, serve } from './serve.ts';

let folder: string;
beforeAll(async () => {
  folder = await writeTestFolder({ hidden: 64, layers: 4 });
});
afterAll(() => removeFolder(folder));

const start = (options: Partial<ServeOptions> = {}) => serve({ folder, port: 0, workers: 1, ...options });

async function post(server: Server, body: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${server.url}/v1/classify`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' || body instanceof Uint8Array ? (body as BodyInit) : JSON.stringify(body),
  });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
  };
}

describe('a running server', () => {
  let server: Server;
  beforeAll(async () => {
    server = await start({ workers: 2 });
  });
  afterAll(() => server.close());

  test('answers as the classifier does', async () => {
    await using classifier = await openClassifier(folder, { workers: 1 });
    const texts = someTexts(9, (index) => 1 + index * 11);
    const expected = await classifier.classifyAll(texts);
    expect(await post(server, { text: texts[3] })).toMatchObject({ status: 200, body: expected[3]! });
    expect(await post(server, { texts })).toMatchObject({ status: 200, body: { results: expected } });
    expect(Object.keys(expected[0]!.scores)).toEqual([...LABELS]);
  });

  test('takes a megabyte of text and escaped lone surrogates', async () => {
    expect(await post(server, { text: 'ü click '.repeat(120_000) })).toMatchObject({
      status: 200,
      body: { truncated: true },
    });
    expect(await post(server, '{"text": "\\ud83d"}')).toMatchObject({ status: 200 });
  });

  test('listens on the loopback interface', () => {
    expect(server.url).toBe(`http://127.0.0.1:${server.port}`);
  });

  test.each([
    ['no JSON', '{"text": ', 'body: expected JSON, got text that does not parse'],
    ['no UTF-8', Uint8Array.of(0x7b, 0xff, 0x7d), 'body: expected UTF-8, got invalid bytes'],
    ['neither text nor texts', {}, 'body: expected either text or texts'],
    ['both', { text: 'a', texts: ['b'] }, 'body: expected either text or texts'],
    ['a number', { text: 5 }, 'body.text: Invalid input: expected string, received number'],
    ['a number among texts', { texts: ['a', 5] }, 'body.texts.1: Invalid input: expected string, received number'],
    ['no texts', { texts: [] }, 'body.texts: Too small: expected array to have >=1 items'],
    ['too many texts', { texts: new Array(257).fill('a') }, 'body.texts: Too big: expected array to have <=256 items'],
    ['an unknown key', { text: 'a', label: 'b' }, 'body: Unrecognized key: "label"'],
    ['an array', ['a'], 'body: Invalid input: expected object, received array'],
  ])('a body with %s is a 400', async (_, body, message) => {
    expect(await post(server, body)).toMatchObject({ status: 400, body: { error: { code: 'BAD_REQUEST', message } } });
  });

  test('too large bodies, other media types and unknown routes have the same shape', async () => {
    expect(await post(server, { text: 'x'.repeat(5 * 2 ** 20) })).toMatchObject({
      status: 413,
      body: { error: { code: 'BODY_TOO_LARGE' } },
    });
    expect(await post(server, 'text', { 'content-type': 'text/plain' })).toMatchObject({
      status: 415,
      body: { error: { code: 'UNSUPPORTED_MEDIA_TYPE' } },
    });
    for (const path of ['/nothing', '/v1', '/%c0']) {
      const response = await fetch(server.url + path);
      expect(response.status, path).toBe(path === '/%c0' ? 400 : 404);
      expect(await response.json()).toEqual({ error: { code: expect.any(String), message: expect.any(String) } });
    }
  });

  test('a text of nothing but white space is a 400 that names its place', async () => {
    expect(await post(server, { text: ' \n' })).toMatchObject({
      status: 400,
      body: { error: { code: 'TEXT_EMPTY', message: 'classify: expected a text, got nothing but white space' } },
    });
    expect(await post(server, { texts: ['a', '\u200b'] })).toMatchObject({
      status: 400,
      body: { error: { code: 'TEXT_EMPTY', message: 'classifyAll[1]: expected a text, got nothing but white space' } },
    });
  });

  test('GET of a route for POST is a 405 that says so', async () => {
    const response = await fetch(`${server.url}/v1/classify`);
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('POST');
    expect(await response.json()).toEqual({
      error: { code: 'METHOD_NOT_ALLOWED', message: 'expected the method POST' },
    });
  });

  test('what is not HTTP gets a 400 of the same shape', async () => {
    const socket = connect(server.port, '127.0.0.1');
    socket.write('nonsense\r\n\r\n');
    const answer = await readText(socket);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('{"error":{"code":"BAD_REQUEST","message":"malformed HTTP"}}');
  });

  test('request ids are taken over when they are harmless, else made', async () => {
    expect((await post(server, { text: 'a' }, { 'x-request-id': 'abc-1' })).headers.get('x-request-id')).toBe('abc-1');
    const made = (await post(server, { text: 'a' }, { 'x-request-id': 'a b' })).headers.get('x-request-id');
    expect(made).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('metrics count requests, and queue and compute time apart', async () => {
    await post(server, { text: 'count me' });
    const response = await fetch(`${server.url}/metrics`);
    expect(response.headers.get('content-type')).toContain('text/plain');
    const metrics = await response.text();
    const value = (name: string) =>
      Number(
        metrics
          .split('\n')
          .find((line) => line.startsWith(`${name} `))
          ?.split(' ')[1],
      );
    expect(value('slm_http_request_duration_seconds_count{route="/v1/classify",status="200"}')).toBeGreaterThan(0);
    expect(value('slm_queue_seconds_count')).toBeGreaterThan(0);
    expect(value('slm_compute_seconds_count')).toBe(value('slm_queue_seconds_count'));
    expect(value('slm_model_bytes')).toBe(server.classifier.modelBytes);
    expect(value('slm_workers')).toBe(2);
    expect(value('slm_refused_total')).toBe(0);
    expect(value('slm_requests_in_flight')).toBe(1);
    expect(value('slm_event_loop_delay_seconds{quantile="0.99"}')).toBeGreaterThanOrEqual(0);
  });

  test('live and ready', async () => {
    expect((await fetch(`${server.url}/health/live`)).status).toBe(200);
    expect((await fetch(`${server.url}/health/ready`)).status).toBe(200);
  });
});

describe('serve', () => {
  test('while it loads it lives, is not ready, and puts callers off', async () => {
    let answers: { status: number; retryAfter: string | null; code?: unknown }[] = [];
    const server = await start({
      onListening: async (url) => {
        const responses = [
          await fetch(`${url}/health/live`),
          await fetch(`${url}/health/ready`),
          await fetch(`${url}/v1/classify`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: '{"text": "a"}',
          }),
        ];
        answers = responses.map(({ status, headers }) => ({ status, retryAfter: headers.get('retry-after') }));
      },
    });
    await server.close();
    expect(answers).toEqual([
      { status: 200, retryAfter: null },
      { status: 503, retryAfter: '1' },
      { status: 503, retryAfter: '1' },
    ]);
  });

  test('a full queue is a 503 with Retry-After, everything accepted is answered', async () => {
    const server = await start({ maxQueue: 1 });
    const text = someTexts(1, () => 90)[0];
    const answers = await Promise.all(Array.from({ length: 24 }, () => post(server, { text })));
    const refused = answers.filter(({ status }) => status === 503);
    const answered = answers.filter(({ status }) => status === 200);
    expect(refused.length + answered.length).toBe(24);
    expect(refused.length).toBeGreaterThan(0);
    expect(answered.length).toBeGreaterThan(1);
    for (const { headers, body } of refused) {
      expect(headers.get('retry-after')).toBe('1');
      expect(body).toMatchObject({ error: { code: 'QUEUE_FULL' } });
    }
    expect(server.classifier.stats().refused).toBe(refused.length);
    await server.close();
  });

  test('a client that goes away cancels its request', async () => {
    const server = await start({ workers: 1 });
    const texts = someTexts(256, () => 90);
    const call = httpRequest(`${server.url}/v1/classify`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    });
    call.on('error', () => undefined);
    call.end(JSON.stringify({ texts }));
    const until = async (condition: () => boolean) => {
      while (!condition()) await new Promise(setImmediate);
    };
    await until(() => server.classifier.stats().running === 1);
    call.destroy();
    await until(() => server.classifier.stats().aborted === 1);
    await server.close();
    expect(server.classifier.stats().completed).toBeLessThan(256);
  });

  test('closing answers what is in flight, refuses new connections, and can be called twice', async () => {
    const server = await start();
    const answer = post(server, { texts: someTexts(128, () => 90) });
    while (server.classifier.stats().running === 0) await new Promise(setImmediate);
    await Promise.all([server.close(), server.close()]);
    expect((await answer).body).toMatchObject({ results: expect.any(Array) });
    await expect(fetch(`${server.url}/health/live`)).rejects.toThrow();
  });

  test('closing with a deadline gives 503 to what is not done', async () => {
    const server = await start();
    const answer = post(server, { texts: someTexts(256, () => 90) });
    while (server.classifier.stats().running === 0) await new Promise(setImmediate);
    await server.close({ deadlineMs: 0 });
    expect(await answer).toMatchObject({ status: 503, body: { error: { code: 'DRAINING' } } });
  });

  test('a taken port is a PORT_IN_USE', async () => {
    const server = await start();
    await expect(start({ port: server.port })).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: `127.0.0.1:${server.port}: expected a free port, got one in use (choose another)`,
    });
    await server.close();
    await expect(start({ host: '203.0.113.1' })).rejects.toMatchObject({ code: 'LISTEN_FAILED' });
  });

  test('a bad folder rejects and frees the port', async () => {
    let url = '';
    const listening = (at: string) => {
      url = at;
    };
    await expect(start({ folder: '/nowhere', onListening: listening })).rejects.toMatchObject({ code: 'MODEL_FOLDER' });
    await expect(fetch(`${url}/health/live`)).rejects.toThrow();
  });

  test('with a key, only its bearer may classify and read metrics', async () => {
    const server = await start({ apiKey: 'secret' });
    for (const authorization of ['', 'secret', 'Bearer wrong', 'bearer secret']) {
      expect(await post(server, { text: 'a' }, { authorization })).toMatchObject({
        status: 401,
        body: { error: { code: 'UNAUTHORIZED' } },
      });
    }
    expect((await fetch(`${server.url}/metrics`)).status).toBe(401);
    expect((await fetch(`${server.url}/health/ready`)).status).toBe(200);
    expect((await post(server, { text: 'a' }, { authorization: 'Bearer secret' })).status).toBe(200);
    await server.close();
  });

  test('the access log tells of every request, without its text', async () => {
    const lines: string[] = [];
    const server = await start({ accessLog: { write: (line: string) => void lines.push(line) } });
    await post(server, { text: 'confidential' }, { 'x-request-id': 'logged' });
    await server.close();
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0]!)).toMatchObject({
      requestId: 'logged',
      method: 'POST',
      route: '/v1/classify',
      status: 200,
      ms: expect.any(Number),
    });
    expect(lines[0]).not.toContain('confidential');
  });

  test('the text of an unexpected error goes to the log, not to the client', async () => {
    // The tokenizer makes ids that this model's table does not have: ONNX Runtime fails inside the graph.
    const broken = await writeTestFolder({ vocabulary: 6 });
    const lines: string[] = [];
    const server = await start({ folder: broken, accessLog: { write: (line: string) => void lines.push(line) } });
    expect(await post(server, { text: 'the meeting' })).toMatchObject({
      status: 500,
      body: { error: { code: 'INTERNAL', message: 'an unexpected error' } },
    });
    await server.close();
    await removeFolder(broken);
    expect(lines[0]).toContain('ENGINE_RUN');
    expect(lines[0]).toContain(broken);
  });
});
