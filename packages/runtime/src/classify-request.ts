import { z } from 'zod';
import { BadRequest } from './http-errors.ts';

/** Most texts of one request. */
export const MAX_TEXTS = 256;

const schema = z
  .strictObject({
    text: z.string().optional(),
    texts: z.array(z.string()).min(1).max(MAX_TEXTS).optional(),
  })
  .refine(({ text, texts }) => (text === undefined) !== (texts === undefined), {
    error: 'expected either text or texts',
  });

export type ClassifyRequest =
  | { readonly text: string; readonly texts?: undefined }
  | { readonly text?: undefined; readonly texts: readonly string[] };

/** Decodes strictly: what is not UTF-8, not JSON, or not a {@link ClassifyRequest} is a {@link BadRequest}. */
export function parseJson(body: Buffer): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw new BadRequest('body: expected UTF-8, got invalid bytes');
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new BadRequest('body: expected JSON, got text that does not parse');
  }
}

export function parseClassifyRequest(body: unknown): ClassifyRequest {
  const parsed = schema.safeParse(body);
  if (!parsed.success) {
    const message = parsed.error.issues.map(({ path, message }) => `${['body', ...path].join('.')}: ${message}`);
    throw new BadRequest(message.join('; '));
  }
  return parsed.data as ClassifyRequest;
}
