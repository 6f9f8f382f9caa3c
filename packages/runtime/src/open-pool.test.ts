import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createRng, encodeModel, float32, type Tensor, writeModel } from '@slm-compress/onnx';
import { describe, expect, test } from 'vitest';
import { affine, deep, encoder } from '../test/models.ts';
import { openEngine } from './open-engine.ts';
import { openPool } from './open-pool.ts';
import { openWorkerPool, type WorkerPool } from './worker-pool.ts';

const one = float32([1, 2, 3, 4], [1, 4]);
/** Takes a worker far longer than it takes this thread to go on. */
const slow = () => deep(24, 128);
const rows = (count: number) => float32(new Float32Array(count * 128).fill(0.5), [count, 128]);

describe('openPool', () => {
  test('a model, its bytes and its file give what one engine gives', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'slm-pool-'));
    try {
      const path = join(folder, 'affine.onnx');
      await writeModel(path, affine());
      await using engine = await openEngine(affine());
      for (const source of [affine(), encodeModel(affine()), path]) {
        await using pool = await openPool(source, { workers: 1 });
        expect(pool.signature).toEqual(engine.signature);
        expect(await pool.run({ x: one })).toEqual(await engine.run({ x: one }));
        expect(Object.keys(await pool.run({ x: one }, { outputs: ['total'] }))).toEqual(['total']);
      }
      const optimised = join(folder, 'optimised.onnx');
      await using pool = await openPool(affine(), { workers: 2, optimizedModelPath: optimised });
      expect((await readFile(optimised)).length).toBeGreaterThan(0);
      expect(pool.stats().workers).toBe(2);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('results do not depend on the worker, the number of workers, or the company', async () => {
    const model = encoder({ vocabulary: 50, positions: 32, hidden: 32, heads: 2, layers: 2, labels: 3 });
    const rng = createRng(1);
    const feeds = Array.from({ length: 24 }, (_, index): Record<string, Tensor> => {
      const dims = [1 + (index % 3), 16];
      const count = dims[0]! * 16;
      return {
        input_ids: { type: 'int64', dims, data: BigInt64Array.from({ length: count }, () => BigInt(rng.integer(50))) },
        attention_mask: { type: 'int64', dims, data: new BigInt64Array(count).fill(1n) },
      };
    });
    await using engine = await openEngine(model);
    const expected = [];
    for (const feed of feeds) expected.push(await engine.run(feed));
    for (const workers of [1, 3]) {
      await using pool = await openPool(model, { workers });
      expect(await Promise.all(feeds.map((feed) => pool.run(feed)))).toEqual(expected);
      expect(pool.stats()).toEqual({
        workers,
        queued: 0,
        running: 0,
        completed: 24,
        failed: 0,
        refused: 0,
        aborted: 0,
        lost: 0,
      });
    }
  });

  test('the caller’s arrays stay usable, views and shared memory included', async () => {
    await using pool = await openPool(affine(), { workers: 1 });
    const wide = Float32Array.of(9, 1, 2, 3, 4, 9);
    const shared = new Float32Array(new SharedArrayBuffer(16));
    shared.set([1, 2, 3, 4]);
    for (const data of [one.data as Float32Array, wide.subarray(1, 5), shared]) {
      const before = Array.from(data);
      expect((await pool.run({ x: float32(data, [1, 4]) })).y).toEqual(float32([41, 52], [1, 2]));
      expect(Array.from(data)).toEqual(before);
    }
    expect(wide.length).toBe(6);
  });

  test('bad feeds and failing operators keep their codes and leave the worker healthy', async () => {
    await using pool = await openPool(
      encoder({ vocabulary: 10, positions: 16, hidden: 8, heads: 2, layers: 1, labels: 2 }),
      { workers: 1 },
    );
    const ids = (id: bigint): Record<string, Tensor> => ({
      input_ids: { type: 'int64', dims: [1, 1], data: BigInt64Array.of(id) },
      attention_mask: { type: 'int64', dims: [1, 1], data: BigInt64Array.of(1n) },
    });
    await expect(pool.run({})).rejects.toMatchObject({ code: 'ENGINE_INPUT' });
    await expect(pool.run(ids(1n), { outputs: ['no'] })).rejects.toMatchObject({ code: 'ENGINE_INPUT' });
    await expect(pool.run(ids(99n))).rejects.toMatchObject({ code: 'ENGINE_RUN', name: 'SlmError' });
    await expect(pool.run(ids(1n), { signal: 5 as never })).rejects.toMatchObject({ code: 'ENGINE_INPUT' });
    expect((await pool.run(ids(1n))).logits!.dims).toEqual([1, 2]);
    expect(pool.stats()).toMatchObject({ completed: 1, failed: 1 });
  });

  test('a model that does not open rejects the pool with the engine’s code', async () => {
    await expect(openPool('/nowhere/model.onnx', { workers: 2 })).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    await expect(openPool(new Uint8Array(9), { workers: 2 })).rejects.toMatchObject({ code: 'ONNX_CORRUPT' });
  });

  test('one more than the queue holds is refused at once, the others are answered', async () => {
    await using pool = await openPool(slow(), { workers: 1, maxQueue: 2 });
    const accepted = [0, 1, 2].map(() => pool.run({ x: rows(64) }));
    expect(pool.stats()).toMatchObject({ running: 1, queued: 2 });
    await expect(pool.run({ x: rows(1) })).rejects.toMatchObject({
      code: 'QUEUE_FULL',
      message: 'pool: expected at most 2 waiting, got one more',
    });
    expect(pool.stats()).toMatchObject({ running: 1, queued: 2, refused: 1 });
    expect((await Promise.all(accepted)).map(({ y }) => y!.dims)).toEqual([
      [64, 128],
      [64, 128],
      [64, 128],
    ]);
  });

  test('an empty queue still lets every worker have a run', async () => {
    await using pool = await openPool(slow(), { workers: 2, maxQueue: 0 });
    const accepted = [pool.run({ x: rows(8) }), pool.run({ x: rows(8) })];
    await expect(pool.run({ x: rows(8) })).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    await Promise.all(accepted);
    await pool.run({ x: rows(8) });
  });

  test('cancelling a waiting run takes it out of the queue', async () => {
    await using pool = await openPool(slow(), { workers: 1, maxQueue: 1 });
    const first = pool.run({ x: rows(64) });
    const controller = new AbortController();
    const second = pool.run({ x: rows(64) }, { signal: controller.signal });
    expect(pool.stats()).toMatchObject({ running: 1, queued: 1 });
    controller.abort(new Error('changed my mind'));
    expect(pool.stats()).toMatchObject({ running: 1, queued: 0, aborted: 1 });
    await expect(second).rejects.toMatchObject({ code: 'ABORTED', cause: { message: 'changed my mind' } });
    await first;
    expect(pool.stats()).toMatchObject({ completed: 1 });
    await expect(pool.run({ x: rows(1) }, { signal: controller.signal })).rejects.toMatchObject({ code: 'ABORTED' });
  });

  test('cancelling a run in progress rejects before it ends and leaves the worker healthy', async () => {
    await using pool = await openPool(slow(), { workers: 1 });
    const controller = new AbortController();
    const cancelled = pool.run({ x: rows(2048) }, { signal: controller.signal });
    const next = pool.run({ x: rows(1) });
    controller.abort();
    await expect(cancelled).rejects.toMatchObject({ code: 'ABORTED' });
    expect(pool.stats()).toMatchObject({ running: 1, queued: 1, completed: 0 });
    expect((await next).y!.dims).toEqual([1, 128]);
    expect(pool.stats()).toMatchObject({ running: 0, completed: 1, aborted: 1, lost: 0 });
  });

  test('disposing answers what was accepted and refuses what comes after', async () => {
    const pool = await openPool(slow(), { workers: 1 });
    const accepted = [0, 1, 2].map(() => pool.run({ x: rows(16) }));
    const closed = Promise.all([pool[Symbol.asyncDispose](), pool[Symbol.asyncDispose]()]);
    await expect(pool.run({ x: rows(1) })).rejects.toMatchObject({ code: 'ENGINE_CLOSED' });
    expect(await Promise.all(accepted)).toHaveLength(3);
    await closed;
  });
});

describe('a worker that dies', () => {
  /** A pool whose threads end while they start, or when handed a run, as often as the counters say. */
  const open = (starts = 0) => {
    const bytes = encodeModel(slow());
    const model = new SharedArrayBuffer(bytes.length);
    new Uint8Array(model).set(bytes);
    const setup = { model, options: {}, startDeaths: counter(0) };
    const ready = openWorkerPool(setup, {
      workers: 1,
      workerFile: fileURLToPath(new URL('../test/dying-worker.js', import.meta.url)),
    });
    return ready.then((pool) => {
      setup.startDeaths[0] = starts;
      return pool;
    });
  };
  const counter = (count: number) => {
    const shared = new Int32Array(new SharedArrayBuffer(4));
    shared[0] = count;
    return shared;
  };
  const run = (pool: WorkerPool, deaths: number) => {
    const task = { kind: 'run' as const, feeds: { x: rows(1) }, deaths: counter(deaths) };
    return pool.submit<'run'>(() => ({ task }));
  };

  test('is replaced, and its run repeated', async () => {
    await using pool = await open();
    expect((await run(pool, 1)).y!.dims).toEqual([1, 128]);
    expect(pool.stats()).toMatchObject({ completed: 1, failed: 0, lost: 1 });
  });

  test('twice with the same run is a WORKER_LOST, and the pool goes on', async () => {
    await using pool = await open();
    const [first, second] = await Promise.allSettled([run(pool, 2), run(pool, 0)]);
    expect(first).toMatchObject({ status: 'rejected', reason: { code: 'WORKER_LOST' } });
    expect(second).toMatchObject({ status: 'fulfilled' });
    expect(pool.stats()).toMatchObject({ completed: 1, failed: 1, lost: 2 });
  });

  test('while it starts is replaced as well', async () => {
    await using pool = await open(2);
    expect((await run(pool, 1)).y!.dims).toEqual([1, 128]);
  });

  test('at every start makes the pool give up', async () => {
    await using pool = await open(1000);
    await expect(run(pool, 1)).rejects.toMatchObject({ code: 'WORKER_LOST' });
    await expect(run(pool, 0)).rejects.toMatchObject({ code: 'WORKER_LOST' });
  });
});

describe('the end', () => {
  test('closing with a deadline gives up what is not done', async () => {
    await using engines = await openPool(slow(), { workers: 1 });
    const settled = Promise.allSettled([engines.run({ x: rows(512) }), engines.run({ x: rows(512) })]);
    await engines.close({ deadlineMs: 0 });
    for (const result of await settled) expect(result).toMatchObject({ reason: { code: 'ENGINE_CLOSED' } });
  });

  test('a process may exit while runs are in progress', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'slm-exit-'));
    try {
      await writeModel(join(folder, 'slow.onnx'), slow());
      const script = fileURLToPath(new URL('../test/exit-while-running.js', import.meta.url));
      const child = spawn(process.execPath, [script, join(folder, 'slow.onnx')], { stdio: 'ignore' });
      expect(await once(child, 'exit')).toEqual([3, null]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
