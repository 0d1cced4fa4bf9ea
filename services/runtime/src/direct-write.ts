/**
 * Writes to a TCP socket past Node's streams: one call into the kernel and nothing else.
 *
 * A write through the stream costs a request object, a callback and the bookkeeping of a
 * queue that a listener does not use: the delivery wheel hands over one buffer a turn and
 * never before the last one has gone. What the kernel does not take at once is queued by
 * libuv under a request of ours, behind everything that the stream has handed over before.
 *
 * The handle's `writeBuffer(request, data)` and `writeQueueSize` are what `net.Socket`
 * itself uses, and with the request's `getAsyncId()` are no documented interface. So they
 * are looked for and not assumed: the class of the request is taken from the first write of
 * a socket, and where anything is not as expected every write goes through the stream, which
 * is slower and the same.
 */
import type { Socket } from 'node:net';

/** Told when bytes that were queued have gone, or have failed. */
export interface QueuedWriteOwner {
  /** @param queuedBytes what still waits; 0 when all has gone */
  drained(queuedBytes: number): void;
}

type WriteRequest = {
  /** Negative unless libuv has it. */
  readonly getAsyncId: () => number;
  oncomplete: ((this: WriteRequest, status: number) => void) | undefined;
  /** Keeps the bytes alive while libuv has them. */
  buffer: Uint8Array | undefined;
  owner: QueuedWriteOwner | undefined;
  socket: Socket | undefined;
};
type RequestClass = new () => WriteRequest;
type TcpHandle = {
  writeBuffer: (request: object, data: Uint8Array) => number;
  readonly writeQueueSize: number;
};

let requestClass: RequestClass | undefined;
/** Used again for as long as writes are done at once, which nearly all are. */
let spare: WriteRequest | undefined;

/** Whether writes go straight to the handle; known after the first one. */
export function writesDirectly(): boolean {
  return requestClass !== undefined;
}

/**
 * Writes `data`; an error destroys the socket.
 * @returns bytes that the kernel has not taken yet: `owner` is told when they have gone
 */
export function writeDirectly(socket: Socket, data: Uint8Array, owner: QueuedWriteOwner): number {
  const handle = handleOf(socket);
  if (!handle || socket.writableLength > 0 || !requestClass) {
    if (!socket.destroyed) writeThroughStream(socket, handle, data);
    return 0;
  }
  spare ??= newRequest(requestClass);
  if (handle.writeBuffer(spare, data) !== 0) {
    socket.destroy();
    return 0;
  }
  const queuedBytes = handle.writeQueueSize;
  if (queuedBytes > 0) {
    spare.buffer = data;
    spare.owner = owner;
    spare.socket = socket;
    spare = undefined;
  } else if (spare.getAsyncId() >= 0) {
    // The kernel took at a second try what it had not at the first: nothing waits, but libuv has the
    // request until the next turn of its loop. Used again before that it would end the process.
    spare.socket = socket;
    spare = undefined;
  }
  return queuedBytes;
}

function newRequest(requestType: RequestClass): WriteRequest {
  const request = new requestType();
  request.oncomplete = onComplete;
  return request;
}

function onComplete(this: WriteRequest, status: number): void {
  const { owner, socket } = this;
  this.buffer = undefined;
  if (status < 0) socket?.destroy();
  owner?.drained(socket ? (handleOf(socket)?.writeQueueSize ?? 0) : 0);
}

/** The handle of a plain TCP connection; TLS and pipes have others. */
function handleOf(socket: Socket): TcpHandle | undefined {
  const handle = (socket as Socket & { _handle?: TcpHandle | null })._handle;
  return handle && !('encrypted' in socket) ? handle : undefined;
}

function writeThroughStream(socket: Socket, handle: TcpHandle | undefined, data: Uint8Array): void {
  const isLearning = requestClass === undefined && handle !== undefined && isAsExpected(handle);
  if (isLearning) learnFrom(handle);
  try {
    socket.write(data);
  } finally {
    if (isLearning) Reflect.deleteProperty(handle, 'writeBuffer');
  }
}

function isAsExpected(handle: TcpHandle): boolean {
  return (
    handle.constructor.name === 'TCP' &&
    typeof handle.writeBuffer === 'function' &&
    !Object.hasOwn(handle, 'writeBuffer') &&
    typeof handle.writeQueueSize === 'number'
  );
}

/** For the length of one write: sees the request that the stream makes. */
function learnFrom(handle: TcpHandle): void {
  handle.writeBuffer = function (this: TcpHandle, request: object, data: Uint8Array): number {
    Reflect.deleteProperty(this, 'writeBuffer');
    if (request.constructor.name === 'WriteWrap' && 'getAsyncId' in request)
      requestClass = request.constructor as RequestClass;
    return this.writeBuffer(request, data);
  };
}
