/** Ingest, put together: every object it has, in one list. */
import type { RequestHead } from '@legacystream/core/protocols/request-head.ts';
import type { Access } from '@legacystream/runtime/access.ts';
import type { ClientConnection } from '@legacystream/runtime/client-connection.ts';
import type { Settings } from '@legacystream/runtime/config/settings.ts';
import type { Handled } from '@legacystream/runtime/front-door/front-door.ts';
import { HlsOutputs } from './hls/hls-outputs.ts';
import { HttpSourceHandler } from './http-source.ts';
import { ShoutcastSourceHandler } from './shoutcast-source.ts';
import { SourceRegistry } from './source-registry.ts';
import type { SessionDeps } from './source-session.ts';

export type IngestDeps = SessionDeps & { readonly settings: Settings; readonly access: Access };

export type IngestApp = {
  readonly registry: SourceRegistry;
  readonly hls: HlsOutputs;
  readonly handleHttp: (head: RequestHead, client: ClientConnection) => Promise<Handled>;
  readonly handleShoutcast: (line: string, client: ClientConnection) => Promise<void>;
  /** Lets every source go, so that its encoder can come back elsewhere. */
  readonly close: () => void;
};

export function createIngest(deps: IngestDeps): IngestApp {
  const { settings, access } = deps;
  const log = deps.log.child({ category: 'stream.manager' });
  const storeOutageGraceMs = settings.store.outageGrace * 1000;
  const hls = new HlsOutputs(deps, settings.hls);
  const registry = new SourceRegistry({ ...deps, log, storeOutageGraceMs, hls }, settings);
  const http = new HttpSourceHandler(registry, access, log);
  const shoutcast = new ShoutcastSourceHandler(registry, access, settings, log);
  return {
    registry,
    hls,
    handleHttp: (head, client) => http.handle(head, client),
    handleShoutcast: (line, client) => shoutcast.handle(line, client),
    close: () => {
      registry.closeAll('shutdown');
      hls.close();
    },
  };
}
