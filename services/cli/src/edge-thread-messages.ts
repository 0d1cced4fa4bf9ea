/** What the main thread and an edge thread say to each other beside the bus. */
import type { MessagePort } from 'node:worker_threads';
import type { Settings } from '@legacystream/runtime/config/settings.ts';
import type { MetricsSnapshot } from '@legacystream/runtime/metrics.ts';
import type { PodRole } from './pod-role.ts';

export type EdgeThreadData = {
  readonly role: PodRole;
  readonly settings: Settings;
  readonly podId: string;
  readonly server: string;
  /** 1 for the first. */
  readonly index: number;
  /** Those of the pod; each thread has its own above them. */
  readonly firstListenerId: number;
  /** The line to the bus and the store. */
  readonly port: MessagePort;
};

export type OpenPorts = {
  readonly http: number;
  readonly shoutcast: number | undefined;
  readonly https: number | undefined;
};

export type ToThread =
  | { readonly type: 'close' }
  | { readonly type: 'reopen' }
  /** Begins to send listeners away, or stops it. */
  | { readonly type: 'drain'; readonly on: boolean }
  | { readonly type: 'metrics'; readonly id: number };

export type FromThread =
  | { readonly type: 'ready'; readonly ports: OpenPorts }
  | { readonly type: 'failed'; readonly message: string }
  | { readonly type: 'metrics'; readonly id: number; readonly snapshot: MetricsSnapshot }
  | { readonly type: 'closed' };
