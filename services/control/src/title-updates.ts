/**
 * Titles from outside the stream (protocols §1.8, §2.3): `song`, or `artist` and `title`,
 * in whatever charset they come, to the pod that owns the mount.
 */

import { decodeTitle } from '@legacystream/core/titles/decode-title.ts';
import { mountSettingsFor } from '@legacystream/runtime/config/mount-settings.ts';
import type { Settings } from '@legacystream/runtime/config/settings.ts';
import type { FleetControl } from './fleet-control.ts';
import type { AdminRequest } from './icecast-admin/admin-request.ts';

export type TitleOutcome = 'updated' | 'unknown' | 'not-running';

export class TitleUpdates {
  readonly #settings: Settings;
  readonly #control: FleetControl;

  constructor(settings: Settings, control: FleetControl) {
    this.#settings = settings;
    this.#control = control;
  }

  async update(mount: string, request: AdminRequest): Promise<TitleOutcome> {
    const { charset: mountCharset } = mountSettingsFor(this.#settings, mount);
    const decode = (name: string) => {
      const raw = request.raw(name);
      return raw === undefined
        ? undefined
        : decodeTitle(raw, request.text('charset'), mountCharset || undefined);
    };
    const song = decode('song');
    const title = song ?? decode('title');
    // `song` is the whole line: an artist of an earlier update does not belong to it.
    const artist = song === undefined ? (decode('artist') ?? '') : '';
    const state = (await this.#control.mounts()).find(({ path }) => path === mount);
    if (!state) return 'unknown';
    if (title === undefined) return 'updated';
    const reply = await this.#control.askOwner(mount, {
      op: 'title',
      title,
      artist,
      url: decode('url') ?? '',
    });
    return reply ? 'updated' : 'not-running';
  }
}
