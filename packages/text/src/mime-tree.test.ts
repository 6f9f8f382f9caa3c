import { createRng } from '@slm-compress/onnx';
import PostalMime from 'postal-mime';
import { describe, expect, it } from 'vitest';
import { type MimePart, readMimeTree } from './mime-tree.ts';

/** Type, encoding and bytes of every part, depth first. */
function leaves(part: MimePart): readonly (readonly [string, string, string | null])[] {
  const content = part.content === null ? null : Buffer.from(part.content as Uint8Array).toString('latin1');
  const own = [
    `${part.headers.find((header) => header.key === 'subject')?.value} ${part.contentType.parsed.value}`,
    part.contentTransferEncoding.encoding,
    content,
  ] as const;
  return [own, ...part.childNodes.flatMap(leaves)];
}

async function ofPostalMime(message: Uint8Array): Promise<MimePart> {
  const parser = new PostalMime({ forceRfc822Attachments: true });
  await parser.parse(message);
  return (parser as unknown as { readonly root: MimePart }).root;
}

const pieces = [
  'Subject: s',
  'Content-Type: multipart/mixed; boundary=b',
  'Content-Type: multipart/alternative; boundary="c"',
  'Content-Type: text/html; charset=utf-8',
  'Content-Type: message/rfc822',
  'Content-Transfer-Encoding: base64',
  'Content-Transfer-Encoding: Quoted-Printable',
  'Content-Transfer-Encoding: 8bit',
  ' continued',
  'X-Other: x',
  '\tcontinued',
  ' subject: t',
  '--b',
  '--b--',
  '--c',
  '--c--',
  '--b ',
  '--',
  '-- ',
  '',
  '',
  'text \xe9',
  'soft=',
  'a=E9b',
  'aGVsbG8=',
  'bare\rreturn',
  'x'.repeat(5000),
];

describe('readMimeTree', () => {
  it('gives the parts and bytes that postal-mime itself gives, for any sequence of lines', async () => {
    const rng = createRng(12);
    let parts = 0;
    for (let round = 0; round < 800; round++) {
      let text = round % 2 ? 'Content-Type: multipart/mixed; boundary=b\n\n--b\n' : '';
      for (let i = rng.integer(20); i >= 0; i--) {
        text += pieces[rng.integer(pieces.length)]! + ['\n', '\r\n', '\r\r\n'][rng.integer(3)]!;
      }
      const message = Buffer.from(rng.integer(2) ? text.trimEnd() : text, 'latin1');
      const tree = await readMimeTree(message);
      const expected = leaves(await ofPostalMime(message));
      expect(leaves(tree)).toEqual(expected);
      parts += expected.length;
    }
    expect(parts).toBeGreaterThan(1000);
  });
});
