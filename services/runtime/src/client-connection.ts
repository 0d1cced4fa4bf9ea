/**
 * A client's connection once the front door knows what it speaks: the raw socket, what
 * was read ahead, and who is at the other end.
 */
import type { Socket } from 'node:net';

export type ClientConnection = {
  readonly socket: Socket;
  /** The client’s own address, as client-address.ts decides it. */
  readonly ip: string;
  /** Bytes after the head that were read with it. */
  readonly rest: Uint8Array;
};

/** One of which nothing is lost yet, so that it can be passed on to another server as it came. */
export type ForwardableConnection = ClientConnection & {
  /** Every byte read since the head began, as it came: the head and `rest`. */
  readonly received: Uint8Array;
};

const lingerMs = 2_000;
const lingerBytes = 1024 * 1024;

/**
 * Sends a last answer and closes so that the client reads it: a close while its bytes are
 * still arriving would reset the connection and take the answer with it. What still
 * arrives is thrown away, bounded in time and bytes. Where the last answer has been sent
 * already, only the rest of this is done.
 */
export function closeWith(socket: Socket, answer: string | Uint8Array): void {
  if (socket.destroyed) return;
  let bytes = 0;
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  socket.removeAllListeners('data');
  socket.on('data', (data) => {
    bytes += data.byteLength;
    if (bytes > lingerBytes) socket.destroy();
  });
  socket.on('error', () => {});
  socket.once('end', () => socket.destroySoon());
  socket.once('close', () => clearTimeout(timer));
  if (!socket.writableEnded) socket.end(answer);
  socket.resume();
}
