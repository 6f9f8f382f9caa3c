import { readFileSync } from 'node:fs';
import { dataSchema } from '@slm-compress/compress';
import { expect, test } from 'vitest';
import { z } from 'zod';

const page = readFileSync(new URL('../docs/data.md', import.meta.url), 'utf8');
const named = (key: string) => page.includes(`\`${key}\``);

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly const?: string;
}
const schema = z.toJSONSchema(dataSchema, { io: 'input', reused: 'inline', unrepresentable: 'any' }) as Schema;
const of = (...path: string[]) => path.reduce<Schema | undefined>((at, key) => at?.properties?.[key], schema);

test('docs/data.md names every key of the section data', () => {
  const input = of('inputs')?.items;
  const keys = [schema, of('columns'), of('duplicates'), of('split'), input].flatMap((part) => {
    expect(part?.properties).toBeDefined();
    return Object.keys(part!.properties!);
  });
  expect(keys.length).toBeGreaterThan(35);
  expect(keys.filter((key) => !named(key))).toEqual([]);
});

test('docs/data.md names every cleaning step with its options', () => {
  const steps = of('cleaning')?.items?.oneOf ?? [];
  expect(steps.length).toBe(16);
  for (const { properties = {} } of steps) {
    const { step, ...options } = properties;
    expect(page).toContain(`\`${step!.const}\``);
    const row = page.split('\n').find((line) => line.startsWith(`| \`${step!.const}\``)) ?? '';
    for (const option of Object.keys(options))
      expect([step!.const, row]).toEqual([step!.const, expect.stringContaining(`\`${option}\``)]);
  }
});
