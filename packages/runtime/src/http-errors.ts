import { isSlmError } from '@slm-compress/onnx';

/** What a client is told; never the text of an unexpected error. */
export interface HttpError {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly retryAfterSeconds?: number;
}

/** The body of every answer that is not a success. */
export function errorBody({ code, message }: HttpError): { error: { code: string; message: string } } {
  return { error: { code, message } };
}

const busy = (code: string, message: string): HttpError => ({ status: 503, code, message, retryAfterSeconds: 1 });

export const NOT_FOUND: HttpError = { status: 404, code: 'NOT_FOUND', message: 'no such route' };
export const METHOD_NOT_ALLOWED: HttpError = {
  status: 405,
  code: 'METHOD_NOT_ALLOWED',
  message: 'expected the method POST',
};
export const UNAUTHORIZED: HttpError = { status: 401, code: 'UNAUTHORIZED', message: 'expected a valid bearer token' };
export const LOADING: HttpError = busy('LOADING', 'the model is being loaded');
export const DRAINING: HttpError = busy('DRAINING', 'the server is shutting down');
const INTERNAL: HttpError = { status: 500, code: 'INTERNAL', message: 'an unexpected error' };

const BY_CODE: Readonly<Record<string, HttpError>> = {
  QUEUE_FULL: busy('QUEUE_FULL', 'all workers are busy and the queue is full'),
  ENGINE_CLOSED: DRAINING,
  WORKER_LOST: busy('WORKER_LOST', 'the worker of this request was lost'),
  ABORTED: { status: 499, code: 'ABORTED', message: 'the client closed the request' },
  FST_ERR_CTP_BODY_TOO_LARGE: { status: 413, code: 'BODY_TOO_LARGE', message: 'the request body is too large' },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    status: 415,
    code: 'UNSUPPORTED_MEDIA_TYPE',
    message: 'expected content-type application/json',
  },
};

/** A request that the client can repair. */
export class BadRequest extends Error {
  override readonly name = 'BadRequest';
}

/** The answer to a thrown error; unknown ones become `INTERNAL`. */
export function toHttpError(error: unknown): HttpError {
  if (error instanceof BadRequest) return { status: 400, code: 'BAD_REQUEST', message: error.message };
  if (isSlmError(error) && error.code === 'TEXT_EMPTY')
    return { status: 400, code: error.code, message: error.message };
  const { code, statusCode } = error as { code?: unknown; statusCode?: unknown };
  const known = typeof code === 'string' ? BY_CODE[code] : undefined;
  if (known !== undefined) return known;
  if (!isSlmError(error) && typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return { status: statusCode, code: 'BAD_REQUEST', message: 'the request is malformed' };
  }
  return INTERNAL;
}
