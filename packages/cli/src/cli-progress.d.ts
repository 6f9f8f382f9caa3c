declare module 'cli-progress' {
  interface Options {
    readonly format: string;
    readonly barsize?: number;
    readonly hideCursor?: boolean;
    readonly clearOnComplete?: boolean;
    readonly stopOnComplete?: boolean;
    readonly stream?: NodeJS.WritableStream;
    readonly barCompleteChar?: string;
    readonly barIncompleteChar?: string;
  }
  type Payload = Readonly<Record<string, unknown>>;
  class SingleBar {
    constructor(options: Options);
    start(total: number, value: number, payload?: Payload): void;
    setTotal(total: number): void;
    update(value: number, payload?: Payload): void;
    stop(): void;
  }
  const cliProgress: { readonly SingleBar: typeof SingleBar };
  export default cliProgress;
}
