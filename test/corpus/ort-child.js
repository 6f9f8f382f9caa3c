// Runs models on ONNX Runtime in a process of its own, since a model that ONNX Runtime can't take may end the process.
import { openEngine } from '@slm-compress/runtime';

process.on('message', async ({ id, model, feeds }) => {
  try {
    const engine = await openEngine(model, { optimization: 'none' });
    const outputs = await engine.run(feeds);
    await engine[Symbol.asyncDispose]();
    process.send({ id, outputs });
  } catch (error) {
    process.send({ id, refusal: { code: error.code ?? error.name, message: error.message } });
  }
});
