import { renderToString } from 'preact-render-to-string';
import { type Content, element } from './elements.ts';
import { STYLE } from './theme.ts';

export interface Page {
  readonly title: string;
  readonly description?: string;
  /** Added to the common style. */
  readonly style?: string;
  readonly hero: Content;
  readonly main: readonly Content[];
  readonly footer: Content;
}

/** A whole HTML document: style inline, no script, no reference to any other file or host. */
export function htmlPage({ title, description, style = '', hero, main, footer }: Page): string {
  const page = element(
    'html',
    { lang: 'en' },
    element(
      'head',
      null,
      element('meta', { charset: 'utf-8' }),
      element('meta', { name: 'viewport', content: 'width=device-width, initial-scale=1' }),
      description === undefined ? null : element('meta', { name: 'description', content: description }),
      element('title', null, title),
      element('style', { dangerouslySetInnerHTML: { __html: STYLE + style } }),
    ),
    element('body', null, hero, element('main', null, ...main), element('footer', null, footer)),
  );
  return `<!doctype html>\n${renderToString(page)}\n`;
}
