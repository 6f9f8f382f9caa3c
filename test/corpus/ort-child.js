// Runs models on ONNX Runtime in a process of its own, since a model that ONNX Runtime can't take may end the process.
import { openEngine } from '@slm-compress/runtime';

process.on('message', async ({ id, model, feeds }) => {
  try {
    const engine = await openEngine(model, { optimization: 'none' });
    const outputs = await engine.run(aligned(feeds));
    await engine[Symbol.asyncDispose]();
    process.send({ id, outputs });
  } catch (error) {
    process.send({ id, refusal: { code: error.code ?? error.name, message: error.message } });
  }
});

/** Tensors in buffers of their own: how data lies in memory changes the order of ONNX Runtime's sums. */
function aligned(feeds) {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, tensor]) => [name, { ...tensor, data: tensor.data.slice() }]),
  );
}
