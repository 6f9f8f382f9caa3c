import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';

/** The machine that gave a number. */
export interface Machine {
  /** Processor model, for example `AMD EPYC 9R14`. */
  readonly cpu: string;
  /** Cores this process may use. */
  readonly cores: number;
  /** CPUs granted by the control group, which may be a fraction; null when unlimited or unknown. */
  readonly cpuLimit: number | null;
  /** Physical memory. */
  readonly memoryBytes: number;
  /** Memory granted by the control group; null when unlimited or unknown. */
  readonly memoryLimitBytes: number | null;
  readonly platform: string;
  readonly architecture: string;
  readonly osRelease: string;
  readonly node: string;
  /** Instruction sets that decide the speed of matrix products, for example `avx2`, `avx512_vnni`; sorted. */
  readonly flags: readonly string[];
  /** Load averages over 1, 5 and 15 minutes when the fingerprint was taken; zeros on Windows. */
  readonly loadAverage: readonly [number, number, number];
  /** Versions of the packages that matter to the figures, as passed in. */
  readonly packages: Readonly<Record<string, string>>;
}

export interface FingerprintOptions {
  readonly packages?: Readonly<Record<string, string>>;
}

const INTERESTING_FLAG =
  /^(sse4_2|avx|avx2|fma|f16c|avx512(f|bw|vl|_vnni|_bf16|_fp16)|avx_vnni|amx_(tile|int8|bf16)|asimd|asimddp|i8mm|bf16|sve2?)$/;

/** Describes this machine, now. Facts the system does not tell are null or empty; never throws for them. */
export function fingerprint({ packages = {} }: FingerprintOptions = {}): Machine {
  const info = parseCpuInfo(read('/proc/cpuinfo'));
  const [one = 0, five = 0, fifteen = 0] = loadavg();
  return {
    cpu: info.model || cpus()[0]?.model.trim() || 'unknown',
    cores: availableParallelism(),
    cpuLimit: parseCpuLimit(
      read('/sys/fs/cgroup/cpu.max') ||
        `${read('/sys/fs/cgroup/cpu/cpu.cfs_quota_us').trim()} ${read('/sys/fs/cgroup/cpu/cpu.cfs_period_us').trim()}`,
    ),
    memoryBytes: totalmem(),
    memoryLimitBytes: parseMemoryLimit(
      read('/sys/fs/cgroup/memory.max') || read('/sys/fs/cgroup/memory/memory.limit_in_bytes'),
      totalmem(),
    ),
    platform: process.platform,
    architecture: process.arch,
    osRelease: release(),
    node: process.version,
    flags: info.flags,
    loadAverage: [round(one), round(five), round(fifteen)],
    packages,
  };
}

/** Model name and the interesting instruction sets of the text of `/proc/cpuinfo`; empty where it does not say. */
export function parseCpuInfo(text: string): { readonly model: string; readonly flags: readonly string[] } {
  const field = (name: RegExp) => name.exec(text)?.[1]?.trim() ?? '';
  const flags = field(/^(?:flags|Features)\s*:(.*)$/m).split(/\s+/);
  return {
    model: field(/^model name\s*:(.*)$/m),
    flags: [...new Set(flags.filter((flag) => INTERESTING_FLAG.test(flag)))].sort(),
  };
}

/** CPUs granted by a control group's `quota period` (both in µs); null for `max`, -1 or text that is neither. */
export function parseCpuLimit(text: string): number | null {
  const [quota = Number.NaN, period = Number.NaN] = text.trim().split(/\s+/).map(Number);
  return quota > 0 && period > 0 ? round(quota / period) : null;
}

/** Bytes granted by a control group; null for `max`, an empty text or a limit of at least the physical memory. */
export function parseMemoryLimit(text: string, physicalBytes: number): number | null {
  const limit = Number(text.trim() || Number.NaN);
  return limit > 0 && limit < physicalBytes ? limit : null;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
