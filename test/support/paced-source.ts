/**
 * An encoder whose audio says what time it is: steps of tones, encoded beforehand by ffmpeg and
 * sent frame by frame as a sound card would let an encoder send them. A test knows to the
 * millisecond when each moment of the programme went out, and so how late it is heard.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { createSplitter } from '@legacystream/core/codecs/create-splitter.ts';
import type { Codec } from '@legacystream/core/codecs/frame-splitter.ts';
import { basicAuth } from './counting-source.ts';
import type { HeardTone } from './hls-page.ts';
import { ProgramProcess } from './program-process.ts';
import { RawClient } from './raw-client.ts';

type Piece = { readonly data: Uint8Array; readonly endS: number };

export type Programme = {
  readonly contentType: string;
  readonly seconds: number;
  readonly pieces: readonly Piece[];
};

type Encoding = { readonly codec: Codec; readonly contentType: string; readonly args: readonly string[] };

export const encodings = {
  mp3: {
    codec: 'mp3',
    contentType: 'audio/mpeg',
    args: ['-c:a', 'libmp3lame', '-b:a', '128k', '-write_xing', '0', '-id3v2_version', '0', '-f', 'mp3'],
  },
  aac: { codec: 'aac', contentType: 'audio/aac', args: ['-c:a', 'aac', '-b:a', '128k', '-f', 'adts'] },
  opus: {
    codec: 'ogg-opus',
    contentType: 'audio/ogg',
    args: ['-c:a', 'libopus', '-b:a', '96k', '-page_duration', '100000', '-f', 'ogg'],
  },
  flac: { codec: 'flac', contentType: 'audio/flac', args: ['-c:a', 'flac', '-f', 'flac'] },
} as const satisfies Record<string, Encoding>;

const rateHz = 48_000;
const tickMs = 20;
export const toneSteps = 16;

/** The tone of a step of the programme. */
const stepHz = (step: number) => 500 + 150 * (step % toneSteps);

/** Which step sounds so; undefined for what is none. */
export function stepOf(hz: number): number | undefined {
  const step = Math.round((hz - 500) / 150) + 0;
  return step >= 0 && step < toneSteps && Math.abs(hz - stepHz(step)) < 40 ? step : undefined;
}

/** Tones that follow each other every `stepS`, without a click between them. */
function tonePcm(seconds: number, stepS: number): Buffer {
  const samples = new Int16Array(Math.round(seconds * rateHz));
  let phase = 0;
  for (let i = 0; i < samples.length; i += 1) {
    phase += (2 * Math.PI * stepHz(Math.floor(i / (stepS * rateHz)))) / rateHz;
    samples[i] = Math.round(12_000 * Math.sin(phase));
  }
  return Buffer.from(samples.buffer);
}

export async function encodeProgramme(encoding: Encoding, seconds: number, stepS = 1): Promise<Programme> {
  const input = ['-v', 'error', '-f', 's16le', '-ar', `${rateHz}`, '-ac', '1', '-i', '-', '-ac', '2'];
  const encoder = new ProgramProcess('ffmpeg', [...input, ...encoding.args, '-'], {
    input: tonePcm(seconds, stepS),
    keepsStdout: true,
  });
  if ((await encoder.exited) !== 0) throw new Error(`ffmpeg says:\n${encoder.output}`);
  const splitter = createSplitter(encoding.codec);
  const pieces: Piece[] = [];
  let endS = 0;
  for (const event of [...splitter.push(encoder.stdout()), ...splitter.flush()]) {
    if (event.type === 'tags' || (event.type === 'headers' && !event.inBand)) continue;
    if (event.type === 'frame') endS += event.durationUs / 1e6;
    pieces.push({ data: event.data, endS });
  }
  return { contentType: encoding.contentType, seconds: endS, pieces };
}

/** One change from a tone to the next, as a listener heard it. */
export type HeardStep = {
  readonly step: number;
  readonly wallMs: number;
  readonly at: number;
  /** After the moment at which it went out. */
  readonly lateMs: number;
};

/**
 * The changes of tone that were heard, for programmes whose steps take a second. What begins
 * after silence says nothing of when it was sent.
 */
export function heardSteps(tones: readonly HeardTone[], source: PacedSource): HeardStep[] {
  const heard: HeardStep[] = [];
  let before: number | undefined;
  for (const { hz, wallMs, at } of tones) {
    const step = stepOf(hz);
    if (step !== undefined && before !== undefined && step === (before + 1) % toneSteps) {
      const elapsedS = (wallMs - source.startedMs) / 1000;
      const programmeS = step + Math.floor((elapsedS - step) / toneSteps) * toneSteps;
      heard.push({ step: programmeS, wallMs, at, lateMs: wallMs - source.wallMsOf(programmeS) });
    }
    // Between two tones the spectrum may be neither.
    if (step !== undefined || hz === 0) before = step;
  }
  return heard;
}

export class PacedSource {
  readonly client: RawClient;
  readonly #programme: Programme;
  /** Wall time at which the programme's beginning would have gone out. */
  readonly startedMs: number;
  #next: number;
  #timer: NodeJS.Timeout | undefined;

  private constructor(client: RawClient, programme: Programme, fromS: number) {
    this.client = client;
    this.#programme = programme;
    this.startedMs = Date.now() - fromS * 1000;
    // What comes before has been missed, except for the headers of the stream.
    this.#next = programme.pieces.findIndex(({ endS }) => endS > fromS);
    const headers = programme.pieces.filter(({ endS }) => endS === 0).map(({ data }) => data);
    if (fromS > 0 && headers.length > 0) client.write(Buffer.concat(headers));
    if (fromS === 0) this.#next = 0;
    this.#timer = setInterval(() => this.#send(), tickMs);
  }

  /** Goes on air with the programme from `fromS` on. @throws when it is refused */
  static async start(port: number, mount: string, programme: Programme, fromS = 0): Promise<PacedSource> {
    const socket = connect({ host: '127.0.0.1', port });
    await once(socket, 'connect');
    const client = RawClient.over(socket);
    const lines = [
      `PUT ${mount} HTTP/1.1`,
      'Host: radio.test',
      basicAuth(),
      `Content-Type: ${programme.contentType}`,
    ];
    client.write(`${lines.join('\r\n')}\r\n\r\n`);
    const answer = (await client.until((bytes) => bytes.includes('\n'))).toString('latin1');
    if (!/^HTTP\/1\.[01] (?:200|100) /.test(answer)) {
      client.destroy();
      throw new Error(`the source was refused: ${answer.split('\r\n', 1)[0]}`);
    }
    return new PacedSource(client, programme, fromS);
  }

  /** Where in the programme it is now. */
  get atS(): number {
    return (Date.now() - this.startedMs) / 1000;
  }

  /** When a moment of the programme went out, or will. */
  wallMsOf(programmeS: number): number {
    return this.startedMs + programmeS * 1000;
  }

  /** Switches the encoder off. */
  stop(): void {
    clearInterval(this.#timer);
    this.client.destroy();
  }

  #send(): void {
    const { pieces } = this.#programme;
    const due: Uint8Array[] = [];
    while (this.#next < pieces.length && pieces[this.#next]!.endS <= this.atS) {
      due.push(pieces[this.#next]!.data);
      this.#next += 1;
    }
    if (due.length > 0 && !this.client.isClosed) this.client.write(Buffer.concat(due));
  }
}
