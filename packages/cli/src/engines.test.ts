import { expect, test } from 'vitest';
import { chooseEngine, type EngineName, type EngineTrial, tryEngine } from './engines.ts';

const trialsOf =
  (times: Partial<Record<EngineName, number>>) =>
  async (name: EngineName): Promise<EngineTrial> => {
    const milliseconds = times[name];
    return milliseconds === undefined
      ? { name, opens: false, reason: `no ${name} here` }
      : { name, opens: true, milliseconds };
  };

test('auto is the fastest that opens, and says what the others were', async () => {
  const slowGpu = await chooseEngine('auto', trialsOf({ 'ort-cpu': 3, 'ort-webgpu': 80 }));
  expect(slowGpu).toEqual({
    name: 'ort-cpu',
    reason: 'the fastest that opens (ort-cpu 3.0 ms; ort-webgpu 80.0 ms; ort-cuda does not open: no ort-cuda here)',
  });
  const fastGpu = await chooseEngine('auto', trialsOf({ 'ort-cpu': 3, 'ort-cuda': 0.2 }));
  expect(fastGpu.name).toBe('ort-cuda');
  await expect(chooseEngine('auto', trialsOf({}))).rejects.toMatchObject({ code: 'ENGINE_OPEN' });
});

test('an engine that was asked for and does not open is an error', async () => {
  await expect(chooseEngine('ort-cuda', trialsOf({ 'ort-cpu': 3 }))).rejects.toMatchObject({
    code: 'ENGINE_OPEN',
    message: 'engine ort-cuda: no ort-cuda here',
  });
});

test('ort-cpu opens and is timed', async () => {
  expect(await tryEngine('ort-cpu')).toMatchObject({ opens: true, milliseconds: expect.any(Number) });
});
