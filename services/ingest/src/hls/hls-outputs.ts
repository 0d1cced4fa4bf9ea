/** Opens the HLS of source sessions, and knows who packaged each mount before. */
import { mountIdOf } from '@legacystream/core/mounts/mount-path.ts';
import { decodeMountState } from '@legacystream/core/mounts/mount-state.ts';
import type { Bus, Subscription } from '@legacystream/core/ports/bus.ts';
import type { MountSettings } from '@legacystream/runtime/config/mount-schema.ts';
import type { Settings } from '@legacystream/runtime/config/settings.ts';
import { HlsOutput, type HlsOutputDeps, type HlsOutputStats } from './hls-output.ts';
import { HlsPredecessors } from './hls-predecessors.ts';

export class HlsOutputs {
  readonly stats: HlsOutputStats = { segments: 0, storeFailures: 0 };
  readonly #deps: HlsOutputDeps;
  readonly #settings: Settings['hls'];
  readonly #subscription: Subscription;

  constructor(
    deps: Omit<HlsOutputDeps, 'predecessors' | 'stats'> & { readonly bus: Pick<Bus, 'subscribe'> },
    settings: Settings['hls'],
  ) {
    const predecessors = new HlsPredecessors();
    this.#deps = { ...deps, predecessors, stats: this.stats };
    this.#subscription = deps.bus.subscribe(deps.subjects.allStates, (data) => {
      const state = decodeMountState(data);
      if (state) predecessors.heardOf(mountIdOf(state.path), state.epoch);
    });
    this.#settings = settings;
  }

  close(): void {
    this.#subscription.unsubscribe();
  }

  /** Undefined where the mount is not to be served as HLS. */
  open(mount: MountSettings, mountId: string, epoch: number): HlsOutput | undefined {
    if (!mount.hls) return undefined;
    const { segmentDuration, partDuration } = this.#settings;
    const settings = {
      container: mount.hlsContainer,
      segmentS: segmentDuration,
      partS: Math.min(partDuration, segmentDuration),
      lowLatency: mount.hlsLowLatency,
      windowS: mount.hlsWindow,
    };
    return new HlsOutput(this.#deps, settings, mountId, epoch);
  }
}
