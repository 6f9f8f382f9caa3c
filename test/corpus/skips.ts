import { afterAll, type TestContext } from 'vitest';

/** Skips tests with a reason; the reasons are printed with their counts when the file ends. */
export function countSkips(title: string): (context: TestContext, reason: string) => never {
  const counts = new Map<string, number>();
  afterAll(() => {
    const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
    const lines = [...counts]
      .sort((a, b) => b[1] - a[1])
      .map(([reason, count]) => `  ${String(count).padStart(4)}  ${reason}`);
    console.log([`${title}: ${total} skipped`, ...lines].join('\n'));
  });
  return (context, reason) => {
    counts.set(reason, (counts.get(reason) ?? 0) + 1);
    return context.skip(reason);
  };
}
