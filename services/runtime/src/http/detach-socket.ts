/**
 * Takes a socket away from node:http in the middle of a request, to be written raw. Needed
 * where a browser asks for a stream on a connection that it kept open after a page: what
 * comes first on a connection never passes node:http (front-door.ts).
 *
 * Node does the same for an upgrade; for other requests it has no official way, so the
 * steps stand here and nowhere else, and a test with a real keep-alive connection holds
 * them to the Node version in use.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Sockets taken away and not given back. */
const detached = new WeakSet<Socket>();

type ParsedSocket = Socket & { parser?: { unconsume?(): void; _consumed?: boolean } | null };

export function detachSocket(request: IncomingMessage, response: ServerResponse): Socket {
  const socket = request.socket as ParsedSocket;
  detached.add(socket);
  response.detachSocket(socket);
  const { parser } = socket;
  if (parser?._consumed) {
    parser.unconsume?.();
    parser._consumed = false;
  }
  // The listeners for `close` and `error` stay: they free the parser when the socket goes.
  for (const event of ['data', 'end', 'drain', 'timeout', 'pause', 'resume'])
    socket.removeAllListeners(event);
  socket.setTimeout(0);
  socket.pause();
  return socket;
}

/** The parser goes on with what had come in one piece with the request: no such request is to be answered. */
export function isDetached(socket: Socket): boolean {
  return detached.has(socket);
}

/** The socket may come to node:http again, as a new connection. */
export function giveBack(socket: Socket): void {
  detached.delete(socket);
}
