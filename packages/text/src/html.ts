import { Parser } from 'htmlparser2';

/** Elements whose content nobody reads. */
const hidden = new Set([
  'script',
  'style',
  'head',
  'title',
  'template',
  'object',
  'applet',
  'svg',
  'noframes',
  'textarea',
]);
/** Elements that start and end a line. */
const blocks = new Set(
  (
    'address article aside blockquote body br center dd dir div dl dt fieldset figure footer form h1 h2 h3 h4 h5 h6 header hr ' +
    'html li main menu nav ol p pre section table tbody tfoot thead tr ul'
  ).split(' '),
);
const cells = new Set(['td', 'th', 'option', 'button', 'img', 'input']);
/** Markup beyond this many UTF-16 units is not read: closing tags search the open elements, so work grows with the square. */
export const maxHtmlCharacters = 131_072;

/**
 * The text a person would read in an HTML document: entities decoded, scripts, styles, comments and head left out,
 * line breaks at block elements, `alt` texts of images kept. Takes any markup, however broken; reads at most
 * {@link maxHtmlCharacters}. White space is not yet normalised.
 */
export function htmlToText(html: string): string {
  const pieces: string[] = [];
  let skip = 0;
  let bodySeen = false;
  const parser = new Parser(
    {
      onopentag(name, attributes) {
        if (name === 'body') bodySeen = true;
        if (name === 'body' && skip > 0) skip = 0;
        else if (hidden.has(name)) skip++;
        if (skip > 0) return;
        if (blocks.has(name)) pieces.push('\n');
        else if (cells.has(name)) pieces.push(' ');
        if (name === 'img' && attributes.alt) pieces.push(attributes.alt, ' ');
      },
      ontext(text) {
        if (skip === 0) pieces.push(text.replace(/[\n\r]+/g, ' '));
      },
      onclosetag(name) {
        if (hidden.has(name) && skip > 0) skip--;
        else if (skip === 0 && blocks.has(name)) pieces.push('\n');
        else if (skip === 0 && cells.has(name)) pieces.push(' ');
      },
    },
    { decodeEntities: true, lowerCaseTags: true, lowerCaseAttributeNames: true },
  );
  parser.write(html.length > maxHtmlCharacters ? html.slice(0, maxHtmlCharacters) : html);
  parser.end();
  const text = pieces.join('');
  // A head or object that is never closed would hide everything: read the document without it.
  if (text.trim() === '' && !bodySeen && /<(head|title|object|applet|textarea|svg|template|noframes)\b/i.test(html)) {
    const opened = html.replace(/<\/?(head|title|object|applet|textarea|svg|template|noframes)\b[^>]*>/gi, ' ');
    return opened === html ? text : htmlToText(opened);
  }
  return text;
}

/** True when text that claims to be plain is an HTML document. */
export function looksLikeHtml(text: string): boolean {
  return /^\s*(<!doctype html|<html\b|<body\b|<head\b)/i.test(text.slice(0, 1000));
}
