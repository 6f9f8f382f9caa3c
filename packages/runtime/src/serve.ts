import { createHash, randomUUID, timingSafeEqual } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { SlmError } from '@slm-compress/onnx';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { type DestinationStream, type Logger, pino } from 'pino';
import { type Classifier, openClassifier } from './classifier.ts';
import { parseClassifyRequest, parseJson } from './classify-request.ts';
import {
  DRAINING,
  errorBody,
  type HttpError,
  LOADING,
  METHOD_NOT_ALLOWED,
  NOT_FOUND,
  toHttpError,
  UNAUTHORIZED,
} from './http-errors.ts';
import { createServerMetrics } from './server-metrics.ts';

export interface ServeOptions {
  /** The model folder. */
  readonly folder: string;
  /** The model in the folder, as in `ClassifierOptions`. */
  readonly file?: string;
  /** `127.0.0.1` by default. */
  readonly host?: string;
  /** 8080 by default; 0 takes a free one. */
  readonly port?: number;
  /** Worker threads; the number of available cores by default. */
  readonly workers?: number;
  /**
   * Tasks that may wait for a worker; what comes beyond gets 503 with Retry-After. 16 per worker by default, so that
   * waiting stays within 16 times the time of one text.
   */
  readonly maxQueue?: number;
  /** Largest request body in bytes; 4 MiB by default. */
  readonly bodyLimit?: number;
  /** When set, `/v1/classify` and `/metrics` ask for `Authorization: Bearer <apiKey>`. */
  readonly apiKey?: string;
  /** JSON lines, one a request, without texts: to stdout for `true`, or to a stream. Off by default. */
  readonly accessLog?: boolean | DestinationStream;
  /** Told when the port is open, before the model is loaded; loading waits for what it returns. */
  readonly onListening?: (url: string) => unknown;
}

export interface Server {
  readonly url: string;
  readonly port: number;
  readonly classifier: Classifier;
  /**
   * Stops accepting connections, answers the requests that are there, and closes the classifier. What is not answered
   * after `deadlineMs` (10,000 by default) gets 503.
   */
  close(options?: { deadlineMs?: number }): Promise<void>;
}

/** Workers step behind the thread that accepts and refuses requests. */
const NICE = 10;

type State = 'loading' | 'ready' | 'draining';

/**
 * Serves a model folder over HTTP; resolves when it is ready.
 *
 * - `POST /v1/classify` with `{text}` answers `{label, score, scores, truncated}`; with `{texts}` (256 at most)
 *   `{results: [...]}` in their order; a blank text is a 400 `TEXT_EMPTY`; `GET` is a 405
 * - `GET /health/live` 200; `GET /health/ready` 200, or 503 while loading and draining
 * - `GET /metrics` in Prometheus' text format
 *
 * Every error answers `{error: {code, message}}`. A client that goes away cancels its request.
 *
 * @throws SlmError `PORT_IN_USE`, `LISTEN_FAILED`, and as `openClassifier`.
 */
export async function serve(options: ServeOptions): Promise<Server> {
  const { folder, file, host = '127.0.0.1', port = 8080, apiKey, onListening } = options;
  const { workers = availableParallelism(), maxQueue = 16 * workers } = options;
  let state: State = 'loading';
  let inFlight = 0;
  let classifier: Classifier | undefined;
  const metrics = createServerMetrics(() => inFlight);
  const log = createLog(options.accessLog);
  const app = createApp(options.bodyLimit ?? 4 * 2 ** 20);

  app.addHook('onRequest', async (request, reply) => {
    inFlight++;
    reply.raw.once('close', () => {
      inFlight--;
    });
    reply.header('x-request-id', request.id);
  });
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unknown';
    metrics.request(route, reply.statusCode, reply.elapsedTime / 1000);
    const { id: requestId, method } = request;
    log?.info({ requestId, method, route, status: reply.statusCode, ms: Math.round(reply.elapsedTime * 1000) / 1000 });
  });
  app.setErrorHandler((error, request, reply) => {
    const known = toHttpError(error);
    if (known.code === 'INTERNAL') log?.error({ requestId: request.id, err: error });
    return send(reply, known);
  });
  app.setNotFoundHandler((_request, reply) => send(reply, NOT_FOUND));

  app.get('/health/live', async () => ({ status: 'live' }));
  app.get('/health/ready', async (_request, reply) => {
    if (state !== 'ready') return send(reply, state === 'loading' ? LOADING : DRAINING);
    return { status: 'ready' };
  });
  app.get('/metrics', { onRequest: authorize(apiKey) }, async (_request, reply) => {
    reply.type(metrics.registry.contentType);
    return metrics.registry.metrics();
  });
  app.post('/v1/classify', { onRequest: authorize(apiKey) }, async (request, reply) => {
    if (classifier === undefined || state !== 'ready') return send(reply, state === 'loading' ? LOADING : DRAINING);
    const { text, texts } = parseClassifyRequest(request.body);
    const call = { signal: gone(reply), onTiming: metrics.timing };
    return text !== undefined
      ? classifier.classify(text, call)
      : { results: await classifier.classifyAll(texts, call) };
  });
  app.get('/v1/classify', async (_request, reply) => send(reply.header('allow', 'POST'), METHOD_NOT_ALLOWED));

  const bound = await listen(app, host, port);
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${bound}`;
  try {
    await onListening?.(url);
    classifier = await openClassifier(folder, {
      workers,
      maxQueue,
      niceIncrement: NICE,
      ...(file === undefined ? {} : { file }),
    });
  } catch (error) {
    await app.close();
    throw error;
  }
  const opened = classifier;
  metrics.start(opened.modelBytes, opened.stats);
  state = 'ready';

  const shutDown = async (deadlineMs: number): Promise<void> => {
    state = 'draining';
    const end = performance.now() + deadlineMs;
    const closed = app.close();
    await within(deadlineMs, closed);
    await opened.close({ deadlineMs: Math.max(0, end - performance.now()) });
    // Requests still being received, and the 503s of what was given up, get a moment to pass.
    await within(1000, closed);
    app.server.closeAllConnections();
    await closed;
    metrics.stop();
  };
  let closing: Promise<void> | undefined;
  return {
    url,
    port: bound,
    classifier: opened,
    close({ deadlineMs = 10_000 } = {}) {
      closing ??= shutDown(deadlineMs);
      return closing;
    },
  };
}

function createApp(bodyLimit: number): FastifyInstance {
  const app = fastify({
    bodyLimit,
    logger: false,
    return503OnClosing: false,
    requestTimeout: 60_000,
    genReqId: ({ headers }) => {
      const given = headers['x-request-id'];
      return typeof given === 'string' && /^[\w.-]{1,64}$/.test(given) ? given : randomUUID();
    },
    frameworkErrors: (error, _request, reply) => {
      void send(reply as FastifyReply, toHttpError(error));
    },
    clientErrorHandler: (_error, socket) => {
      if (!socket.writable) return;
      const body = JSON.stringify(errorBody({ status: 400, code: 'BAD_REQUEST', message: 'malformed HTTP' }));
      const head = `content-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close`;
      socket.end(`HTTP/1.1 400 Bad Request\r\n${head}\r\n\r\n${body}`);
    },
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, async (_request: FastifyRequest, body: Buffer) =>
    parseJson(body),
  );
  return app;
}

async function listen(app: FastifyInstance, host: string, port: number): Promise<number> {
  try {
    await app.listen({ host, port });
  } catch (cause) {
    await app.close();
    const code = (cause as { code?: string }).code;
    throw code === 'EADDRINUSE'
      ? new SlmError('PORT_IN_USE', `${host}:${port}: expected a free port, got one in use (choose another)`, { cause })
      : new SlmError('LISTEN_FAILED', `${host}:${port}: expected to listen, got ${code}`, { cause });
  }
  return (app.server.address() as { port: number }).port;
}

function createLog(accessLog: boolean | DestinationStream | undefined): Logger | undefined {
  if (accessLog === undefined || accessLog === false) return undefined;
  return accessLog === true ? pino() : pino({}, accessLog);
}

function send(reply: FastifyReply, error: HttpError): FastifyReply {
  if (error.retryAfterSeconds !== undefined) reply.header('retry-after', String(error.retryAfterSeconds));
  if (error.code === 'DRAINING') reply.header('connection', 'close');
  return reply.code(error.status).send(errorBody(error));
}

function authorize(apiKey: string | undefined) {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  const expected = apiKey === undefined ? undefined : digest(`Bearer ${apiKey}`);
  return async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    if (expected === undefined) return;
    if (timingSafeEqual(digest(request.headers.authorization ?? ''), expected)) return;
    reply.header('www-authenticate', 'Bearer');
    return send(reply, UNAUTHORIZED);
  };
}

/** Aborts when the connection closes before the answer is written. */
function gone(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort();
  });
  return controller.signal;
}

async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([promise, new Promise((resolve) => (timer = setTimeout(resolve, ms)))]);
  clearTimeout(timer);
}
