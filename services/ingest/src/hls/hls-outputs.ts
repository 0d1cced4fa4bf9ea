/** Opens the HLS of source sessions, and knows who packaged each mount before. */
import type { MountSettings } from '@legacystream/runtime/config/mount-schema.ts';
import type { Settings } from '@legacystream/runtime/config/settings.ts';
import { HlsOutput, type HlsOutputDeps, type HlsOutputStats } from './hls-output.ts';
import { HlsPredecessors } from './hls-predecessors.ts';

export class HlsOutputs {
  readonly stats: HlsOutputStats = { segments: 0, storeFailures: 0 };
  readonly #deps: HlsOutputDeps;
  readonly #settings: Settings['hls'];

  constructor(deps: Omit<HlsOutputDeps, 'predecessors' | 'stats'>, settings: Settings['hls']) {
    this.#deps = { ...deps, predecessors: new HlsPredecessors(), stats: this.stats };
    this.#settings = settings;
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
