/**
 * What passes between an edge thread and the thread that has the bus and the store.
 * Plain objects for structured cloning; bytes are always copies with a buffer of their own,
 * since cloning a view would clone the whole buffer behind it. Of a blob, and of bytes that
 * answer a call, that copy is handed over instead of being copied once more.
 */
import { type ErrorCode, errorCodes, LegacyStreamError } from '@legacystream/core/errors.ts';

/** From a thread to the hub. Numbers identify subscriptions, responders and calls of that thread. */
export type ToHub =
  | { readonly type: 'publish'; readonly subject: string; readonly data: Uint8Array }
  | { readonly type: 'subscribe'; readonly id: number; readonly subject: string }
  | { readonly type: 'respond'; readonly id: number; readonly subject: string }
  | { readonly type: 'cancel'; readonly id: number }
  | {
      readonly type: 'call';
      readonly id: number;
      readonly method: RemoteMethod;
      readonly args: readonly unknown[];
    }
  | { readonly type: 'reply'; readonly ask: number; readonly outcome: Outcome };

/** From the hub to a thread. */
export type FromHub =
  | { readonly type: 'message'; readonly id: number; readonly subject: string; readonly data: Uint8Array }
  | {
      readonly type: 'ask';
      readonly ask: number;
      readonly id: number;
      readonly subject: string;
      readonly data: Uint8Array;
    }
  | { readonly type: 'result'; readonly id: number; readonly outcome: Outcome }
  /** Whether bus and store can be reached, said when it changes. */
  | { readonly type: 'reach'; readonly bus: boolean; readonly store: boolean };

export type Outcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly code: ErrorCode | undefined; readonly message: string };

/** What a thread may call: the bus's questions and the store. */
export const remoteMethods = [
  'bus.request',
  'bus.history',
  'store.acquireLease',
  'store.renewLease',
  'store.releaseLease',
  'store.readLease',
  'store.putDocument',
  'store.getDocument',
  'store.claimDocument',
  'store.listDocuments',
  'store.removeDocument',
  'store.raisePeak',
  'store.putBlob',
  'store.getBlob',
] as const;
export type RemoteMethod = (typeof remoteMethods)[number];

export function ownCopy(data: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(data);
}

export function failureOf(error: unknown): Outcome {
  const code = error instanceof LegacyStreamError ? error.code : undefined;
  return { ok: false, code, message: error instanceof Error ? error.message : String(error) };
}

export function errorOf(outcome: Extract<Outcome, { ok: false }>): Error {
  const { code, message } = outcome;
  return code !== undefined && code in errorCodes ? new LegacyStreamError(code, message) : new Error(message);
}
