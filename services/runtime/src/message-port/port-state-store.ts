/** The store as an edge thread has it: the main thread's, over a message port. */
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import type {
  DocumentKind,
  DocumentOptions,
  Json,
  LeaseGrant,
  LeaseRefusal,
  LeaseView,
  StateStore,
} from '@legacystream/core/ports/state-store.ts';
import { assertBlob } from '../blob-limit.ts';
import type { PortLink } from './port-link.ts';
import { ownCopy, type RemoteMethod } from './port-messages.ts';

export class PortStateStore implements StateStore {
  readonly #link: PortLink;
  #closed = false;

  constructor(link: PortLink) {
    this.#link = link;
  }

  get connected(): boolean {
    return !this.#closed && this.#link.connected && this.#link.reach.store;
  }

  async acquireLease(
    name: string,
    holder: string,
    ttlMs: number,
    options: { readonly steal?: boolean } = {},
  ): Promise<LeaseGrant | LeaseRefusal> {
    return (await this.#call('store.acquireLease', [name, holder, ttlMs, options])) as
      | LeaseGrant
      | LeaseRefusal;
  }

  async renewLease(name: string, holder: string, epoch: number, ttlMs: number): Promise<boolean> {
    return (await this.#call('store.renewLease', [name, holder, epoch, ttlMs])) as boolean;
  }

  async releaseLease(name: string, holder: string, epoch: number): Promise<boolean> {
    return (await this.#call('store.releaseLease', [name, holder, epoch])) as boolean;
  }

  async readLease(name: string): Promise<LeaseView | undefined> {
    return (await this.#call('store.readLease', [name])) as LeaseView | undefined;
  }

  async putDocument(
    kind: DocumentKind,
    id: string,
    value: Json,
    options: DocumentOptions = {},
  ): Promise<boolean> {
    return (await this.#call('store.putDocument', [kind, id, value, options])) as boolean;
  }

  async getDocument(kind: DocumentKind, id: string): Promise<Json | undefined> {
    return (await this.#call('store.getDocument', [kind, id])) as Json | undefined;
  }

  async claimDocument(
    kind: DocumentKind,
    id: string,
    claim: { readonly epoch: number; readonly ttlMs: number },
  ): Promise<Json | undefined> {
    return (await this.#call('store.claimDocument', [kind, id, claim])) as Json | undefined;
  }

  async listDocuments(kind: DocumentKind): Promise<ReadonlyMap<string, Json>> {
    return (await this.#call('store.listDocuments', [kind])) as ReadonlyMap<string, Json>;
  }

  async removeDocument(
    kind: DocumentKind,
    id: string,
    options: { readonly epoch?: number } = {},
  ): Promise<boolean> {
    return (await this.#call('store.removeDocument', [kind, id, options])) as boolean;
  }

  async raisePeak(id: string, value: number): Promise<number> {
    return (await this.#call('store.raisePeak', [id, value])) as number;
  }

  async putBlob(
    group: string,
    name: string,
    data: Uint8Array,
    options: { readonly ttlMs: number },
  ): Promise<void> {
    this.#assertOpen();
    assertBlob(data);
    const copy = ownCopy(data);
    await this.#link.call('store.putBlob', [group, name, copy, options], undefined, [copy.buffer]);
  }

  async getBlob(group: string, name: string): Promise<Uint8Array | undefined> {
    return (await this.#call('store.getBlob', [group, name])) as Uint8Array | undefined;
  }

  /** The store belongs to the main thread; the line to it is closed with the bus. */
  async close(): Promise<void> {
    this.#closed = true;
  }

  async #call(method: RemoteMethod, args: readonly unknown[]): Promise<unknown> {
    this.#assertOpen();
    return this.#link.call(method, args);
  }

  #assertOpen(): void {
    if (this.#closed) throw new LegacyStreamError('LS_CLOSED', 'the store is closed');
  }
}
