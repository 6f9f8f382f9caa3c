import { float32 } from '@slm-compress/onnx';
import { expect, test } from 'vitest';
import { affine } from '../test/models.ts';
import { openEngine } from './open-engine.ts';
import { openPool } from './open-pool.ts';
import { missingCudaLibraries } from './providers.ts';

const feeds = { x: float32([1, 2, 3, 4], [1, 4]) };

test.each(['webgpu', 'cuda'] as const)(
  '%s computes, or says what is missing: never the CPU instead',
  async (provider) => {
    const opened = await openEngine(affine(), { provider }).catch((error: unknown) => error);
    if (opened instanceof Error) {
      expect(opened).toMatchObject({ code: 'ENGINE_OPEN', message: expect.stringContaining(`provider ${provider}`) });
      await expect(openPool(affine(), { provider, workers: 1 })).rejects.toMatchObject({ code: 'ENGINE_OPEN' });
      return;
    }
    await using engine = opened as Awaited<ReturnType<typeof openEngine>>;
    const { y } = await engine.run(feeds);
    expect(Array.from(y!.data as Float32Array)).toEqual([41, 52]);
  },
);

test('a CUDA library that is missing is called by its name', async () => {
  const missing = await missingCudaLibraries();
  if (missing.length === 0) return;
  await expect(openEngine(affine(), { provider: 'cuda' })).rejects.toMatchObject({
    message: expect.stringContaining(missing[0]!),
  });
});
