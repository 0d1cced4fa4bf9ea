/** Control, put together: every object it has, in one list. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Subjects } from '@legacystream/core/bus/subjects.ts';
import type { Clock } from '@legacystream/core/clock.ts';
import type { Bus } from '@legacystream/core/ports/bus.ts';
import type { StateStore } from '@legacystream/core/ports/state-store.ts';
import type { Access } from '@legacystream/runtime/access.ts';
import type { Settings } from '@legacystream/runtime/config/settings.ts';
import type { FleetStatus } from '@legacystream/runtime/fleet-status.ts';
import type { Log } from '@legacystream/runtime/log.ts';
import { BanRegister } from './ban-register.ts';
import { FleetControl } from './fleet-control.ts';
import { IcecastAdmin } from './icecast-admin/icecast-admin.ts';
import { ShoutcastAdmin } from './shoutcast-admin.ts';
import { TitleUpdates } from './title-updates.ts';

export type ControlDeps = {
  readonly settings: Settings;
  readonly bus: Bus;
  readonly store: StateStore;
  readonly clock: Clock;
  readonly subjects: Subjects;
  readonly access: Access;
  readonly fleet: FleetStatus;
  readonly log: Log;
  /** The public port, for links. */
  readonly port: () => number;
};

export type ControlApp = {
  /** @returns undefined for paths that are not control's */
  readonly route: (
    path: string,
  ) => ((request: IncomingMessage, response: ServerResponse) => Promise<void>) | undefined;
};

export function createControl(deps: ControlDeps): ControlApp {
  const { settings, access, fleet, port } = deps;
  const log = deps.log.child({ category: 'control.admin' });
  const control = new FleetControl(deps.bus, deps.store, deps.subjects);
  const titles = new TitleUpdates(settings, control);
  const bans = new BanRegister({ ...deps, operator: settings.auth.adminUser, log });
  const nowMs = () => deps.clock.wallMs();
  const icecast = new IcecastAdmin({ settings, access, fleet, control, titles, bans, log, port, nowMs });
  const shoutcast = new ShoutcastAdmin({ settings, access, titles, bans, log });
  return {
    route: (path) => {
      if (path === '/admin.cgi') return (request, response) => shoutcast.handle(request, response);
      if (path === '/admin' || path.startsWith('/admin/'))
        return (request, response) => icecast.handle(request, response);
      return undefined;
    },
  };
}
