import { createRng, isSlmError } from '@slm-compress/onnx';
import { describe, expect, it } from 'vitest';
import { readMail } from './mail.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');
const lines = (...rows: string[]) => bytes(rows.join('\r\n'));

describe('readMail', () => {
  it('takes Subject and body and nothing from any other header', async () => {
    const planted = 'plantedlabel';
    const others = [
      'Return-Path',
      'Received',
      'X-Spam-Status',
      'X-Spam-Level',
      'List-Id',
      'From',
      'To',
      'Cc',
      'Reply-To',
      'Sender',
      'Message-Id',
      'In-Reply-To',
      'References',
      'Keywords',
      'Comments',
      'X-Subject',
      'Thread-Topic',
      'Organization',
    ];
    const mail = lines(
      `From ${planted}@example.com Thu Aug 22 13:17:22 2002`,
      ...others.map((name) => `${name}: ${planted} <${planted}@example.com>\r\n\t${planted}`),
      'Subject: the subject',
      `Content-Type: multipart/mixed; boundary="b"; x=${planted}`,
      '',
      '--b',
      `Content-Type: text/plain; name=${planted}`,
      `Content-Description: ${planted}`,
      '',
      'the body',
      '--b',
      'Content-Type: message/rfc822',
      `Content-Description: ${planted}`,
      '',
      ...others.map((name) => `${name}: ${planted} <${planted}@example.com>`),
      'Subject: inner subject',
      '',
      'inner body',
      '--b',
      `Content-Type: text/plain; name="${planted}.txt"`,
      `Content-Disposition: attachment; filename="${planted}.txt"`,
      '',
      planted,
      '--b--',
    );
    const { subject, body, attachments } = await readMail(mail);
    expect(`${subject}\n${body}`).not.toContain(planted);
    expect(subject).toBe('the subject');
    expect(body.split(/\s*\n\s*/)).toEqual(['the body', 'inner subject', 'inner body', '']);
    expect(attachments).toBe(1);
  });

  it('prefers the plain alternative, and the HTML one when the plain one is blank', async () => {
    const alternative = (plain: string) =>
      lines(
        'Subject: s',
        'Content-Type: multipart/alternative; boundary=b',
        '',
        '--b',
        'Content-Type: text/plain',
        '',
        plain,
        '--b',
        'Content-Type: text/html',
        '',
        '<p>from <b>html</b></p>',
        '--b--',
      );
    expect((await readMail(alternative('from plain'))).body.trim()).toBe('from plain');
    expect((await readMail(alternative(' '))).body.trim()).toBe('from html');
  });

  it('decodes quoted-printable, base64 and encoded words', async () => {
    const quoted = lines(
      'Subject: =?utf-8?Q?caf=C3=A9?= =?iso-8859-1?B?6Q==?=',
      'Content-Type: text/plain; charset=iso-8859-1',
      'Content-Transfer-Encoding: quoted-printable',
      '',
      'na=EFve soft=',
      'break',
    );
    const first = await readMail(quoted);
    expect(first.subject).toBe('caféé');
    expect(first.body.trim()).toBe('naïve softbreak');
    expect(first.transferDecoded).toBe(1);
    const encoded = lines(
      'Content-Type: text/html; charset=utf-8',
      'Content-Transfer-Encoding: base64',
      '',
      Buffer.from('<p>Grüße &amp; more</p>').toString('base64'),
    );
    const second = await readMail(encoded);
    expect(second.body.trim()).toBe('Grüße & more');
    expect(second.htmlParts).toBe(1);
  });

  it('decodes unknown, missing and wrong charsets from the bytes', async () => {
    const utf8 = Buffer.concat([
      lines('Content-Type: text/plain; charset=DEFAULT_CHARSET', '', ''),
      Buffer.from('Grüße'),
    ]);
    expect(await readMail(utf8)).toMatchObject({ body: expect.stringContaining('Grüße'), guessedCharsets: 1 });
    const claimed = lines('Content-Type: text/plain; charset=utf-8', '', 'caf\xe9 cr\xe8me br\xfbl\xe9e \xe0 la carte');
    expect(await readMail(claimed)).toMatchObject({
      body: expect.stringContaining('café crème brûlée'),
      guessedCharsets: 1,
    });
    const prefixed = lines('Content-Type: text/plain; charset="3Dgb2312"', '', '\xc4\xe3\xba\xc3');
    expect((await readMail(prefixed)).body.trim()).toBe('你好');
    const dos = lines('Content-Type: text/plain; charset=ibm850', '', 'caf\x82');
    expect((await readMail(dos)).body.trim()).toBe('café');
    const rawSubject = lines('Subject: na\xefve caf\xe9 pour les \xe9t\xe9s', '', 'x');
    expect((await readMail(rawSubject)).subject).toBe('naïve café pour les étés');
  });

  it('reads truncated multiparts and multiparts that never open', async () => {
    const truncated = lines(
      'Content-Type: multipart/mixed; boundary=b',
      '',
      '--b',
      'Content-Type: text/plain',
      '',
      'kept',
    );
    expect((await readMail(truncated)).body.trim()).toBe('kept');
    const unopened = lines(
      'Content-Type: multipart/alternative; boundary=never',
      '',
      '--other-boundary',
      'Content-Type: text/html',
      '',
      '<html><body>still <i>read</i></body></html>',
    );
    expect((await readMail(unopened)).body.trim()).toBe('still read');
  });

  it('takes empty input and a body without headers', async () => {
    expect(await readMail(bytes(''))).toMatchObject({ subject: '', body: '' });
    expect((await readMail(bytes('\nonly a body'))).body.trim()).toBe('only a body');
  });

  it('refuses a structure deeper than the parser allows', async () => {
    const rows: string[] = ['Content-Type: multipart/mixed; boundary=b0', ''];
    for (let i = 0; i < 400; i++) rows.push(`--b${i}`, `Content-Type: multipart/mixed; boundary=b${i + 1}`, '');
    await expect(readMail(lines(...rows))).rejects.toMatchObject({ code: 'MAIL_UNREADABLE' });
  });

  it('never throws anything but SlmError on mutated mails', async () => {
    const rng = createRng(5);
    const seeds = [
      lines(
        'From x Thu Aug 22 13:17:22 2002',
        'Subject: =?iso-2022-jp?B?GyRCJCIbKEI=?= hello',
        'MIME-Version: 1.0',
        'Content-Type: multipart/mixed; boundary="=_b(1)"',
        '',
        '--=_b(1)',
        'Content-Type: text/html; charset="windows-1251"',
        'Content-Transfer-Encoding: quoted-printable',
        '',
        '<html><head><title>t</title><script>x</script></head><body bgcolor=3D"#fff">=CF=F0 &nbsp; &#8364; &bogus;<br></table>',
        '--=_b(1)',
        'Content-Type: message/rfc822',
        '',
        'Subject: inner',
        'Content-Type: text/plain; charset=utf-7',
        '',
        'a +AGE- b',
        '--=_b(1)--',
      ),
    ];
    const splices = [
      '--=_b(1)',
      '\r\n\r\n',
      'Content-Type: multipart/alternative;',
      '<',
      '&#x110000;',
      '=?',
      '\0',
      '\xff',
      'charset=',
    ];
    for (let round = 0; round < 1500; round++) {
      let mail = Buffer.from(seeds[0]!);
      for (let i = rng.integer(6); i >= 0; i--) {
        const at = rng.integer(mail.length + 1);
        const kind = rng.integer(4);
        if (kind === 0 && mail.length > 0) mail[Math.min(at, mail.length - 1)] = rng.integer(256);
        else if (kind === 1) mail = Buffer.concat([mail.subarray(0, at), mail.subarray(at + rng.integer(60))]);
        else if (kind === 2)
          mail = Buffer.concat([mail.subarray(0, at), bytes(splices[rng.integer(splices.length)]!), mail.subarray(at)]);
        else mail = Buffer.concat([mail.subarray(0, at), mail.subarray(rng.integer(mail.length + 1))]);
      }
      try {
        const { subject, body } = await readMail(mail);
        expect(typeof subject).toBe('string');
        expect(typeof body).toBe('string');
      } catch (error) {
        expect(isSlmError(error), String(error)).toBe(true);
      }
    }
  });
});
