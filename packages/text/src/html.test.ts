import { createRng } from '@slm-compress/onnx';
import { describe, expect, it } from 'vitest';
import { htmlToText, maxHtmlCharacters } from './html.ts';

const read = (html: string) => htmlToText(html).replace(/\s+/g, ' ').trim();

describe('htmlToText', () => {
  it('decodes entities, also without a semicolon', () => {
    expect(read('caf&eacute; &amp; t&#233;a &#x20AC;5 &lt;b&gt; &copy2002')).toBe('café & téa €5 <b> ©2002');
  });

  it('leaves out scripts, styles, comments and the head', () => {
    const html =
      '<html><head><title>T</title><style>p{}</style></head><body>a<script>if (1 < 2) "</b>"</script><!-- c -->b<style>x</style></body></html>';
    expect(read(html)).toBe('ab');
  });

  it('separates blocks and cells, not inline elements', () => {
    expect(read('<p>a</p><p>b</p><b>c</b>d<table><tr><td>e<td>f<tr><td>g</table>h<br>i')).toBe('a b cd e f g h i');
  });

  it('keeps alt texts', () => {
    expect(read('x<img src=a alt="buy now">y')).toBe('x buy now y');
  });

  it('reads broken markup', () => {
    expect(read('<p <b>>bold</i></table><a href="x>lost</a> <div>kept')).toContain('bold');
    expect(read('<html><head><title>only a head')).toBe('only a head');
    expect(read('<head>left open<body>seen</body>')).toBe('seen');
    expect(read('a < b and c > d')).toBe('a < b and c > d');
  });

  it('reads at most a bounded piece, in bounded work', () => {
    expect(read(`<p>${'x'.repeat(maxHtmlCharacters * 2)}`).length).toBeLessThanOrEqual(maxHtmlCharacters);
    expect(read(`${'<a><b>'.repeat(10_000)}${'</c>'.repeat(17_000)}end`)).toBe('end');
  });

  it('takes any string', () => {
    const rng = createRng(3);
    const pieces = [
      '<',
      '>',
      '</',
      '<!--',
      '-->',
      '<script',
      '<style>',
      '&',
      '&#',
      ';',
      '"',
      "'",
      '=',
      '<![CDATA[',
      '<?',
      'a',
      ' ',
      '\ud800',
      '<svg>',
      '<head>',
      '<title>',
    ];
    for (let round = 0; round < 2000; round++) {
      let html = '';
      for (let i = rng.integer(30); i >= 0; i--) html += pieces[rng.integer(pieces.length)];
      expect(typeof htmlToText(html)).toBe('string');
    }
  });
});
