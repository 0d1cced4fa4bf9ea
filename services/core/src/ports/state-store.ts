/**
 * Port: what pods remember together (design §7): who owns a mount, small
 * documents that a newcomer reads to catch up, and bytes that are made once and served
 * everywhere, such as HLS segments.
 *
 * Semantics every adapter keeps, proved by test/contract/state-store.contract.ts:
 *  - A lease has one holder at a time. Each grant gives an epoch larger than every earlier
 *    epoch of that lease and no smaller than the wall clock in milliseconds, so that it
 *    never goes back even if the store forgets. Times to live count in the store.
 *  - `renewLease` and `releaseLease` act only for the very holder and epoch that hold it.
 *  - A document is replaced whole, its time to live and epoch included; one written or
 *    removed with an `epoch` is left alone when the stored one carries a larger epoch. It
 *    vanishes when its time to live ends.
 *  - Who claims a document reads it and, in the same step, raises its epoch: from then on no
 *    writer before the claimant changes it, so that what was read is the last that they wrote.
 *    Where there is none, `null` stands from then on. A larger epoch, and the time to live of
 *    what is there, stay as they are.
 *  - A peak is the document of kind `peak` whose value is the number.
 *  - The value of a document is JSON; what is read is a copy.
 *  - A blob is bytes, at most 4 MiB, under a name in a group. It is written once and does not
 *    change; should the name be written again, bytes and time to live are replaced whole. It
 *    vanishes when its time to live ends, and may vanish before when there is no room for it.
 *    Nothing is copied for the caller's sake: what was written, and what is read, may be
 *    shared with others, and nobody changes it.
 *  - Every call settles; when the store cannot be reached it rejects soon with
 *    LS_STORE_UNAVAILABLE, after `close` with LS_CLOSED, and callers go on with what they
 *    have. A time to live that is not above 0, a peak that is not finite, a value that is
 *    not JSON or a blob that is too large rejects with LS_PARAMETER_INVALID.
 */
export type LeaseGrant = { readonly granted: true; readonly epoch: number };
export type LeaseRefusal = {
  readonly granted: false;
  readonly holder: string;
  readonly epoch: number;
  readonly remainingMs: number;
};

export type LeaseView = { readonly holder: string; readonly epoch: number; readonly remainingMs: number };

/** The kinds of documents; the kind is part of the key. */
export type DocumentKind = 'mount' | 'pod' | 'peak' | 'ban' | 'setting' | 'hls';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export type DocumentOptions = {
  /** Absent: kept until removed. */
  readonly ttlMs?: number;
  /** The writer's fencing number. */
  readonly epoch?: number;
};

export interface StateStore {
  readonly connected: boolean;
  /**
   * Takes the lease when it is free, expired or already this holder's; with `steal`, from anyone.
   * Taking one's own lease again gives a new epoch: it is a new session.
   */
  acquireLease(
    name: string,
    holder: string,
    ttlMs: number,
    options?: { readonly steal?: boolean },
  ): Promise<LeaseGrant | LeaseRefusal>;
  renewLease(name: string, holder: string, epoch: number, ttlMs: number): Promise<boolean>;
  releaseLease(name: string, holder: string, epoch: number): Promise<boolean>;
  readLease(name: string): Promise<LeaseView | undefined>;

  /** Writes a document; false when a larger epoch stands there. */
  putDocument(kind: DocumentKind, id: string, value: Json, options?: DocumentOptions): Promise<boolean>;
  getDocument(kind: DocumentKind, id: string): Promise<Json | undefined>;
  /** Reads a document that the claimant is going to write; undefined where there was none. */
  claimDocument(
    kind: DocumentKind,
    id: string,
    claim: { readonly epoch: number; readonly ttlMs: number },
  ): Promise<Json | undefined>;
  listDocuments(kind: DocumentKind): Promise<ReadonlyMap<string, Json>>;
  /** Removes a document; false when there is none or a larger epoch stands there. */
  removeDocument(kind: DocumentKind, id: string, options?: { readonly epoch?: number }): Promise<boolean>;
  /** Keeps the larger of the stored number and `value`, and gives it back. */
  raisePeak(id: string, value: number): Promise<number>;

  /** Bytes that never change under their name (segments): kept in a group, e.g. one rendition of a mount. */
  putBlob(group: string, name: string, data: Uint8Array, options: { readonly ttlMs: number }): Promise<void>;
  getBlob(group: string, name: string): Promise<Uint8Array | undefined>;

  close(): Promise<void>;
}
