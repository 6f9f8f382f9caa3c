import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Tensors } from '@slm-compress/onnx';

/** What ONNX Runtime answers: outputs, a refusal, or the end of its process. */
export type OrtAnswer =
  | { readonly outputs: Tensors }
  | { readonly refusal: { readonly code: string; readonly message: string } };

export interface OrtProcess extends Disposable {
  /** Runs the bytes of a model without optimisation. A crash or 30 s without an answer is a refusal `CRASH` or `HANG`. */
  run(model: Uint8Array, feeds: Tensors): Promise<OrtAnswer>;
}

const childFile = fileURLToPath(new URL('./ort-child.js', import.meta.url));

/** Starts ONNX Runtime in a child process, which is started again after a crash. Runs go one after another. */
export function startOrt(): OrtProcess {
  let child: ChildProcess | undefined;
  let count = 0;
  const start = () =>
    fork(childFile, { serialization: 'advanced', execArgv: [], stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  return {
    async run(model, feeds) {
      child ??= start();
      const current = child;
      const id = count++;
      const answer = await new Promise<OrtAnswer>((resolve) => {
        const settle = (value: OrtAnswer) => {
          clearTimeout(timer);
          current.removeAllListeners();
          resolve(value);
        };
        const timer = setTimeout(() => settle({ refusal: { code: 'HANG', message: 'no answer in 30 s' } }), 30_000);
        current.once('exit', (code, signal) =>
          settle({ refusal: { code: 'CRASH', message: `the process ended with ${signal ?? code}` } }),
        );
        current.once('message', (message) => settle(message as OrtAnswer));
        current.send({ id, model, feeds });
      });
      if ('refusal' in answer && ['HANG', 'CRASH'].includes(answer.refusal.code)) {
        current.kill('SIGKILL');
        child = undefined;
      }
      return answer;
    },
    [Symbol.dispose]() {
      child?.kill('SIGKILL');
    },
  };
}
