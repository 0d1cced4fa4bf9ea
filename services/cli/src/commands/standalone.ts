/**
 * `legacystream standalone`: the whole server in one process. Reads the configuration,
 * makes what is missing, opens the ports, says where it is, and closes in order.
 */
import { mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { registerEdgeMetrics } from '@legacystream/edge/edge-metrics.ts';
import { DemoSource } from '@legacystream/ingest/demo-source.ts';
import { registerIngestMetrics } from '@legacystream/ingest/ingest-metrics.ts';
import { AccessLog } from '@legacystream/runtime/access-log.ts';
import { formatProblem, type Settings } from '@legacystream/runtime/config/settings.ts';
import { Lifecycle } from '@legacystream/runtime/lifecycle.ts';
import { createLog, type Log, type LogLevel, type RootLog } from '@legacystream/runtime/log.ts';
import { MemoryStateStore } from '@legacystream/runtime/memory-state-store.ts';
import { Metrics } from '@legacystream/runtime/metrics.ts';
import { registerProcessMetrics } from '@legacystream/runtime/process-metrics.ts';
import { installSignalHandlers } from '@legacystream/runtime/signal-handlers.ts';
import { SystemClock } from '@legacystream/runtime/system-clock.ts';
import { createTelemetryServer } from '@legacystream/runtime/telemetry.ts';
import { loadDemoParts } from '../demo-parts.ts';
import { generateCredentials } from '../generated-credentials.ts';
import { productVersion } from '../product-version.ts';
import { PublicPorts } from '../public-ports.ts';
import { createStandalone } from '../standalone-app.ts';
import { renderWelcome } from '../welcome.ts';
import type { CommandIo } from './command-io.ts';
import { configurationFile, loadCommandSettings, type SettingsOptions } from './command-settings.ts';

export type StandaloneOptions = SettingsOptions & { readonly demo?: boolean | undefined };

const demoPath = '/demo.mp3';
/** What the last frames need to get from the bus to the sockets. */
const lastFramesMs = 100;

/** Starts the server; settles once it is on air. @returns the exit status if it could not start */
export async function runStandalone(options: StandaloneOptions, io: CommandIo): Promise<number | undefined> {
  const loaded = loadCommandSettings(options, io);
  if (loaded.problems.length > 0) {
    for (const problem of loaded.problems) io.stderr(`legacystream: ${formatProblem(problem)}\n`);
    return 1;
  }
  const clock = new SystemClock();
  const log = openLog(loaded.settings, clock);
  const configLog = log.child({ category: 'config' });
  for (const warning of loaded.warnings) configLog.warn('setting.doubtful', {}, formatProblem(warning));
  const warn = (message: string) => configLog.warn('data.degraded', {}, message);
  prepareDataDir(loaded.settings.server.dataDir, warn);
  const credentials = await generateCredentials(loaded.settings, warn);
  const { settings } = credentials;
  if (settings.server.workerThreads !== 1) {
    configLog.info(
      'setting.noted',
      { workerThreads: settings.server.workerThreads },
      'one thread serves all for now',
    );
  }

  const store = await MemoryStateStore.open({
    clock,
    path: join(settings.server.dataDir, 'state.json'),
    warn,
  });
  const accessLog = openAccessLog(settings, clock, log);
  const server = `LegacyStream ${productVersion()}`;
  const ports = new PublicPorts(settings, log.child({ category: 'http.server' }));
  const podId = settings.cluster.podId || podIdOf(hostname());
  const app = createStandalone({
    settings,
    clock,
    store,
    log,
    accessLog,
    podId,
    server,
    port: () => ports.http,
  });

  const metrics = new Metrics({
    onCollectError: (error, name) => log.error('metric.failed', { name, error }),
  });
  registerProcessMetrics(metrics, app.frontDoor.stats, app.bus.stats);
  registerIngestMetrics(metrics, app.ingest.registry);
  registerEdgeMetrics(metrics, app.edge);

  const lifecycle = new Lifecycle({ clock, log });
  const isFull = () => app.edge.registry.count >= settings.server.maxConnections;
  const telemetry = createTelemetryServer({
    port: settings.telemetry.port,
    bindAddress: settings.telemetry.bindAddress,
    registry: metrics,
    checks: {
      notReady: () => (ports.isOpen || lifecycle.isClosing ? [] : ['starting']),
      closedToNewcomers: () => [
        ...(lifecycle.isClosing ? ['shutting down'] : []),
        ...(isFull() ? ['full'] : []),
      ],
    },
  });
  lifecycle.add({ name: 'log', close: () => log.close() });
  lifecycle.add({ name: 'access log', close: () => accessLog?.close() });
  lifecycle.add({ name: 'telemetry', start: () => telemetry.start(), close: () => telemetry.close() });
  lifecycle.add({ name: 'store', close: () => store.close() });
  lifecycle.add({ name: 'bus', close: () => app.bus.close() });
  lifecycle.add({ name: 'counts', start: () => app.counts.report(), close: () => app.counts.close() });
  lifecycle.add({ name: 'listeners', start: () => app.edge.start(), close: () => app.edge.close() });
  lifecycle.add({
    name: 'sources',
    close: async () => {
      app.ingest.close();
      await new Promise((resolve) => setTimeout(resolve, lastFramesMs));
    },
  });
  if (options.demo) {
    const demo = new DemoSource(app.ingest.registry, clock, demoPath, loadDemoParts());
    lifecycle.add({ name: 'demo', start: () => demo.start(), close: () => demo.close() });
  }
  lifecycle.add({
    name: 'ports',
    start: () => ports.open(app.frontDoor),
    close: async () => {
      app.edge.refuseNew();
      await ports.close();
      app.frontDoor.close();
    },
  });

  installSignalHandlers({
    log,
    close: () => lifecycle.close(),
    onHangup: () => {
      log.reopen();
      accessLog?.reopen();
      ports.reloadCertificate();
    },
  });
  try {
    await lifecycle.start();
  } catch (error) {
    io.stderr(`legacystream: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
  log.info('server.started', {
    version: productVersion(),
    httpPort: ports.http,
    shoutcastPort: ports.shoutcast,
    httpsPort: ports.https,
    telemetryPort: telemetry.port,
    configuration: configurationFile(options, io.env) ?? null,
  });
  if (options.demo || process.stdout.isTTY) {
    io.stdout(
      renderWelcome({
        settings,
        credentials,
        port: ports.http,
        demoPath: options.demo ? demoPath : undefined,
      }),
    );
  }
  return undefined;
}

function openLog(settings: Settings, clock: SystemClock): RootLog {
  const { level, format, file } = settings.log;
  const known: Readonly<Record<string, LogLevel>> = { trace: 'debug', fatal: 'error' };
  return createLog({ level: known[level] ?? (level as LogLevel), format, clock, ...(file && { file }) });
}

function openAccessLog(settings: Settings, clock: SystemClock, log: Log): AccessLog | undefined {
  const { accessLog } = settings.log;
  if (accessLog === 'off') return undefined;
  return new AccessLog({ path: accessLog || join(settings.server.dataDir, 'access.log'), clock, log });
}

/** A data directory that cannot be had stops nothing: what would be kept there is kept in memory. */
function prepareDataDir(path: string, warn: (message: string) => void): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    warn(
      `the data directory ${path} cannot be made (${error instanceof Error ? error.message : String(error)})`,
    );
  }
}

/** A host name as a token of subjects and keys. */
function podIdOf(name: string): string {
  return name.replace(/[^A-Za-z0-9-]/g, '-').slice(0, 63) || 'local';
}
