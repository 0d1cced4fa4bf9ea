/** Edges that count listeners of HLS: on one bus, one store and one clock that only moves when told to. */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { Subjects } from '@legacystream/core/bus/subjects.ts';
import { ManualClock } from '@legacystream/core/manual-clock.ts';
import type { HlsSession } from '@legacystream/edge/hls/hls-session.ts';
import { HlsSessions, type HlsSessionsDeps } from '@legacystream/edge/hls/hls-sessions.ts';
import { ListenerRegistry } from '@legacystream/edge/listener-registry.ts';
import type { AccessEntry } from '@legacystream/runtime/access-line.ts';
import { MemoryBus } from '@legacystream/runtime/memory-bus.ts';
import { MemoryStateStore } from '@legacystream/runtime/memory-state-store.ts';

export const subjects = new Subjects('test');
/** The mount. */
export const path = '/live.mp3';
/** The answer of a full mount. */
export const full = { refused: 503, reason: 'Too many listeners' };

type EdgeOptions = Partial<Pick<HlsSessionsDeps, 'store' | 'maxSessions'>> & {
  readonly podId?: string;
  readonly counting?: 'token' | 'address' | 'off';
  readonly segmentDuration?: number;
  readonly wallSkewMs?: number;
};

export class SessionFleet {
  readonly clock = new ManualClock();
  readonly bus = new MemoryBus({ clock: this.clock });
  readonly store = new MemoryStateStore({ clock: this.clock });
  readonly edges: SessionEdge[] = [];
  maxListeners = Number.POSITIVE_INFINITY;

  async edge(options: EdgeOptions = {}): Promise<SessionEdge> {
    const edge = new SessionEdge(this, { podId: `edge-${this.edges.length}`, ...options });
    this.edges.push(edge);
    await edge.sessions.start();
    return edge;
  }

  /** As by SIGKILL: it says and hears nothing more, and what it counted is forgotten. */
  kill(edge: SessionEdge): void {
    edge.isDead = true;
    this.edges.splice(this.edges.indexOf(edge), 1);
  }

  get count(): number {
    return this.edges.reduce((sum, { registry }) => sum + registry.count, 0);
  }

  get lines(): AccessEntry[] {
    return this.edges.flatMap((edge) => edge.lines);
  }

  /** Lets time go by, and whatever is said meanwhile arrive at once. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.clock.monotonicMs() + ms;
    for (let leftMs = ms; leftMs > 0; leftMs = untilMs - this.clock.monotonicMs()) {
      this.clock.advance(Math.min(leftMs, 50));
      await turn();
    }
  }

  /** Lets what was said arrive, and what was said of that. */
  async settle(rounds = 3): Promise<void> {
    for (let round = 0; round < rounds; round += 1) {
      this.clock.advance(200);
      await turn();
      await turn();
    }
  }
}

export class SessionEdge {
  readonly registry: ListenerRegistry;
  readonly sessions: HlsSessions;
  readonly lines: AccessEntry[] = [];
  isDead = false;

  constructor(
    fleet: SessionFleet,
    { podId = '', counting = 'token', segmentDuration = 4, wallSkewMs = 0, ...options }: EdgeOptions,
  ) {
    const { bus, clock } = fleet;
    this.registry = new ListenerRegistry(clock, () => {});
    this.sessions = new HlsSessions({
      settings: { counting, tokenKey: '', segmentDuration },
      clock: {
        monotonicMs: () => clock.monotonicMs(),
        wallMs: () => clock.wallMs() + wallSkewMs,
        after: (delayMs, fn) => clock.after(delayMs, fn),
        every: (periodMs, fn) => clock.every(periodMs, fn),
      },
      registry: this.registry,
      roomOf: () => fleet.maxListeners - fleet.count,
      accessLog: { record: (entry) => void this.lines.push(entry) },
      bus: {
        publish: (subject, data) => {
          if (!this.isDead) bus.publish(subject, data);
        },
        subscribe: (subject, handler) =>
          bus.subscribe(subject, (data, on) => {
            if (!this.isDead) handler(data, on);
          }),
      },
      store: fleet.store,
      subjects,
      podId,
      ...options,
    });
  }

  visit(token: string | undefined, from: Partial<Visitor> = {}) {
    const { ip, userAgent, mountPath, socket, headers, target } = {
      ...visitor,
      socket: {} as Socket,
      ...from,
    };
    const all = new Map([
      ...(userAgent === '' ? [] : [['user-agent', userAgent] as const]),
      ...(headers ?? []),
    ]);
    const query = token === undefined ? '' : `?session=${token}`;
    const head = {
      method: 'GET',
      target: target ?? `${mountPath}/hls/source.m3u8${query}`,
      protocol: 'HTTP/1.1',
      headers: all,
    } as const;
    return this.sessions.visit({ mountPath, head, client: { socket, ip, rest: new Uint8Array() }, token });
  }

  /** The session of a visit that was admitted and counted. */
  admit(token: string | undefined, from: Partial<Visitor> = {}): HlsSession {
    const admission = this.visit(token, from);
    assert.ok('session' in admission && admission.session);
    return admission.session;
  }

  token(mountPath = path): string {
    return this.sessions.newToken(mountPath)!;
  }
}

const visitor = { ip: '192.0.2.1', userAgent: 'Player/1.0', mountPath: path };
type Visitor = typeof visitor & {
  readonly socket: Socket;
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
};
