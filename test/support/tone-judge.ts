/**
 * Judges received audio as a player would: ffmpeg must decode it without a word of
 * complaint, and what it decodes must be the tone that the test sent, from end to end.
 */
import { ProgramProcess } from './program-process.ts';

export const toneHz = 440;

/** ffmpeg input of a tone, at most `seconds` long, in real time. */
export function toneInput(seconds: number, sampleRateHz = 44_100): string[] {
  const source = `sine=frequency=${toneHz}:sample_rate=${sampleRateHz}:duration=${seconds}`;
  return ['-re', '-f', 'lavfi', '-i', source, '-ac', '2'];
}

export type JudgedTone = {
  readonly codec: string;
  readonly container: string;
  readonly sampleRateHz: number;
  readonly channels: number;
  /** Playing time of the tone itself, without the silence that decoders put around it. */
  readonly seconds: number;
  /** By zero crossings over the whole length: a hole, a repetition or a click moves it. */
  readonly hz: number;
};

const decodedRateHz = 48_000;

/** @throws when ffmpeg prints any error */
export async function judgeTone(audio: Uint8Array): Promise<JudgedTone> {
  const probe = await ProgramProcess.run(
    'ffprobe',
    ['-v', 'error', '-of', 'json', '-show_streams', '-show_format', '-'],
    audio,
  );
  const { streams, format } = JSON.parse(probe) as {
    streams: { codec_name: string; sample_rate: string; channels: number }[];
    format: { format_name: string };
  };
  const decode = ['-v', 'error', '-i', '-', '-ac', '1', '-ar', `${decodedRateHz}`, '-f', 's16le', '-'];
  const decoder = new ProgramProcess('ffmpeg', decode, { input: audio, keepsStdout: true });
  const code = await decoder.exited;
  if (code !== 0 || decoder.output !== '') throw new Error(`ffmpeg (${code}) says:\n${decoder.output}`);
  const [stream] = streams;
  return {
    codec: stream?.codec_name ?? 'none',
    container: format.format_name,
    sampleRateHz: Number(stream?.sample_rate),
    channels: stream?.channels ?? 0,
    ...measure(decoder.stdout()),
  };
}

function measure(samples: Buffer): { seconds: number; hz: number } {
  let crossings = 0;
  let first = 0;
  let last = 0;
  let isHigh = false;
  for (let i = 0; i * 2 + 1 < samples.byteLength; i++) {
    const sample = samples.readInt16LE(i * 2);
    // A threshold keeps the noise around a silent start or end out of the count.
    if (!isHigh && sample > 200) {
      isHigh = true;
      if (crossings === 0) first = i;
      last = i;
      crossings += 1;
    } else if (sample < -200) {
      isHigh = false;
    }
  }
  const seconds = (last - first) / decodedRateHz;
  return { seconds, hz: seconds > 0 ? (crossings - 1) / seconds : 0 };
}
