import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { PoolStats, TaskTiming } from './worker-pool.ts';

const RESOLUTION_MS = 10;
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/** The server's figures, in a registry of its own. */
export interface ServerMetrics {
  readonly registry: Registry;
  request(route: string, status: number, seconds: number): void;
  timing(timing: TaskTiming): void;
  /** Begins to watch the event loop; called when the server is ready. */
  start(modelBytes: number, stats: () => PoolStats): void;
  stop(): void;
}

/** Names start with `slm_`; times are seconds, sizes bytes. */
export function createServerMetrics(inFlight: () => number): ServerMetrics {
  const registry = new Registry();
  const registers = [registry];
  const requests = new Histogram({
    name: 'slm_http_request_duration_seconds',
    help: 'From the request’s arrival to the end of the answer',
    labelNames: ['route', 'status'] as const,
    buckets: SECONDS,
    registers,
  });
  const queue = new Histogram({
    name: 'slm_queue_seconds',
    help: 'Wait of a task for a worker',
    buckets: SECONDS,
    registers,
  });
  const compute = new Histogram({
    name: 'slm_compute_seconds',
    help: 'Tokenizing and inference of a task in its worker',
    buckets: SECONDS,
    registers,
  });
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  gauge('slm_requests_in_flight', 'Requests being answered', inFlight);

  let delay: IntervalHistogram | undefined;
  return {
    registry,
    request: (route, status, seconds) => requests.observe({ route, status }, seconds),
    timing({ queueMs, computeMs }) {
      queue.observe(queueMs / 1000);
      compute.observe(computeMs / 1000);
    },
    start(modelBytes, stats) {
      gauge('slm_model_bytes', 'Size of the .onnx file', () => modelBytes);
      gauge('slm_workers', 'Worker threads', () => stats().workers);
      gauge('slm_queued', 'Tasks that wait for a worker', () => stats().queued);
      gauge('slm_running', 'Tasks in a worker', () => stats().running);
      new Counter({
        name: 'slm_refused_total',
        help: 'Requests refused because the queue was full',
        registers,
        collect() {
          this.reset();
          this.inc(stats().refused);
        },
      });
      const watched = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
      watched.enable();
      delay = watched;
      new Gauge({
        name: 'slm_event_loop_delay_seconds',
        help: 'How late timers fire in the server’s thread, since it was ready',
        labelNames: ['quantile'] as const,
        registers,
        collect() {
          for (const quantile of [0.5, 0.9, 0.99, 1]) this.set({ quantile }, delaySeconds(watched, quantile));
        },
      });
    },
    stop() {
      delay?.disable();
    },
  };
}

/** The histogram holds the intervals between timers, which are never shorter than its resolution. */
function delaySeconds(histogram: IntervalHistogram, quantile: number): number {
  if (histogram.count === 0) return 0;
  const interval = quantile === 1 ? histogram.max : histogram.percentile(quantile * 100);
  return Math.max(0, interval / 1e9 - RESOLUTION_MS / 1e3);
}
