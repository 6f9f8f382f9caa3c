import PostalMime from 'postal-mime';

/** A part of an e-mail: the headers that matter here and, for a leaf, the bytes after transfer decoding. */
export interface MimePart {
  readonly headers: readonly { readonly key: string; readonly value: string }[];
  readonly contentType: { readonly parsed: HeaderValue; readonly multipart: string | false };
  readonly contentDisposition: { readonly parsed: HeaderValue };
  readonly contentTransferEncoding: { readonly encoding: string };
  /** Null when the message ended before the part did. Lines end with LF. */
  readonly content: ArrayBuffer | Uint8Array | null;
  readonly childNodes: readonly MimePart[];
}

interface HeaderValue {
  readonly value: string;
  readonly params: Readonly<Record<string, string>>;
}

/** The state that postal-mime keeps behind a parser instance. */
interface Parser {
  readonly root: MimePart;
  readonly currentNode: MimePart & {
    readonly state: 'header' | 'body' | 'finished';
    contentDecoder: ContentDecoder | null;
    feed(line: Uint8Array): void;
  };
  /** Feeds the line unless it is a boundary, which ends and starts parts; the last line ends them all. */
  processLine(line: Uint8Array, isFinal: boolean): Promise<void>;
}

interface ContentDecoder {
  update(line: Uint8Array): void;
  finalize(): Promise<ArrayBuffer | Uint8Array>;
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const dash = 0x2d;
const space = 0x20;
const tab = 0x09;

/**
 * Parses the MIME structure of a message with postal-mime, line by line: the parser's own `parse` awaits every line,
 * makes a Blob of every part and renders texts, addresses and attachments that nobody reads here.
 *
 * Of the headers only those that may be `Subject` or `Content-…` are read, of the lines only those that may be boundaries
 * go through its asynchronous step, and parts without a transfer encoding are collected by {@link collectLines}.
 * Throws what postal-mime throws when the structure exceeds its limits.
 */
export async function readMimeTree(message: Uint8Array): Promise<MimePart> {
  const parser = new PostalMime() as unknown as Parser;
  let skipping = false;
  for (let start = 0; start < message.length; ) {
    const newline = message.indexOf(lineFeed, start);
    const next = newline < 0 ? message.length : newline + 1;
    let end = newline < 0 ? message.length : newline;
    while (end > start && message[end - 1] === carriageReturn) end--;
    const isFinal = next === message.length;
    const part = parser.currentNode;
    if (part.state === 'header' && end > start) {
      const first = message[start]!;
      // A line that starts with white space continues the header before it.
      if (first !== space && first !== tab) skipping = !/[cs-]/i.test(String.fromCharCode(first));
      if (skipping && !isFinal) {
        start = next;
        continue;
      }
      // A last line that is skipped still has to end the message.
      if (skipping) end = start;
    }
    const line = message.subarray(start, end);
    start = next;
    if (isFinal || (line[0] === dash && line[1] === dash)) {
      await parser.processLine(line, isFinal);
      skipping = false;
      continue;
    }
    const before: string = part.state;
    part.feed(line);
    if (part.state !== before && !/quoted-printable|base64/.test(part.contentTransferEncoding.encoding)) {
      part.contentDecoder = collectLines();
    }
  }
  return parser.root;
}

/** Joins lines, each with LF at its end. */
function collectLines(): ContentDecoder {
  let bytes = new Uint8Array(4096);
  let length = 0;
  return {
    update(line) {
      const needed = length + line.length + 1;
      if (needed > bytes.length) {
        const larger = new Uint8Array(Math.max(needed, 2 * bytes.length));
        larger.set(bytes.subarray(0, length));
        bytes = larger;
      }
      bytes.set(line, length);
      bytes[needed - 1] = lineFeed;
      length = needed;
    },
    finalize: async () => bytes.subarray(0, length),
  };
}
