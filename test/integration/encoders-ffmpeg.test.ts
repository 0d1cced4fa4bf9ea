/**
 * ffmpeg as an encoder, in each of its four dialects and each of its formats, against the
 * running server: what listeners receive must decode without a complaint and be the tone
 * that was sent, for those who were there from the start and for those who came late.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { missingProgram } from '../programs.mjs';
import { ProgramProcess } from '../support/program-process.ts';
import { ServerProcess, sourcePassword } from '../support/server-process.ts';
import { statusOf } from '../support/server-views.ts';
import { StreamClient } from '../support/stream-client.ts';
import { judgeTone, toneHz, toneInput } from '../support/tone-judge.ts';

const skip = missingProgram('ffmpeg', 'ffprobe', 'curl');
const clipSeconds = 5;
const burstSeconds = 1;
const joinsLateAfterSeconds = 2.5;

/** What ffmpeg sends in each dialect, after the tone and the encoder's options. */
const dialects = {
  'PUT with Expect': { scheme: 'icecast', args: [], protocol: 'PUT' },
  'SOURCE HTTP/1.1': { scheme: 'icecast', args: ['-legacy_icecast', '1'], protocol: 'SOURCE' },
  'chunked PUT after a challenge': { scheme: 'http', args: ['-method', 'PUT'], protocol: 'PUT' },
  'chunked PUT at once': {
    scheme: 'http',
    args: ['-method', 'PUT', '-auth_type', 'basic'],
    protocol: 'PUT',
  },
} as const;

type Format = {
  readonly args: readonly string[];
  readonly type: string;
  /** The type for listeners, where it is not the declared one. */
  readonly heardType?: string;
  readonly codec: string;
  readonly container: string;
  readonly rateHz?: number;
  readonly subtype?: string;
  /** As status-json shows it when the encoder says nothing. */
  readonly kbps?: number;
  /** Roughly. */
  readonly bytesPerSecond: number;
};

const formats = {
  mp3: {
    args: ['-c:a', 'libmp3lame', '-b:a', '128k', '-f', 'mp3'],
    type: 'audio/mpeg',
    codec: 'mp3',
    container: 'mp3',
    kbps: 128,
    bytesPerSecond: 16_000,
  },
  aac: {
    args: ['-c:a', 'aac', '-b:a', '96k', '-f', 'adts'],
    type: 'audio/aac',
    codec: 'aac',
    container: 'aac',
    bytesPerSecond: 12_000,
  },
  'aac declared as mp3': {
    args: ['-c:a', 'aac', '-b:a', '96k', '-f', 'adts'],
    type: 'audio/mpeg',
    heardType: 'audio/aac',
    codec: 'aac',
    container: 'aac',
    bytesPerSecond: 12_000,
  },
  vorbis: {
    args: ['-c:a', 'libvorbis', '-f', 'ogg'],
    type: 'application/ogg',
    codec: 'vorbis',
    container: 'ogg',
    subtype: 'Vorbis',
    bytesPerSecond: 3_400,
  },
  opus: {
    args: ['-c:a', 'libopus', '-b:a', '96k', '-f', 'ogg'],
    type: 'audio/ogg',
    codec: 'opus',
    container: 'ogg',
    rateHz: 48_000,
    subtype: 'Opus',
    bytesPerSecond: 12_500,
  },
  'ogg flac': {
    args: ['-c:a', 'flac', '-f', 'ogg'],
    type: 'audio/ogg',
    codec: 'flac',
    container: 'ogg',
    subtype: 'FLAC',
    bytesPerSecond: 12_000,
  },
  flac: {
    args: ['-c:a', 'flac', '-f', 'flac'],
    type: 'audio/flac',
    codec: 'flac',
    container: 'flac',
    subtype: 'FLAC',
    bytesPerSecond: 12_000,
  },
  webm: {
    args: ['-c:a', 'libopus', '-b:a', '96k', '-f', 'webm'],
    type: 'audio/webm',
    codec: 'opus',
    container: 'matroska,webm',
    rateHz: 48_000,
    subtype: 'Opus',
    bytesPerSecond: 12_500,
  },
} as const satisfies Record<string, Format>;

type Case = { readonly dialect: keyof typeof dialects; readonly format: keyof typeof formats };

/** Each dialect with each kind of framing, each format at least once. */
const cases: readonly Case[] = [
  { dialect: 'PUT with Expect', format: 'mp3' },
  { dialect: 'PUT with Expect', format: 'aac' },
  { dialect: 'PUT with Expect', format: 'vorbis' },
  { dialect: 'PUT with Expect', format: 'flac' },
  { dialect: 'PUT with Expect', format: 'aac declared as mp3' },
  { dialect: 'SOURCE HTTP/1.1', format: 'mp3' },
  { dialect: 'SOURCE HTTP/1.1', format: 'opus' },
  { dialect: 'SOURCE HTTP/1.1', format: 'ogg flac' },
  { dialect: 'chunked PUT after a challenge', format: 'flac' },
  { dialect: 'chunked PUT after a challenge', format: 'mp3' },
  { dialect: 'chunked PUT at once', format: 'webm' },
  { dialect: 'chunked PUT at once', format: 'aac' },
];

const mountOf = ({ dialect, format }: Case) => `/${dialect}/${format}`.replaceAll(' ', '-').toLowerCase();

function encoderArgs({ dialect, format }: Case, port: number, password = sourcePassword): string[] {
  const { scheme, args } = dialects[dialect];
  const said =
    scheme === 'icecast'
      ? ['-ice_name', 'Radio Zürich', '-ice_genre', 'Jazz', '-ice_url', 'http://radio.example/']
      : ['-headers', 'ice-name: Radio Zürich\r\nice-genre: Jazz\r\nice-bitrate: 77\r\n'];
  const url = `${scheme}://source:${password}@127.0.0.1:${port}${mountOf({ dialect, format })}`;
  const { args: encoder, type } = formats[format];
  return [
    ...['-hide_banner', '-loglevel', 'error', ...toneInput(clipSeconds)],
    ...[...encoder, '-content_type', type, ...said, ...args, url],
  ];
}

/** Everything that one case shows; the encoders run side by side, as each takes its real time. */
async function goOnAir(server: ServerProcess, one: Case) {
  const mount = mountOf(one);
  const { bytesPerSecond } = formats[one.format];
  const encoder = new ProgramProcess('ffmpeg', encoderArgs(one, server.httpPort));
  try {
    const connected = await server.waitFor('source.connected', 15_000, (line) => line['mount'] === mount);
    const early = StreamClient.send({ port: server.httpPort, path: mount });
    const earlyHead = await early.head();
    await early.receive(bytesPerSecond * joinsLateAfterSeconds, 15_000);
    const late = StreamClient.send({ port: server.httpPort, path: mount });
    const lateHead = await late.head();
    const status = await statusOf(server, mount, ({ listeners }) => Number(listeners) >= 2);
    await Promise.all([early.raw.closed(20_000), late.raw.closed(20_000)]);
    const exitCode = await encoder.exited;
    return {
      connected,
      heads: [earlyHead, lateHead],
      earlyAudio: early.body,
      lateAudio: late.body,
      status,
      exitCode,
      output: encoder.output,
    };
  } finally {
    await encoder.stop();
  }
}

/** What curl makes of the stream that is on air as `one`. */
async function listenWithCurl(server: ServerProcess, one: Case) {
  await statusOf(server, mountOf(one));
  const url = `${server.url}${mountOf(one)}`;
  const curl = new ProgramProcess('curl', ['-s', '-i', '--max-time', '25', url], { keepsStdout: true });
  try {
    const exitCode = await curl.exited;
    return { exitCode, answer: curl.stdout(), output: curl.output };
  } finally {
    await curl.stop();
  }
}

let server: ServerProcess;
let curlShow: ReturnType<typeof listenWithCurl> | undefined;
const shows = new Map<Case, ReturnType<typeof goOnAir>>();

before(async () => {
  if (skip) return;
  server = await ServerProcess.start({
    ini: `[Streaming]\nLinger=1\nDefaultLatency=${burstSeconds}\n`,
  });
  for (const one of cases) {
    const show = goOnAir(server, one);
    show.catch(() => {});
    shows.set(one, show);
  }
  curlShow = listenWithCurl(server, { dialect: 'PUT with Expect', format: 'flac' });
  curlShow.catch(() => {});
});
after(async () => {
  await Promise.allSettled([...shows.values(), curlShow]);
  await server?.stop();
});

for (const one of cases) {
  const format: Format = formats[one.format];
  const dialect = dialects[one.dialect];
  test(`ffmpeg ${one.dialect}, ${one.format}: heard as sent, early and late`, { skip }, async () => {
    const show = await shows.get(one)!;
    const heardType = format.heardType ?? format.type;
    const rateHz = format.rateHz ?? 44_100;

    assert.equal(show.exitCode, 0, `ffmpeg ends content: ${show.output}`);
    assert.equal(show.connected['protocol'], dialect.protocol);

    for (const { status, headers } of show.heads) {
      assert.equal(status, 200);
      assert.equal(headers.get('content-type'), heardType);
      assert.equal(headers.get('icy-name'), 'Radio Zürich');
      assert.equal(headers.get('icy-genre'), 'Jazz');
    }

    const { status } = show;
    assert.equal(status['server_name'], 'Radio Zürich');
    assert.equal(status['genre'], 'Jazz');
    assert.equal(status['server_type'], heardType);
    assert.equal(status['subtype'], format.subtype);
    if (dialect.scheme === 'http') assert.equal(status['bitrate'], 77, 'what the encoder said');
    else if (format.kbps) assert.equal(status['bitrate'], format.kbps, 'what the audio shows');
    assert.equal(status['ice-samplerate'] ?? status['audio_samplerate'], rateHz);
    assert.equal(status['ice-channels'] ?? status['audio_channels'], 2);

    const early = await judgeTone(show.earlyAudio);
    const late = await judgeTone(show.lateAudio);
    for (const tone of [early, late]) {
      assert.equal(tone.codec, format.codec);
      assert.equal(tone.container, format.container);
      assert.equal(tone.sampleRateHz, rateHz);
      assert.equal(tone.channels, 2);
      assert.ok(Math.abs(tone.hz - toneHz) < 1, `${tone.hz} Hz`);
    }
    assert.ok(early.seconds > clipSeconds - 0.2, `early heard ${early.seconds} s`);
    assert.ok(early.seconds < clipSeconds + 0.2, `early heard ${early.seconds} s`);
    assert.ok(late.seconds > burstSeconds, `late heard ${late.seconds} s`);
    assert.ok(late.seconds < early.seconds - 0.5, `late heard ${late.seconds} s`);
  });
}

test('a wrong password ends ffmpeg with an error, named where it waits for an answer', { skip }, async () => {
  const names = Object.keys(dialects) as (keyof typeof dialects)[];
  const endings = names.map(async (dialect) => {
    const args = encoderArgs({ dialect, format: 'vorbis' }, server.httpPort, 'wrong');
    const encoder = new ProgramProcess('ffmpeg', args);
    try {
      assert.notEqual(await encoder.exited, 0, dialect);
      return [dialect, encoder.output] as const;
    } finally {
      await encoder.stop();
    }
  });
  const outputs = new Map(await Promise.all(endings));
  assert.match(outputs.get('PUT with Expect') ?? '', /authorization failed/i);
});

test('curl hears the same stream as a plain socket, with its name among the headers', { skip }, async () => {
  const { answer, exitCode, output } = await curlShow!;
  assert.equal(exitCode, 0, output);
  const headEnd = answer.indexOf('\r\n\r\n');
  assert.match(answer.toString('latin1', 0, headEnd), /^HTTP\/1\.1 200 OK\r\n[\s\S]*icy-genre:Jazz/);
  const tone = await judgeTone(answer.subarray(headEnd + 4));
  assert.ok(tone.seconds > 1, `${tone.seconds} s`);
  assert.ok(Math.abs(tone.hz - toneHz) < 1, `${tone.hz} Hz`);
});
