/**
 * What Prometheus reads. Hot objects keep plain numbers; a metric is a function that
 * reads them when a scrape comes, so that counting costs the hot path an addition.
 *
 * Names are `legacystream_<role>_<noun>_<unit>`, counters end in `_total`; a name that is
 * not stops the start of the program, not the scrape.
 */
import { AggregatorRegistry, Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';

export type MetricSample = {
  readonly labels?: Readonly<Record<string, string | number>>;
  readonly value: number;
};

export type MetricsOptions = {
  /** Also the process's own metrics: memory, event loop, garbage collection. */
  readonly processMetrics?: boolean;
  /** Told of a source of samples that threw; its metric is empty in that scrape. */
  readonly onCollectError?: (error: unknown, name: string) => void;
};

type Collect = () => Iterable<MetricSample>;
type Sink = { reset(): void; put(labels: Readonly<Record<string, string | number>>, value: number): void };

const namePattern = /^legacystream_(?:runtime|ingest|edge|control|cli)(?:_[a-z][a-z0-9]*){2,}$/;
const labelPattern = /^[a-z][a-z0-9_]*$/;
const counterSuffix = '_total';
/** The event loop's lag is sampled so often; each sample wakes the process. */
const eventLoopPrecisionMs = 100;

/** All metrics of one thread as plain data, to be merged with those of others. */
export type MetricsSnapshot = readonly object[];

/** How the values of several threads become one: a number of listeners adds up, a time does not. */
export type GaugeMerge = 'sum' | 'max';

/** The page of several threads' metrics together. */
export async function mergeSnapshots(snapshots: readonly MetricsSnapshot[]): Promise<string> {
  return spellNumbers(await AggregatorRegistry.aggregate(snapshots as object[]).metrics());
}

/** The library writes `Nan` for what has no value yet; the format's word is `NaN`. */
function spellNumbers(page: string): string {
  return page.replace(/ Nan$/gm, ' NaN');
}

export class Metrics {
  readonly #registry = new Registry();
  readonly #onCollectError: (error: unknown, name: string) => void;
  #rendering: Promise<string> | undefined;

  constructor(options: MetricsOptions = {}) {
    this.#onCollectError = options.onCollectError ?? (() => {});
    if (options.processMetrics ?? true)
      collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: eventLoopPrecisionMs });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /**
   * Registers a value that goes up and down.
   * @throws TypeError for a name or label against the rules, Error for a name that is taken
   */
  registerGauge(
    name: string,
    help: string,
    labelNames: readonly string[],
    collect: Collect,
    merge: GaugeMerge = 'sum',
  ): void {
    assertName(name, labelNames);
    if (name.endsWith(counterSuffix))
      throw new TypeError(`the name of a gauge does not end in ${counterSuffix}: ${name}`);
    const fill = this.#filler(name, collect);
    new Gauge({
      name,
      help,
      aggregator: merge,
      labelNames: [...labelNames],
      registers: [this.#registry],
      collect() {
        fill({ reset: () => this.reset(), put: (labels, value) => this.set(labels, value) });
      },
    });
  }

  /**
   * Registers a count that only grows, kept by its source over the life of the process.
   * @throws TypeError for a name or label against the rules, Error for a name that is taken
   */
  registerCounter(name: string, help: string, labelNames: readonly string[], collect: Collect): void {
    assertName(name.endsWith(counterSuffix) ? name.slice(0, -counterSuffix.length) : '', labelNames, name);
    const fill = this.#filler(name, collect);
    new Counter({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.#registry],
      collect() {
        fill({ reset: () => this.reset(), put: (labels, value) => this.inc(labels, value) });
      },
    });
  }

  /** As plain data that another thread can merge. */
  async snapshot(): Promise<MetricsSnapshot> {
    return this.#registry.getMetricsAsJSON();
  }

  /** The page of a scrape; scrapes at the same time share one. */
  render(): Promise<string> {
    this.#rendering ??= this.#registry
      .metrics()
      .then(spellNumbers)
      .finally(() => {
        this.#rendering = undefined;
      });
    return this.#rendering;
  }

  #filler(name: string, collect: Collect): (sink: Sink) => void {
    return (sink) => {
      sink.reset();
      try {
        for (const { labels, value } of collect()) sink.put(labels ?? {}, value);
      } catch (error) {
        sink.reset();
        this.#onCollectError(error, name);
      }
    };
  }
}

function assertName(name: string, labelNames: readonly string[], shown = name): void {
  if (!namePattern.test(name)) {
    throw new TypeError(
      `a metric is named legacystream_<role>_<noun>_<unit>, a counter with _total: ${shown}`,
    );
  }
  for (const label of labelNames)
    if (!labelPattern.test(label)) throw new TypeError(`not a label of a metric: ${label}`);
}
