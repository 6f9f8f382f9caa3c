import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { createAsker } from './ask.ts';

const setUp = () => {
  const input = new PassThrough();
  const output = new PassThrough();
  let shown = '';
  output.on('data', (chunk) => {
    shown += chunk;
  });
  return {
    asker: createAsker(input, output),
    answer: (line: string) => input.write(`${line}\n`),
    input,
    shown: () => shown,
  };
};

it.each([
  ['', 'small'],
  ['2', 'tiny'],
  ['medium', 'medium'],
])('choice: %j means %s', async (line, expected) => {
  const { asker, answer } = setUp();
  const chosen = asker.choice('How large?', ['small', 'tiny', 'medium']);
  answer(line);
  expect(await chosen).toBe(expected);
});

it('asks again for what is no answer', async () => {
  const { asker, input, shown } = setUp();
  const chosen = asker.choice('Which?', ['a', 'b']);
  input.write('4\n');
  await new Promise((next) => setImmediate(next));
  input.write('b\n');
  expect(await chosen).toBe('b');
  expect(shown()).toContain('  1  a\n  2  b\n[1] expected a number from 1 to 2 or one of the names\n');
});

it('yes or no, yes by default', async () => {
  const { asker, answer } = setUp();
  for (const [line, expected] of [
    ['', true],
    ['n', false],
    ['YES', true],
  ] as const) {
    const said = asker.yes('Write?');
    answer(line);
    expect(await said).toBe(expected);
  }
});

it('rejects when the input ends', async () => {
  const { asker, input } = setUp();
  const said = asker.yes('Write?');
  input.end();
  await expect(said).rejects.toMatchObject({ name: 'AbortError' });
});
