/**
 * Opus packets out of Ogg pages (RFC 7845) as samples. Their duration is what the first
 * bytes say (RFC 6716 §3.1); granule positions are not looked at, so what the end of a
 * link would trim is kept and the samples stay next to each other.
 *
 * A link that follows with an equal OpusHead goes on with the configuration in force, and
 * without a gap, for nothing is missing between the two; pages that are missing, and
 * packets left unfinished, do leave one.
 */
import { OggPacketAssembler } from '../codecs/ogg-packet-assembler.ts';
import type { Chunk } from '../sources/chunker.ts';
import type { OpusConfig } from './track.ts';
import { TrackEvents } from './track-events.ts';
import type { TrackEvent, TrackReader } from './track-reader.ts';

const maxPacketBytes = 262_144;

const opusRateHz = 48_000;
const maxPacketTicks = (opusRateHz * 120) / 1000;
const silkTicks = [480, 960, 1920, 2880];
const celtTicks = [120, 240, 480, 960];

const opusHead = Buffer.from('OpusHead', 'latin1');
const opusHeadBytes = 19;
/** Most channels of those mapping families whose OpusHead has a plain channel mapping table. */
const maxChannelsOfFamily: ReadonlyMap<number, number> = new Map([
  [0, 2],
  [1, 8],
  [2, 227],
  [255, 255],
]);
const silentChannel = 255;

export class OpusTrack implements TrackReader {
  readonly #events = new TrackEvents();
  readonly #assembler = new OggPacketAssembler(maxPacketBytes);

  get stats(): { readonly refused: number } {
    return this.#events.stats;
  }

  chunk(chunk: Pick<Chunk, 'data' | 'frameBytes'>): readonly TrackEvent[] {
    for (const page of this.#events.framesOf(chunk)) {
      for (const event of this.#assembler.push(page)) {
        if (event === 'missing') this.#events.gap();
        else if (event === 'refused') this.#events.refuse();
        else this.#takePacket(event);
      }
    }
    return this.#events.take();
  }

  headers(data: Uint8Array, inBand: boolean): readonly TrackEvent[] {
    const { identity, refused } = this.#assembler.begin(data, inBand, parseOpusHead);
    if (refused) this.#events.refuse();
    if (identity !== undefined) this.#events.config(identity);
    return this.#events.take();
  }

  #takePacket(packet: Uint8Array): void {
    const ticks = measureOpusPacket(packet);
    if (ticks === 0) this.#events.refuse();
    else this.#events.sample(packet, ticks);
  }
}

/** Samples at 48 kHz that a packet plays for; 0 if it says nothing that may be. */
export function measureOpusPacket(packet: Uint8Array): number {
  const [toc, second] = packet;
  if (toc === undefined) return 0;
  const config = toc >> 3;
  const frameTicks =
    config < 12 ? silkTicks[config & 3]! : config < 16 ? silkTicks[config & 1]! : celtTicks[config & 3]!;
  const code = toc & 3;
  const frames = code === 0 ? 1 : code < 3 ? 2 : (second ?? 0) & 0x3f;
  const ticks = frames * frameTicks;
  return ticks <= maxPacketTicks ? ticks : 0;
}

/** RFC 7845 §5.1; undefined if it is none, or describes what no decoder could be set up for. */
export function parseOpusHead(packet: Uint8Array): OpusConfig | undefined {
  if (packet.length < opusHeadBytes || Buffer.compare(packet.subarray(0, 8), opusHead) !== 0)
    return undefined;
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const channels = packet[9]!;
  const mappingFamily = packet[18]!;
  // The high half of the version may not change for those who know version 1.
  if (packet[8]! > 15 || channels === 0) return undefined;
  if (channels > (maxChannelsOfFamily.get(mappingFamily) ?? 0)) return undefined;
  const mapping = readMapping(packet, mappingFamily, channels);
  return (
    mapping && {
      codec: 'opus',
      timescale: opusRateHz,
      channels,
      preSkip: view.getUint16(10, true),
      inputSampleRateHz: view.getUint32(12, true),
      outputGain: view.getInt16(16, true),
      mappingFamily,
      mapping,
    }
  );
}

function readMapping(packet: Uint8Array, family: number, channels: number): Uint8Array | undefined {
  if (family === 0) return new Uint8Array(0);
  const end = opusHeadBytes + 2 + channels;
  if (packet.length < end) return undefined;
  const mapping = new Uint8Array(packet.subarray(opusHeadBytes, end));
  const [streams, coupled] = mapping as unknown as [number, number];
  if (streams === 0 || coupled > streams || streams + coupled > 255) return undefined;
  const isDecoded = (index: number) => index < streams + coupled || index === silentChannel;
  return mapping.subarray(2).every(isDecoded) ? mapping : undefined;
}
