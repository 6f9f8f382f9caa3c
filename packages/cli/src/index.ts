export { runCli } from './cli.ts';
export { exitCodes } from './exit-codes.ts';
export * from './report/index.ts';
