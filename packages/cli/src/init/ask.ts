import { createInterface } from 'node:readline/promises';

/** Asks a person. */
export interface Asker {
  /** One of the choices by number or name; an empty answer is the first. Asks again for anything else. */
  choice(question: string, choices: readonly string[]): Promise<string>;
  /** An empty answer is yes. */
  yes(question: string): Promise<boolean>;
  close(): void;
}

/** An asker over two streams. Rejects with an AbortError when the input ends or Ctrl-C is pressed. */
export function createAsker(input: NodeJS.ReadableStream, output: NodeJS.WritableStream): Asker {
  const lines = createInterface({ input, output });
  const ended = new AbortController();
  const end = () => ended.abort();
  lines.on('close', end);
  lines.on('SIGINT', end);
  const ask = async (question: string) => (await lines.question(question, { signal: ended.signal })).trim();
  return {
    async choice(question, choices) {
      const list = choices.map((choice, i) => `  ${i + 1}  ${choice}`).join('\n');
      for (;;) {
        const answer = await ask(`${question}\n${list}\n[1] `);
        if (answer === '') return choices[0]!;
        const chosen = choices.includes(answer) ? answer : choices[Number(answer) - 1];
        if (chosen !== undefined) return chosen;
        output.write(`expected a number from 1 to ${choices.length} or one of the names\n`);
      }
    },
    async yes(question) {
      for (;;) {
        const answer = (await ask(`${question} [Y/n] `)).toLowerCase();
        if (answer === '' || answer === 'y' || answer === 'yes') return true;
        if (answer === 'n' || answer === 'no') return false;
      }
    },
    close: () => lines.close(),
  };
}
