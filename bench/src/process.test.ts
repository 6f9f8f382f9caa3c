import { describe, expect, it } from 'vitest';
import { measureProcess } from './process.ts';

const NODE = process.execPath;
const MB = 1e6;
const fill = (megabytes: number) =>
  `const held = Buffer.alloc(${megabytes} * 1e6, 1); process.stdout.write(String(held.at(-1)))`;

describe('measureProcess', () => {
  it('tells what the child wrote and the memory it filled', async () => {
    const small = await measureProcess(NODE, ['-e', fill(1)]);
    const large = await measureProcess(NODE, ['-e', fill(201)]);
    expect(large.output).toBe('1');
    expect(large.peakMemoryBytes! - small.peakMemoryBytes!).toBeGreaterThan(180 * MB);
    expect(large.peakMemoryBytes! - small.peakMemoryBytes!).toBeLessThan(240 * MB);
  });

  it('does not charge the memory of this process to the child', async () => {
    const held = Buffer.alloc(300 * MB, 1);
    const { peakMemoryBytes } = await measureProcess(NODE, ['-e', '']);
    expect(held.at(-1)).toBe(1);
    expect(peakMemoryBytes).toBeLessThan(200 * MB);
    expect(peakMemoryBytes).toBeGreaterThan(20 * MB);
  });

  it.runIf(process.platform === 'linux')('watches a child that is no Node', async () => {
    const { peakMemoryBytes } = await measureProcess('/bin/sh', ['-c', `exec "${NODE}" -e "${fill(150)}"`]);
    expect(peakMemoryBytes).toBeGreaterThan(20 * MB);
  });

  it('fails when the child fails, with the last line it complained in', async () => {
    const failing = measureProcess(NODE, [
      '-e',
      'console.error("first"); console.error("the disk is full"); process.exit(3)',
    ]);
    await expect(failing).rejects.toMatchObject({
      code: 'PROCESS_FAILED',
      message: `${NODE}: expected exit code 0, got 3 (the disk is full)`,
    });
  });

  it('fails when there is no such program', async () => {
    await expect(measureProcess('/no/such/program', [])).rejects.toMatchObject({
      code: 'PROCESS_FAILED',
      message: expect.stringContaining('/no/such/program: expected to start, got'),
    });
  });

  it('kills a child that takes too long', async () => {
    const endless = measureProcess(NODE, ['-e', 'setInterval(() => {}, 1000)'], { timeoutMs: 300 });
    await expect(endless).rejects.toMatchObject({
      code: 'PROCESS_TIMEOUT',
      message: `${NODE}: expected to end within 300 ms, got killed`,
    });
  });

  it('kills the child when aborted', async () => {
    const controller = new AbortController();
    const endless = measureProcess(NODE, ['-e', 'setInterval(() => {}, 1000)'], { signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(endless).rejects.toThrow('enough');
    await expect(measureProcess(NODE, [], { signal: controller.signal })).rejects.toThrow('enough');
  });
});
