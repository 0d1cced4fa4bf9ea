/**
 * The one error class of the product and its closed table of codes. Every code is
 * explained in docs/errors.md; a test keeps the two in step. Malformed media is
 * never an error: it is counted and resynchronised.
 */
export const errorCodes = {
  LS_AUTH_RATE_LIMITED: 429,
  LS_AUTH_REQUIRED: 401,
  LS_BANS_FULL: 409,
  LS_BODY_MALFORMED: 400,
  LS_BODY_TOO_LARGE: 413,
  LS_BUS_NO_RESPONDER: 503,
  LS_BUS_RESPONDER_FAILED: 502,
  LS_BUS_TIMEOUT: 504,
  LS_CLOSED: 503,
  LS_CONFIG_INVALID: 500,
  LS_CONFIG_UNREADABLE: 500,
  LS_CREDENTIAL_WEAK: 500,
  LS_HEAD_MALFORMED: 400,
  LS_HEAD_TIMEOUT: 408,
  LS_HEAD_TOO_LARGE: 431,
  LS_LISTEN_FAILED: 500,
  LS_METHOD_NOT_ALLOWED: 405,
  LS_MOUNT_IN_USE: 403,
  LS_MOUNT_NOT_FOUND: 404,
  LS_MOUNT_PATH_INVALID: 400,
  LS_PARAMETER_INVALID: 400,
  LS_PARAMETER_MISSING: 400,
  LS_SOURCES_FULL: 403,
  LS_START_TIMEOUT: 500,
  LS_STORE_UNAVAILABLE: 503,
  LS_TARGET_TOO_LONG: 414,
  LS_TRANSFER_CODING: 501,
} as const;

export type ErrorCode = keyof typeof errorCodes;

export class LegacyStreamError extends Error {
  override readonly name = 'LegacyStreamError';
  readonly code: ErrorCode;
  /** The HTTP status that fits the error when it ends a request. */
  readonly status: number;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.status = errorCodes[code];
  }
}
