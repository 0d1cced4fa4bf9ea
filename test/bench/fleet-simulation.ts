/**
 * What a fleet does that no single machine can be measured doing: the load of the bus when
 * many edges follow many mounts, and the wave of reconnects when an edge is lost. Prints
 * Markdown for docs/capacity.md. Deterministic: the same seed gives the same figures.
 *
 *     node test/bench/fleet-simulation.ts
 */
import { pathToFileURL } from 'node:url';

export type BusLoadInput = {
  readonly edges: number;
  /** Mounts that somebody hears on an average edge. */
  readonly mountsPerEdge: number;
  readonly bitrateKbps: number;
  readonly chunkMs: number;
};

export type BusLoad = {
  readonly deliveredPerSecond: number;
  readonly outMbps: number;
  /** Share of one core of the bus server. */
  readonly cpuCores: number;
};

/** Envelope, subject and protocol line around each chunk. */
const overheadBytes = 130;
/**
 * CPU of nats-server per delivered message of 4 KiB: 8 % of a core at 16,000 a second, measured with
 * 100 edges and 40 mounts (a message of ours is smaller).
 */
const busCpuUsPerDelivery = 5;

export function busLoad({ edges, mountsPerEdge, bitrateKbps, chunkMs }: BusLoadInput): BusLoad {
  const deliveredPerSecond = (edges * mountsPerEdge * 1000) / chunkMs;
  const messageBytes = (bitrateKbps * chunkMs) / 8 + overheadBytes;
  return {
    deliveredPerSecond,
    outMbps: (deliveredPerSecond * messageBytes * 8) / 1e6,
    cpuCores: (deliveredPerSecond * busCpuUsPerDelivery) / 1e6,
  };
}

export type WaveInput = {
  readonly edges: number;
  readonly listenersPerEdge: number;
  /** Edges lost at once. */
  readonly lost: number;
  /** Connections an edge answers in a second, burst included. */
  readonly connectsPerSecond: number;
  /** Connections that wait in an edge's accept queue. */
  readonly backlog: number;
  /** Players come back after a time drawn evenly from 0 to this. */
  readonly retrySpreadMs: number;
  readonly seed?: number;
};

export type Wave = {
  /** Most connections that reached one surviving edge in one second. */
  readonly peakPerEdge: number;
  /** Connections that found the accept queue full and were tried again by the client's kernel. */
  readonly retried: number;
  readonly secondsTo50: number;
  readonly secondsTo99: number;
  /** Listeners per surviving edge afterwards. */
  readonly listenersAfter: number;
};

const stepMs = 50;
/** The waits of a client's kernel before it repeats a SYN that found no place (RFC 6298: 1 s, doubled). */
const synWaitsMs = [1000, 2000, 4000, 8000, 16_000, 32_000];
const maxSimulatedMs = 600_000;

/** Edges are alike and the balancer spreads evenly at random, so that one is simulated for all. */
export function reconnectWave(input: WaveInput): Wave {
  const { edges, listenersPerEdge, lost, connectsPerSecond, backlog, retrySpreadMs } = input;
  const survivors = edges - lost;
  const random = mulberry32(input.seed ?? 1);
  const arrivals = Math.round((lost * listenersPerEdge) / survivors);
  /** Connections by the step in which they arrive, and how often each was tried before. */
  const due = new Map<number, number[]>();
  const arrive = (atMs: number, tries: number) => {
    const step = Math.floor(atMs / stepMs);
    const list = due.get(step);
    if (list) list.push(tries);
    else due.set(step, [tries]);
  };
  for (let i = 0; i < arrivals; i += 1) arrive(random() * retrySpreadMs, 0);
  const perSecond = new Map<number, number>();
  let [queued, answered, retried, at50, at99] = [0, 0, 0, 0, 0];
  for (let step = 0; answered < arrivals && step * stepMs < maxSimulatedMs; step += 1) {
    const nowMs = step * stepMs;
    for (const tries of due.get(step) ?? []) {
      const second = Math.floor(nowMs / 1000);
      perSecond.set(second, (perSecond.get(second) ?? 0) + 1);
      if (queued < backlog) queued += 1;
      else {
        retried += 1;
        arrive(nowMs + stepMs + synWaitsMs[Math.min(tries, synWaitsMs.length - 1)]!, tries + 1);
      }
    }
    due.delete(step);
    const served = Math.min(queued, (connectsPerSecond * stepMs) / 1000);
    queued -= served;
    answered += served;
    if (at50 === 0 && answered >= arrivals * 0.5) at50 = nowMs + stepMs;
    if (at99 === 0 && answered >= arrivals * 0.99) at99 = nowMs + stepMs;
  }
  return {
    peakPerEdge: Math.max(0, ...perSecond.values()),
    retried: retried * survivors,
    secondsTo50: at50 / 1000,
    secondsTo99: at99 / 1000,
    listenersAfter: Math.round((edges * listenersPerEdge) / survivors),
  };
}

/** A small random generator with a seed, so that a run can be repeated. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4294967296;
  };
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function print(): void {
  const bus = [
    [10, 1],
    [100, 1],
    [1000, 1],
    [100, 40],
    [1000, 40],
  ].map(([edges = 0, mountsPerEdge = 0]) => {
    const load = busLoad({ edges, mountsPerEdge, bitrateKbps: 128, chunkMs: 104.5 });
    return [
      edges,
      mountsPerEdge,
      Math.round(load.deliveredPerSecond),
      load.outMbps.toFixed(0),
      load.cpuCores.toFixed(2),
    ];
  });
  process.stdout.write(
    `${table(['edges', 'mounts heard per edge', 'messages/s', 'Mb/s out of the bus', 'bus cores'], bus)}\n\n`,
  );
  const waves = [
    { edges: 3, lost: 1, retrySpreadMs: 1000 },
    { edges: 10, lost: 1, retrySpreadMs: 1000 },
    { edges: 10, lost: 1, retrySpreadMs: 5000 },
    { edges: 100, lost: 1, retrySpreadMs: 1000 },
    { edges: 100, lost: 33, retrySpreadMs: 1000 },
    { edges: 100, lost: 33, retrySpreadMs: 5000 },
  ].map((scene) => {
    const wave = reconnectWave({
      ...scene,
      listenersPerEdge: 10_000,
      connectsPerSecond: 2000,
      backlog: 4096,
    });
    const { peakPerEdge, retried, secondsTo50, secondsTo99, listenersAfter } = wave;
    return [
      scene.edges,
      scene.lost,
      scene.retrySpreadMs / 1000,
      peakPerEdge,
      retried,
      secondsTo50,
      secondsTo99,
      listenersAfter,
    ];
  });
  const head = [
    'edges',
    'lost',
    'players return within (s)',
    'peak connects/s per edge',
    'tried again',
    's to 50 %',
    's to 99 %',
    'listeners per edge after',
  ];
  process.stdout.write(`${table(head, waves)}\n`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) print();
