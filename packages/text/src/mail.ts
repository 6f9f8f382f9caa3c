import { SlmError } from '@slm-compress/onnx';
import { decodeWords } from 'postal-mime';
import { decodeText } from './charset.ts';
import { htmlToText, looksLikeHtml, maxHtmlCharacters } from './html.ts';
import { type MimePart, readMimeTree } from './mime-tree.ts';

/** Subject and body of an e-mail as plain text, and what had to be done to get them. */
export interface MailText {
  readonly subject: string;
  readonly body: string;
  /** Parts that were HTML and became text. */
  readonly htmlParts: number;
  /** UTF-16 units of markup that disappeared. */
  readonly markup: number;
  /** Parts whose charset was missing, unknown or wrong, so that the bytes decided. */
  readonly guessedCharsets: number;
  /** Parts left out: attachments, images, calendars, delivery reports. */
  readonly attachments: number;
  /** Parts in quoted-printable or base64. */
  readonly transferDecoded: number;
}

interface Counts {
  htmlParts: number;
  markup: number;
  guessedCharsets: number;
  attachments: number;
  transferDecoded: number;
}

const maxNestedMessages = 3;
const maxBytes = 16 * 2 ** 20;

/**
 * Reads a raw e-mail (RFC 5322 with MIME): its Subject and the text of its body, nothing from any other header.
 *
 * 1. An mbox `From ` line is skipped.
 * 2. `multipart/alternative`: the plain part, unless it is blank; else the HTML part.
 * 3. Other multiparts: the text parts in order; a nested `message/rfc822` gives its own Subject and body, three deep.
 * 4. Parts with `Content-Disposition: attachment` and parts that are not text are left out.
 * 5. A multipart whose boundary never appears is read as one text.
 *
 * At most 16 MiB are read. Throws SlmError `MAIL_UNREADABLE` when the structure exceeds the parser's limits
 * (256 levels, 2 MiB of the headers it reads).
 */
export async function readMail(bytes: Uint8Array): Promise<MailText> {
  const counts: Counts = { htmlParts: 0, markup: 0, guessedCharsets: 0, attachments: 0, transferDecoded: 0 };
  const { subject, body } = await readMessage(bytes.subarray(0, maxBytes), 0, counts);
  return { subject, body, ...counts };
}

async function readMessage(
  bytes: Uint8Array,
  depth: number,
  counts: Counts,
): Promise<{ readonly subject: string; readonly body: string }> {
  const message = skipMboxLine(bytes);
  let root: MimePart;
  let subject: string;
  try {
    root = await readMimeTree(message);
    subject = decodeWords(root.headers.find((header) => header.key === 'subject')?.value ?? '');
  } catch (cause) {
    throw new SlmError(
      'MAIL_UNREADABLE',
      `mail: expected a readable MIME structure, got: ${(cause as Error).message}`,
      { cause },
    );
  }
  return { subject: repairSubject(subject, message, counts), body: await readPart(root, depth, counts) };
}

async function readPart(part: MimePart, depth: number, counts: Counts): Promise<string> {
  const type = part.contentType.parsed.value.toLowerCase();
  if (part.contentType.multipart !== false || part.childNodes.length > 0) {
    if (part.childNodes.length === 0) return readLeaf(part, type, counts);
    const texts: { readonly html: boolean; readonly text: string }[] = [];
    for (const child of part.childNodes) {
      const text = await readPart(child, depth, counts);
      if (text.trim() === '') continue;
      texts.push({ html: child.contentType.parsed.value.toLowerCase() !== 'text/plain', text });
    }
    if (part.contentType.multipart === 'alternative') {
      return (texts.find((candidate) => !candidate.html) ?? texts[0])?.text ?? '';
    }
    return texts.map((candidate) => candidate.text).join('\n');
  }
  if (part.contentDisposition.parsed.value.toLowerCase() === 'attachment') {
    counts.attachments++;
    return '';
  }
  if (type === 'message/rfc822') {
    if (depth >= maxNestedMessages || !part.content) return '';
    const nested = await readMessage(asBytes(part.content), depth + 1, counts);
    return `${nested.subject}\n${nested.body}`;
  }
  if (type !== 'text/plain' && type !== 'text/html' && type !== '' && type !== 'text') {
    if (part.content) counts.attachments++;
    return '';
  }
  return readLeaf(part, type, counts);
}

function readLeaf(part: MimePart, type: string, counts: Counts): string {
  if (!part.content) return '';
  if (/quoted-printable|base64/i.test(part.contentTransferEncoding.encoding)) counts.transferDecoded++;
  const decoded = decodeText(asBytes(part.content), part.contentType.parsed.params.charset);
  if (decoded.guessed) counts.guessedCharsets++;
  const multipart = part.contentType.multipart !== false;
  const text = multipart ? dropPartHeaders(decoded.text) : decoded.text;
  if (type === 'text/html' || looksLikeHtml(text) || (multipart && /<(html|body|table|br|p)\b/i.test(text))) {
    counts.htmlParts++;
    const plain = htmlToText(text);
    counts.markup += Math.max(0, Math.min(text.length, maxHtmlCharacters) - plain.length);
    return plain;
  }
  return text;
}

/** Lines of a multipart that was never opened: boundary lines and the headers of its parts. */
function dropPartHeaders(text: string): string {
  return text.replace(/^(--\S{4,}|(content-[a-z-]+|mime-version):.*(\r?\n[ \t].*)*)\r?$/gim, '');
}

/** The subject; a raw 8-bit one that is not UTF-8 is decoded from the bytes of the header. */
function repairSubject(subject: string, bytes: Uint8Array, counts: Counts): string {
  if (!subject.includes('\ufffd')) return subject;
  const raw = rawSubject(bytes);
  if (raw === undefined) return subject;
  const decoded = decodeText(raw);
  if (decoded.guessed) counts.guessedCharsets++;
  return decodeWords(decoded.text.replace(/\r?\n[ \t]+/g, ' ').trim());
}

function rawSubject(bytes: Uint8Array): Uint8Array | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 65_536)).toString('latin1');
  const end = /\r?\n\r?\n/.exec(text)?.index ?? text.length;
  const match = /^subject:[ \t]*([^\n]*(?:\n[ \t][^\n]*)*)/im.exec(text.slice(0, end));
  return match ? Buffer.from(match[1]!, 'latin1') : undefined;
}

function skipMboxLine(bytes: Uint8Array): Uint8Array {
  const from = [0x46, 0x72, 0x6f, 0x6d, 0x20];
  if (!from.every((byte, i) => bytes[i] === byte)) return bytes;
  const end = bytes.indexOf(0x0a);
  return end < 0 ? bytes : bytes.subarray(end + 1);
}

function asBytes(content: ArrayBuffer | Uint8Array): Uint8Array {
  return content instanceof Uint8Array ? content : new Uint8Array(content);
}
