import { fileURLToPath } from 'node:url';
import { measureProcess } from '@slm-compress/bench';
import { z } from 'zod';

const outputSchema = z.object({ loadMs: z.number(), texts: z.number() });

export interface ChildMeasurement {
  /** From nothing to the first answer being possible, in a fresh process. */
  readonly loadMs: number;
  /** Peak resident memory of that process after some answers. */
  readonly peakMemoryBytes: number | null;
}

/** Loads a model in a process of its own and lets it answer. Throws `PROCESS_FAILED` when it cannot. */
export async function measureChild(folder: string, signal?: AbortSignal): Promise<ChildMeasurement> {
  const launcher = fileURLToPath(new URL('../../bin/slm-compress.js', import.meta.url));
  const { output, peakMemoryBytes } = await measureProcess(process.execPath, [launcher, 'measure', folder, '--json'], {
    timeoutMs: 60_000,
    ...(signal === undefined ? {} : { signal }),
  });
  const { loadMs } = outputSchema.parse(JSON.parse(output));
  return { loadMs, peakMemoryBytes };
}
