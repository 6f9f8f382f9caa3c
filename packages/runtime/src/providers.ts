import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { createGraphBuilder, encodeModel, float32, SlmError } from '@slm-compress/onnx';
import * as ort from 'onnxruntime-node';

/** Execution providers of ONNX Runtime that compute on a GPU. */
export type GpuProvider = 'webgpu' | 'cuda';

/** What ONNX Runtime's CUDA provider is and links: the package's own files, the driver, CUDA 12, cuDNN 9. */
const CUDA_PACKAGE_FILES = ['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so'];
const CUDA_LIBRARIES = [
  'libcuda.so.1',
  'libcudart.so.12',
  'libcublas.so.12',
  'libcublasLt.so.12',
  'libcurand.so.10',
  'libcufft.so.11',
  'libcudnn.so.9',
];

const SIZE = 16;

/**
 * Makes sure that a provider computes on this machine: a product is run with the fall-back to the CPU forbidden.
 *
 * @throws SlmError `ENGINE_OPEN` that says what is missing.
 */
export async function checkProvider(provider: GpuProvider): Promise<void> {
  const where = `provider ${provider}`;
  if (provider === 'cuda') {
    // Asked first: ONNX Runtime prints to stderr what it could not load, whatever its log level.
    const missing = await missingCudaLibraries();
    if (missing.length > 0) {
      const hint =
        "libonnxruntime_providers_*.so come by onnxruntime-node's own install script, libcuda.so.1 by the NVIDIA driver, " +
        'the others by CUDA 12 and cuDNN 9; LD_LIBRARY_PATH is searched';
      throw new SlmError(
        'ENGINE_OPEN',
        `${where}: expected all of its libraries, missing are ${missing.join(', ')} (${hint})`,
      );
    }
  }
  const x = new ort.Tensor('float32', new Float32Array(SIZE).fill(1), [1, SIZE]);
  let got: number | undefined;
  try {
    const session = await ort.InferenceSession.create(probe(), {
      executionProviders: [provider],
      logSeverityLevel: 4,
      extra: { session: { disable_cpu_ep_fallback: '1' } },
    });
    try {
      const { y } = await session.run({ x });
      got = (y?.data as Float32Array | undefined)?.[0];
    } finally {
      await session.release();
    }
  } catch (cause) {
    throw new SlmError('ENGINE_OPEN', `${where}: expected a GPU, got ${reason(cause)}${hints[provider]}`, { cause });
  }
  if (got !== SIZE) throw new SlmError('ENGINE_OPEN', `${where}: expected ${SIZE} from a product of ones, got ${got}`);
}

const hints: Readonly<Record<GpuProvider, string>> = {
  webgpu: ' (a GPU with a Vulkan, Metal or Direct3D 12 driver is needed)',
  cuda: '',
};

/** Names of the CUDA provider's libraries that the loader will not find. */
export async function missingCudaLibraries(): Promise<readonly string[]> {
  const require = createRequire(import.meta.url);
  const root = dirname(dirname(require.resolve('onnxruntime-node')));
  const own = join(root, 'bin', 'napi-v6', process.platform, process.arch);
  const folders = (process.env.LD_LIBRARY_PATH ?? '').split(':').filter((folder) => folder !== '');
  const cached = await loaderCache();
  const found = (name: string) =>
    cached.has(name) || [own, ...folders].some((folder) => existsSync(join(folder, name)));
  return [...CUDA_PACKAGE_FILES, ...CUDA_LIBRARIES].filter((name) => !found(name));
}

/** Names that the dynamic loader knows from its cache; none where there is no `ldconfig`. */
async function loaderCache(): Promise<ReadonlySet<string>> {
  const run = promisify(execFile);
  for (const program of ['ldconfig', '/sbin/ldconfig']) {
    try {
      const { stdout } = await run(program, ['-p'], { maxBuffer: 1 << 26 });
      return new Set(stdout.split('\n').map((line) => line.trim().split(' ', 1)[0]!));
    } catch {}
  }
  return new Set();
}

function probe(): Uint8Array {
  const g = createGraphBuilder('provider-probe');
  const x = g.input('x', 'float32', [1, SIZE]);
  const w = g.constant('w', float32(new Float32Array(SIZE * SIZE).fill(1), [SIZE, SIZE]));
  g.output(g.op('MatMul', [x, w]), 'float32', [1, SIZE], 'y');
  return encodeModel(g.model({ opset: 17 }));
}

/** What ONNX Runtime says, without the source location in front. */
function reason(cause: unknown): string {
  const [line = ''] = (cause instanceof Error ? cause.message : String(cause)).split('\n', 1);
  return line.replace(/^\/onnxruntime_src\/.* was false\. /, '');
}
