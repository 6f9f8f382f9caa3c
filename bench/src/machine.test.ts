import { describe, expect, it } from 'vitest';
import { fingerprint, parseCpuInfo, parseCpuLimit, parseMemoryLimit } from './machine.ts';

describe('fingerprint', () => {
  it('describes this machine', () => {
    const machine = fingerprint({ packages: { 'onnxruntime-node': '1.30.0' } });
    expect(machine).toMatchObject({
      platform: process.platform,
      architecture: process.arch,
      node: process.version,
      packages: { 'onnxruntime-node': '1.30.0' },
    });
    expect(machine.cpu.length).toBeGreaterThan(0);
    expect(machine.cores).toBeGreaterThanOrEqual(1);
    expect(machine.memoryBytes).toBeGreaterThan(1e8);
    expect(machine.loadAverage).toHaveLength(3);
    expect(JSON.parse(JSON.stringify(machine))).toEqual(machine);
  });

  it('reads model and instruction sets of x86 and ARM', () => {
    const x86 =
      'processor\t: 0\nmodel name\t: Some CPU @ 2.60GHz\nflags\t\t: fpu sse4_2 avx2 fma avx512f avx512_vnni ht\n';
    expect(parseCpuInfo(x86 + x86)).toEqual({
      model: 'Some CPU @ 2.60GHz',
      flags: ['avx2', 'avx512_vnni', 'avx512f', 'fma', 'sse4_2'],
    });
    expect(parseCpuInfo('processor : 0\nFeatures : fp asimd asimddp i8mm\n')).toEqual({
      model: '',
      flags: ['asimd', 'asimddp', 'i8mm'],
    });
    expect(parseCpuInfo('')).toEqual({ model: '', flags: [] });
  });

  it('reads limits of control groups, both versions', () => {
    expect(parseCpuLimit('200000 100000\n')).toBe(2);
    expect(parseCpuLimit('150000 100000')).toBe(1.5);
    for (const unlimited of ['max 100000', '-1 100000', '', ' ']) expect(parseCpuLimit(unlimited)).toBeNull();
    expect(parseMemoryLimit('1073741824\n', 4e9)).toBe(1_073_741_824);
    for (const unlimited of ['max', '', '9223372036854771712']) expect(parseMemoryLimit(unlimited, 4e9)).toBeNull();
  });
});
