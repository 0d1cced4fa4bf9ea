/**
 * Writes to a TLS socket one record after the other (RFC 8446 §5.1: at most 2^14 bytes).
 *
 * Node encrypts what it is given in one go into memory that it keeps for as long as the
 * connection lasts. A listener's burst, encrypted at once, would cost several times the
 * memory that a listener needs from then on; so each record is handed over when the one
 * before has gone.
 */
import type { Socket } from 'node:net';

/** For 16 KB and more Node sets aside twice as much (`NodeBIO::set_allocate_tls_hint`). */
const maxRecordBytes = 16_383;

export class RecordWriter {
  readonly #socket: Socket;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #isWriting = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Bytes that have not been handed over yet; those that have are the socket's. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  write(data: Uint8Array): void {
    if (this.#socket.destroyed) return;
    if (!this.#isWriting && data.byteLength <= maxRecordBytes) {
      this.#hand(data);
      return;
    }
    this.#waiting.push(data);
    this.#waitingBytes += data.byteLength;
    if (!this.#isWriting) this.#next();
  }

  /** Hands over what waits: there will be no later moment. */
  flush(): void {
    for (const data of this.#waiting) this.#socket.write(data);
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  #next(): void {
    const [first] = this.#waiting;
    if (!first || this.#socket.destroyed) return;
    if (first.byteLength <= maxRecordBytes) this.#waiting.shift();
    else this.#waiting[0] = first.subarray(maxRecordBytes);
    const record = first.subarray(0, maxRecordBytes);
    this.#waitingBytes -= record.byteLength;
    this.#hand(record);
  }

  #hand(record: Uint8Array): void {
    this.#isWriting = true;
    this.#socket.write(record, this.#onWritten);
  }

  readonly #onWritten = (): void => {
    this.#isWriting = false;
    this.#next();
  };
}
