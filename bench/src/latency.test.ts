import { createRng, type Engine, SlmError } from '@slm-compress/onnx';
import { describe, expect, it } from 'vitest';
import { measureAlternating, measureLatency } from './latency.ts';
import { measureThroughput } from './throughput.ts';

describe('measureLatency', () => {
  it('counts only the calls after the warm-up', async () => {
    let calls = 0;
    const run = async () => void calls++;
    const distribution = await measureLatency(run, { iterations: 40, warmup: 7 });
    expect(calls).toBe(47);
    expect(distribution).toMatchObject({ n: 40, unit: 'ms' });
    expect(distribution.samples).toHaveLength(40);
  });

  it('waits for one call before the next', async () => {
    let running = 0;
    let most = 0;
    const run = async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
    };
    await measureLatency(run, { iterations: 5, warmup: 2 });
    expect(most).toBe(1);
  });

  it('stops when its time is spent, after one call at least', async () => {
    const distribution = await measureLatency(async () => undefined, { iterations: 1000, warmup: 0, timeMs: 0 });
    expect(distribution.n).toBe(1);
  });

  it('runs an engine on the feeds and refuses one without', async () => {
    const seen: unknown[] = [];
    const engine = { run: async (feeds: unknown) => seen.push(feeds) } as unknown as Engine;
    const feeds = { x: { type: 'float32', dims: [1], data: Float32Array.of(1) } } as never;
    await measureLatency(engine, { feeds, iterations: 3, warmup: 0 });
    expect(seen).toEqual([feeds, feeds, feeds]);
    await expect(measureLatency(engine)).rejects.toThrow('measureLatency: expected feeds for an engine, got none');
  });

  it('ends with the reason of its signal', async () => {
    const controller = new AbortController();
    const run = async () => controller.abort(new Error('enough'));
    await expect(measureLatency(run, { signal: controller.signal })).rejects.toThrow('enough');
  });

  it('refuses no iterations', async () => {
    await expect(measureLatency(async () => undefined, { iterations: 0 })).rejects.toThrow(
      'measureLatency: expected iterations to be at least 1, got 0',
    );
  });
});

describe('measureAlternating', () => {
  const record = async (seed: number) => {
    const order: string[] = [];
    const cases = ['a', 'b', 'c'].map((name) => ({ name, run: async () => order.push(name) }));
    const results = await measureAlternating(cases, { rounds: 30, warmup: 2, rng: createRng(seed) });
    return { order, results };
  };

  it('calls every case once a round, in shuffled order', async () => {
    const { order, results } = await record(1);
    const rounds = Array.from({ length: 32 }, (_, i) => order.slice(3 * i, 3 * i + 3));
    for (const round of rounds) expect([...round].sort()).toEqual(['a', 'b', 'c']);
    expect(new Set(rounds.map((round) => round.join(''))).size).toBe(6);
    expect(results.map(({ name, times }) => [name, times.length])).toEqual([
      ['a', 30],
      ['b', 30],
      ['c', 30],
    ]);
  });

  it('settles a case by untimed calls right before the timed one', async () => {
    const order: string[] = [];
    const cases = ['a', 'b'].map((name) => ({ name, run: async () => order.push(name) }));
    const results = await measureAlternating(cases, { rounds: 4, warmup: 1, settle: 2 });
    expect(order).toHaveLength(30);
    for (let turn = 0; turn < 10; turn++) expect(new Set(order.slice(3 * turn, 3 * turn + 3)).size).toBe(1);
    for (const { times } of results) expect(times).toHaveLength(4);
  });

  it('takes its order from the seed', async () => {
    expect((await record(5)).order).toEqual((await record(5)).order);
    expect((await record(5)).order).not.toEqual((await record(6)).order);
  });

  it('refuses no case, a name used twice and no rounds', async () => {
    const run = async () => undefined;
    await expect(measureAlternating([])).rejects.toThrow('expected the number of cases to be at least 1, got 0');
    await expect(
      measureAlternating([
        { name: 'a', run },
        { name: 'a', run },
      ]),
    ).rejects.toThrow('measureAlternating: expected distinct names, got a, a');
    await expect(measureAlternating([{ name: 'a', run }], { rounds: 0 })).rejects.toMatchObject({
      code: 'BENCH_OPTIONS',
    });
  });
});

describe('measureThroughput', () => {
  it('keeps the given number of calls in flight and runs every input', async () => {
    const waiting: (() => void)[] = [];
    let most = 0;
    const seen: number[] = [];
    const run = (input: number) =>
      new Promise<void>((resolve) => {
        seen.push(input);
        waiting.push(resolve);
        most = Math.max(most, waiting.length);
        setImmediate(() => waiting.shift()?.());
      });
    const inputs = Array.from({ length: 25 }, (_, i) => i);
    const result = await measureThroughput(inputs, run, { concurrency: 3, warmup: 0 });
    expect(most).toBe(3);
    expect(seen).toEqual(inputs);
    expect(result).toMatchObject({ n: 25, concurrency: 3 });
    expect(result.latency.n).toBe(25);
    expect(result.perSecond).toBeCloseTo(25 / result.seconds, 6);
  });

  it('fails with the first error, when no call is in flight any more', async () => {
    let running = 0;
    const run = async (input: number) => {
      running++;
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      if (input === 4) throw new SlmError('QUEUE_FULL', 'pool: full');
    };
    const measured = measureThroughput([0, 1, 2, 3, 4, 5, 6, 7, 8], run, { concurrency: 2, warmup: 0 });
    await expect(measured).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    expect(running).toBe(0);
  });

  it('refuses no inputs', async () => {
    await expect(measureThroughput([], async () => undefined)).rejects.toThrow(
      'measureThroughput: expected inputs and concurrency of at least 1, got 0 and 4',
    );
  });
});
