/**
 * `legacystream standalone|ingest|edge|control`: a server of that role. Reads the
 * configuration, makes what is missing, opens the ports, says where it is, and closes in
 * order.
 */
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Bus } from '@legacystream/core/ports/bus.ts';
import type { StateStore } from '@legacystream/core/ports/state-store.ts';
import { DemoSource } from '@legacystream/ingest/demo-source.ts';
import { checkListenerPasswordFiles } from '@legacystream/runtime/config/listener-auth-checks.ts';
import { formatProblem, type Settings } from '@legacystream/runtime/config/settings.ts';
import { Lifecycle } from '@legacystream/runtime/lifecycle.ts';
import { PortHub } from '@legacystream/runtime/message-port/port-hub.ts';
import { installSignalHandlers } from '@legacystream/runtime/signal-handlers.ts';
import { SystemClock } from '@legacystream/runtime/system-clock.ts';
import { BusWatch } from '../bus-watch.ts';
import { loadDemoParts } from '../demo-parts.ts';
import { EdgeThreads, threadCountOf } from '../edge-threads.ts';
import { type GeneratedCredentials, generateCredentials } from '../generated-credentials.ts';
import { openBus } from '../open-bus.ts';
import { openAccessLog, openLog } from '../open-logs.ts';
import { openStore } from '../open-store.ts';
import { createPod } from '../pod-app.ts';
import { drains, missingFor, type PodRole, servesListeners, settingsOf, takesSources } from '../pod-role.ts';
import { createPodTelemetry } from '../pod-telemetry.ts';
import { productVersion } from '../product-version.ts';
import { PublicPorts } from '../public-ports.ts';
import { addServingParts } from '../serving-parts.ts';
import { renderWelcome } from '../welcome.ts';
import type { CommandIo } from './command-io.ts';
import { configurationFile, loadCommandSettings, type SettingsOptions } from './command-settings.ts';

export type ServeOptions = SettingsOptions & { readonly demo?: boolean | undefined };

const demoPath = '/demo.mp3';

/** Starts the server; settles once it is on air. @returns the exit status if it could not start */
export async function runServer(
  role: PodRole,
  options: ServeOptions,
  io: CommandIo,
): Promise<number | undefined> {
  const loaded = loadCommandSettings(options, io);
  const problems = servesListeners(role)
    ? [
        ...loaded.problems,
        ...checkListenerPasswordFiles(loaded.settings, loaded.origins, (path) => io.readFile(path)),
      ]
    : loaded.problems;
  if (problems.length > 0) {
    for (const problem of problems) io.stderr(`legacystream: ${formatProblem(problem)}\n`);
    return 1;
  }
  const missing = missingFor(role, loaded.settings);
  if (missing.length > 0) {
    for (const sentence of missing) io.stderr(`legacystream: ${sentence}\n`);
    return 1;
  }
  const clock = new SystemClock();
  const log = openLog(loaded.settings, clock);
  const configLog = log.child({ category: 'config' });
  for (const warning of loaded.warnings) configLog.warn('setting.doubtful', {}, formatProblem(warning));
  const warn = (message: string) => configLog.warn('data.degraded', {}, message);
  prepareDataDir(loaded.settings.server.dataDir, warn);
  const credentials = await credentialsFor(role, loaded.settings, warn);
  const settings = settingsOf(role, credentials.settings);
  for (const note of notInForce(settings)) configLog.warn('setting.idle', {}, note);

  const podId = settings.cluster.podId || podIdOf(hostname());
  let store: StateStore;
  let bus: Bus;
  try {
    store = await openStore(settings, clock, log, warn);
    bus = openBus(settings, podId, role, clock, log);
  } catch (error) {
    io.stderr(`legacystream: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
  const accessLog = openAccessLog(settings, clock, log);
  const server = `LegacyStream ${productVersion()}`;
  const firstListenerId = firstListenerIdOf(settings, podId);
  const threadCount = threadCountOf(settings);
  const threads =
    threadCount > 1
      ? new EdgeThreads({
          role,
          firstListenerId,
          settings,
          hub: new PortHub(bus, store),
          clock,
          log,
          podId,
          server,
        })
      : undefined;
  const ownPorts = threads ? undefined : new PublicPorts(settings, log.child({ category: 'http.server' }));
  const ports = threads ?? ownPorts!;
  const port = () => ports.http;
  const app = createPod({
    role,
    settings,
    clock,
    bus,
    store,
    log,
    accessLog,
    podId,
    server,
    port,
    firstListenerId,
  });

  const lifecycle = new Lifecycle({ clock, log });
  const busWatch = new BusWatch(bus, clock);
  const telemetry = createPodTelemetry({
    settings,
    app,
    bus,
    store,
    log,
    threads,
    ports,
    lifecycle,
    busWatch,
  });
  lifecycle.add({ name: 'log', close: () => log.close() });
  lifecycle.add({ name: 'access log', close: () => accessLog?.close() });
  lifecycle.add({ name: 'telemetry', start: () => telemetry.start(), close: () => telemetry.close() });
  lifecycle.add({ name: 'store', close: () => store.close() });
  lifecycle.add({
    name: 'bus',
    close: () => {
      busWatch.close();
      return bus.close();
    },
  });
  addServingParts(lifecycle, clock, app, ownPorts, drains(role));
  if (threads) {
    lifecycle.add({
      name: 'edge threads',
      start: () => threads.open(threadCount),
      close: () => threads.close(),
      closeDeadlineMs: threads.closeTimeoutMs,
    });
  }
  if (options.demo) {
    const demo = new DemoSource(app.ingest.registry, clock, demoPath, loadDemoParts());
    lifecycle.add({ name: 'demo', start: () => demo.start(), close: () => demo.close() });
  }

  installSignalHandlers({
    log,
    close: () => lifecycle.close(),
    onHangup: () => {
      log.reopen();
      accessLog?.reopen();
      ownPorts?.reloadCertificate();
      threads?.reopen();
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
    edgeThreads: threadCount,
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

/** What is set, and checked, and has no effect, in this version or with what else is set. */
function notInForce({ server, letsEncrypt, cloudflare }: Settings): string[] {
  const notes: string[] = [];
  const modes = [server.proxyProtocol, server.httpsProxyProtocol, server.shoutcastProxyProtocol];
  const expects = modes.some((mode) => mode === 'optional' || mode === 'required');
  if (expects && server.trustedProxies.length === 0) {
    const refused = modes.includes('required') ? 'every connection to such a port' : 'every PROXY header';
    notes.push(
      `[Server] ProxyProtocol has nobody to believe: with TrustedProxies empty ${refused} is refused`,
    );
  }
  if (letsEncrypt.domains.length > 0 || cloudflare.apiToken) {
    notes.push('[LetsEncrypt] and [Cloudflare] have no effect yet: certificates are read from files');
  }
  return notes;
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

/**
 * Passwords that nobody has set are made up only where one process is the whole server:
 * servers of a fleet have to agree on theirs.
 */
async function credentialsFor(
  role: PodRole,
  settings: Settings,
  warn: (message: string) => void,
): Promise<GeneratedCredentials> {
  if (!settings.bus.url) return generateCredentials(settings, warn);
  if (!settings.auth.sourcePassword && takesSources(role))
    warn('[Auth] SourcePassword is empty: only mounts that have their own take sources');
  return { settings, used: [], isNew: false, isKept: false, path: '' };
}

/** Listener ids of different servers of a fleet do not meet; a server by itself counts from 1. */
function firstListenerIdOf(settings: Settings, podId: string): number {
  if (!settings.bus.url) return 1;
  return (createHash('sha256').update(podId).digest().readUInt16BE(0) >> 4) * 2 ** 40 + 1;
}

/** A host name as a token of subjects and keys. */
function podIdOf(name: string): string {
  return name.replace(/[^A-Za-z0-9-]/g, '-').slice(0, 63) || 'local';
}
