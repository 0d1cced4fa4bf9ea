/**
 * Recognises MPEG audio layer II (ISO/IEC 11172-3, 13818-3), which shares `audio/mpeg`
 * with MP3 but is not split here: knowing it keeps such a stream from being searched
 * in vain for MP3 frames.
 */
import type { FrameGrammar } from './frame-sync.ts';

type Mp2Header = {
  /** Version, layer and sample rate, as they stand in the second and third byte. */
  readonly stream: number;
  readonly frameBytes: number;
};

const samplesPerFrame = 1152;
const bitratesMpeg1 = [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384];
const bitratesMpeg2 = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
const sampleRates = [44100, 48000, 32000];

export const mp2Grammar: FrameGrammar<Mp2Header> = {
  headerBytes: 4,
  parse(bytes, at, previous) {
    const b1 = bytes[at + 1]!;
    const b2 = bytes[at + 2]!;
    if (bytes[at] !== 0xff || (b1 & 0xf6) !== 0xf4) return undefined;
    const isMpeg1 = (b1 & 8) !== 0;
    const baseRateHz = sampleRates[(b2 >> 2) & 3];
    const bitrateKbps = (isMpeg1 ? bitratesMpeg1 : bitratesMpeg2)[b2 >> 4];
    if (baseRateHz === undefined || !bitrateKbps) return undefined;
    const stream = ((b1 & 0x1e) << 8) | (b2 & 0x0c);
    if (previous !== undefined && previous.stream !== stream) return undefined;
    const sampleRateHz = isMpeg1 ? baseRateHz : baseRateHz / 2;
    const frameBytes = Math.floor((samplesPerFrame * 125 * bitrateKbps) / sampleRateHz) + ((b2 >> 1) & 1);
    return { stream, frameBytes };
  },
};
