/**
 * Tells the requests of encoders from all others and reads what they say of the stream
 * (protocols §1.2, §1.5).
 *
 * A source sends SOURCE, or PUT to a path that the server does not answer itself, or, as
 * some libraries do, POST of a media type to such a path. Whether its path makes a mount
 * and its credentials fit is for the session to decide.
 */
import { isReservedPath } from '../mounts/mount-path.ts';
import type { StreamInfo } from '../mounts/mount-state.ts';
import { percentDecode, splitTarget, textOf } from './query.ts';
import type { RequestHead } from './request-head.ts';
import { streamInfoOf, wireText } from './stream-info.ts';

const maxUserAgentBytes = 256;
const maxMediaTypeLength = 127;

export type SourceRequest = {
  readonly method: 'SOURCE' | 'PUT' | 'POST';
  /** The path of the target as sent, still percent-encoded. */
  readonly rawPath: string;
  /** Lower case, without parameters; absent if none, or none that makes sense, was sent. */
  readonly contentType?: string;
  /** Empty if none was sent. */
  readonly userAgent: string;
  /** The client sends its body only after a `100 Continue`. */
  readonly expectsContinue: boolean;
  readonly info: StreamInfo;
};

export function isSourceRequest(head: RequestHead): boolean {
  switch (head.method) {
    case 'SOURCE':
      return true;
    case 'PUT':
      return !isReservedPath(decodedPath(head.target));
    case 'POST':
      return isStreamType(mediaTypeOf(head.headers)) && !isReservedPath(decodedPath(head.target));
    default:
      return false;
  }
}

/** The request of an encoder; undefined for any other. */
export function parseSourceRequest(head: RequestHead): SourceRequest | undefined {
  if (!isSourceRequest(head)) return undefined;
  const contentType = mediaTypeOf(head.headers);
  return {
    method: head.method as SourceRequest['method'],
    rawPath: splitTarget(head.target).rawPath,
    ...(contentType !== undefined && { contentType }),
    userAgent: wireText(head.headers.get('user-agent') ?? '', maxUserAgentBytes),
    expectsContinue: head.headers.get('expect')?.toLowerCase() === '100-continue',
    info: streamInfoOf(head.headers),
  };
}

/**
 * libshout first asks without credentials and without a body to learn what the server
 * wants: it must be told 401, and never be taken for a source.
 */
export function isUnauthenticatedProbe(head: RequestHead): boolean {
  return /^0+$/.test(head.headers.get('content-length') ?? '') && !head.headers.has('authorization');
}

/** The Content-Type in lower case and without parameters, for Icecast and SHOUTcast v1 sources alike. */
export function mediaTypeOf(headers: ReadonlyMap<string, string>): string | undefined {
  const type = (headers.get('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  const valid = type.length <= maxMediaTypeLength && /^[a-z0-9!#$&^_.+-]+\/[a-z0-9!#$&^_.+-]+$/.test(type);
  return valid ? type : undefined;
}

/** What can be a stream: forms and JSON, which are POSTed too, are not. */
function isStreamType(type: string | undefined): boolean {
  return type !== undefined && (/^(?:audio|video)\//.test(type) || /^application\/(?:x-)?ogg$/.test(type));
}

/** Decoded as the mount path will be, so that no spelling of a reserved path passes for another. */
function decodedPath(target: string): string {
  return textOf(percentDecode(Buffer.from(splitTarget(target).rawPath, 'latin1'), false));
}
