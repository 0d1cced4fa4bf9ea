/**
 * A listener on a socket of this edge. Its socket is written raw; what the client still
 * sends is thrown away, and when it goes, whoever counts listeners is told once.
 */

import type { Socket } from 'node:net';
import type { DeliveryWheel } from '@legacystream/core/fanout/delivery-wheel.ts';
import { Listener, type ListenerEnd } from '@legacystream/core/fanout/listener.ts';
import { type QueuedWriteOwner, writeDirectly } from '@legacystream/runtime/direct-write.ts';
import { RecordWriter } from './record-writer.ts';

export type ListenerDetails = {
  readonly id: number;
  readonly mountPath: string;
  readonly ip: string;
  readonly userAgent: string;
  readonly referer: string;
  readonly method: string;
  /** As sent, query included. */
  readonly target: string;
  readonly protocol: string;
  readonly username: string | undefined;
  readonly startedMs: number;
};

const listenerOf = Symbol('listener');
type ListenerSocket = Socket & { [listenerOf]?: SocketListener };

/** Finds half-open connections of clients that vanished. */
const keepAliveMs = 60_000;
/** How long a client that is ended may take for what is on its way to it. */
const lastWriteMs = 10_000;

/** Who is told when a listener has gone; one object for all of them. */
export interface ListenerOwner {
  left(listener: SocketListener): void;
}

export class SocketListener extends Listener implements QueuedWriteOwner {
  /** Another one once it was moved to another mount. */
  details: ListenerDetails;
  /** What it was sent under other mounts. */
  bytesElsewhere = 0;
  /** Why the server ended it; undefined while on air or when the client left by itself. */
  endedBy: ListenerEnd | undefined;
  /** Who serves it. */
  wheel: DeliveryWheel | undefined;
  readonly #socket: Socket;
  readonly #owner: ListenerOwner;
  /** Written past the stream and not taken by the kernel yet. */
  #queuedBytes = 0;
  readonly #records: RecordWriter | undefined;

  constructor(socket: Socket, icy: boolean, details: ListenerDetails, owner: ListenerOwner) {
    super(icy);
    this.details = details;
    this.#socket = socket;
    this.#owner = owner;
    this.#records = 'encrypted' in socket ? new RecordWriter(socket) : undefined;
    const listenerSocket = socket as ListenerSocket;
    listenerSocket[listenerOf] = this;
    // One function for all sockets: a closure for each would cost memory for each.
    socket.on('close', onSocketClose);
    socket.on('end', onSocketEnd);
    socket.setKeepAlive(true, keepAliveMs);
    socket.resume();
  }

  get pendingBytes(): number {
    if (this.#records) return this.#records.waitingBytes + this.#socket.writableLength;
    return this.#queuedBytes > 0 ? this.#queuedBytes : this.#socket.writableLength;
  }

  /** Sends the response head and whatever `body` writes as one piece. */
  open(head: string, body: () => void): void {
    this.#socket.cork();
    this.#socket.write(head, 'latin1');
    body();
    this.#socket.uncork();
  }

  write(data: Uint8Array): void {
    if (this.#records) this.#records.write(data);
    else this.#queuedBytes = writeDirectly(this.#socket, data, this);
  }

  drained(queuedBytes: number): void {
    this.#queuedBytes = queuedBytes;
  }

  close(reason: ListenerEnd): void {
    if (this.endedBy) return;
    this.endedBy = reason;
    // One that takes nothing cannot be waited for; others still get what is on the way.
    if (reason === 'too-slow' || reason === 'killed' || reason === 'banned')
      return void this.#socket.destroy();
    this.#records?.flush();
    this.#socket.destroySoon();
    if (this.pendingBytes > 0) setTimeout(destroySocket, lastWriteMs, this.#socket).unref();
  }

  left(): void {
    this.#owner.left(this);
  }
}

function destroySocket(socket: Socket): void {
  socket.destroy();
}

function onSocketClose(this: Socket): void {
  (this as ListenerSocket)[listenerOf]?.left();
}

/** Half-closed means gone: a listener has nothing more to say and hears until it closes, which nobody tells us twice. */
function onSocketEnd(this: Socket): void {
  this.destroy();
}
