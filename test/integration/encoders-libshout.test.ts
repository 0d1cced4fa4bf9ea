/**
 * libshout, the library of most Icecast sources, as ezstream uses it: by HTTP with its
 * question for options, its probe without credentials and its PUT; by SHOUTcast v1 with its
 * poke. Titles arrive, and listeners hear what was sent.
 */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { missingProgram } from '../programs.mjs';
import { AdjacentPorts, type Dialogue } from '../support/adjacent-ports.ts';
import { readIcyBody, titlesOf } from '../support/icy-body.ts';
import { ProgramProcess } from '../support/program-process.ts';
import { ServerProcess, sourcePassword } from '../support/server-process.ts';
import { statusOf } from '../support/server-views.ts';
import { StreamClient } from '../support/stream-client.ts';
import { judgeTone, toneHz } from '../support/tone-judge.ts';

const skip = missingProgram('ezstream', 'ffmpeg', 'ffprobe');
const clipSeconds = 5;
const djPassword = 'dj-Pw:42';
const title = 'Ä/B - Größe & "mehr"';

type Sending = {
  readonly protocol: 'HTTP' | 'ICY';
  readonly mount: string;
  /** Where the server puts it. */
  readonly heardAt: string;
  readonly format: 'MP3' | 'Ogg';
  readonly user?: string;
  readonly password?: string;
};

const sendings = {
  http: { protocol: 'HTTP', mount: '/live.mp3', heardAt: '/live.mp3', format: 'MP3' },
  httpOwnLogin: {
    protocol: 'HTTP',
    mount: '/club/ogg',
    heardAt: '/club/ogg',
    format: 'Ogg',
    user: 'dj',
    password: djPassword,
  },
  httpSource: { protocol: 'HTTP', mount: '/old.mp3', heardAt: '/old.mp3', format: 'MP3' },
  // SHOUTcast v1 has no mounts: the path stays with ezstream.
  icy: { protocol: 'ICY', mount: '/not-sent', heardAt: '/stream', format: 'MP3' },
} as const satisfies Record<string, Sending>;

function configurationOf(sending: Sending, port: number, file: string): string {
  const { protocol, mount, format, user, password = sourcePassword } = sending;
  return `<?xml version="1.0" encoding="UTF-8"?>
<ezstream>
  <servers><server>
    <name>here</name><protocol>${protocol}</protocol><hostname>127.0.0.1</hostname><port>${port}</port>
    ${user ? `<user>${user}</user>` : ''}<password>${password}</password>
    <reconnect_attempts>1</reconnect_attempts>
  </server></servers>
  <streams><stream>
    <mountpoint>${mount}</mountpoint><server>here</server><intake>clip</intake><format>${format}</format>
    <public>Yes</public><stream_name>Radio Zürich</stream_name><stream_genre>Jazz</stream_genre>
    <stream_description>All day</stream_description><stream_url>http://radio.example/</stream_url>
    <stream_bitrate>128</stream_bitrate><stream_samplerate>44100</stream_samplerate>
    <stream_channels>2</stream_channels>
  </stream></streams>
  <intakes><intake>
    <name>clip</name><type>file</type><filename>${file}</filename><stream_once>Yes</stream_once>
  </intake></intakes>
  <metadata><format_str>@a@ - @t@</format_str></metadata>
</ezstream>
`;
}

async function makeClip(file: string, encoder: readonly string[]): Promise<void> {
  const [artist = '', name = ''] = title.split(' - ');
  const tone = `sine=frequency=${toneHz}:sample_rate=44100:duration=${clipSeconds}`;
  const tags = ['-metadata', `artist=${artist}`, '-metadata', `title=${name}`];
  const input = ['-v', 'error', '-f', 'lavfi', '-i', tone, '-ac', '2'];
  await ProgramProcess.run('ffmpeg', [...input, ...encoder, ...tags, file]);
}

/** Runs one sending to its end, with a listener from the start. */
async function send(server: ServerProcess, ports: AdjacentPorts, sending: Sending) {
  const { heardAt } = sending;
  const file = join(server.folder, sending.format === 'MP3' ? 'clip.mp3' : 'clip.ogg');
  const configuration = join(server.folder, `${heardAt.replaceAll('/', '-')}.xml`);
  await writeFile(configuration, configurationOf(sending, ports.port, file), { mode: 0o600 });
  const ezstream = new ProgramProcess('ezstream', ['-c', configuration]);
  try {
    const connected = await server.waitFor('source.connected', 15_000, ({ mount }) => mount === heardAt);
    const listener = StreamClient.send({
      port: server.httpPort,
      path: heardAt,
      headers: ['Icy-MetaData: 1'],
    });
    const head = await listener.head();
    const status = await statusOf(server, heardAt, (source) => typeof source['title'] === 'string');
    await listener.raw.closed(20_000);
    const metaint = Number(head.headers.get('icy-metaint') ?? 0);
    const icy = metaint > 0 ? readIcyBody(listener.body, metaint) : undefined;
    return {
      connected,
      head,
      status,
      audio: icy?.audio ?? listener.body,
      titles: titlesOf(icy?.blocks ?? []),
      exitCode: await ezstream.exited,
      output: ezstream.output,
    };
  } finally {
    await ezstream.stop();
  }
}

let server: ServerProcess;
let ports: AdjacentPorts;
/** Leads to the same server, which seems not to know PUT. */
let oldPorts: AdjacentPorts;
const sent = new Map<Sending, ReturnType<typeof send>>();

before(async () => {
  if (skip) return;
  server = await ServerProcess.start({
    ini: `[Streaming]\nLinger=1\n[Mount /club/*]\nSourceUser=dj\nSourcePassword=${djPassword}\n`,
  });
  ports = await AdjacentPorts.lead(server);
  oldPorts = await AdjacentPorts.lead(server, true);
  await Promise.all([
    makeClip(join(server.folder, 'clip.mp3'), ['-c:a', 'libmp3lame', '-b:a', '128k']),
    makeClip(join(server.folder, 'clip.ogg'), ['-c:a', 'libvorbis']),
  ]);
  for (const sending of Object.values(sendings)) {
    const running = send(server, sending === sendings.httpSource ? oldPorts : ports, sending);
    running.catch(() => {});
    sent.set(sending, running);
  }
});
after(async () => {
  await Promise.allSettled(sent.values());
  ports?.close();
  oldPorts?.close();
  await server?.stop();
});

/** The dialogues in which something was asked. */
const dialoguesWith = (words: string, through = ports): Dialogue[] =>
  through.dialogues.filter(({ asked }) => asked.includes(words));

async function checkHeard(sending: Sending) {
  const show = await sent.get(sending)!;
  assert.equal(show.exitCode, 0, show.output);
  assert.equal(show.status['server_name'], 'Radio Zürich');
  assert.equal(show.status['genre'], 'Jazz');
  assert.equal(show.status['bitrate'], 128);
  assert.equal(show.head.headers.get('icy-name'), 'Radio Zürich');
  const tone = await judgeTone(show.audio);
  assert.ok(Math.abs(tone.hz - toneHz) < 1, `${tone.hz} Hz`);
  assert.ok(Math.abs(tone.seconds - clipSeconds) < 0.2, `${tone.seconds} s`);
  return { ...show, tone };
}

test('libshout by HTTP: asks for options, probes, logs in by PUT and is thanked at the end', {
  skip,
}, async () => {
  const { connected, tone, status, titles } = await checkHeard(sendings.http);
  assert.equal(connected['protocol'], 'PUT');
  assert.equal(tone.codec, 'mp3');

  const [dialogue, ...others] = dialoguesWith('PUT /live.mp3 ');
  assert.ok(dialogue);
  assert.deepEqual(others, [], 'everything is said on one connection');
  const answers = dialogue.answered.match(/HTTP\/1\.1 \d{3}/g);
  assert.deepEqual(answers, ['HTTP/1.1 204', 'HTTP/1.1 401', 'HTTP/1.1 100', 'HTTP/1.1 200']);
  assert.match(dialogue.asked, /^OPTIONS \* HTTP\/1\.1\r\n/);
  const probe = dialogue.asked.split('\r\n\r\n')[1] ?? '';
  assert.match(probe, /^PUT [\s\S]*Content-Length: 0/);
  assert.doesNotMatch(probe, /Authorization/);

  assert.equal(status['title'], title);
  assert.ok(titles.includes(title), `titles heard: ${titles.join(' | ')}`);
  const [update] = dialoguesWith('POST /admin/metadata ');
  assert.match(update?.answered ?? '', /Metadata update successful/);
});

test('libshout by HTTP where PUT is not offered: logs in by SOURCE', { skip }, async () => {
  const { connected, tone } = await checkHeard(sendings.httpSource);
  assert.equal(connected['protocol'], 'SOURCE');
  assert.equal(tone.codec, 'mp3');
  const [dialogue] = dialoguesWith('SOURCE /old.mp3 ', oldPorts);
  assert.match(dialogue?.answered ?? '', /^HTTP\/1\.0 200 OK\r\n\r\n/m);
  assert.deepEqual(dialoguesWith('PUT ', oldPorts), []);
});

test('libshout by HTTP with a user and password of the mount; titles come with the Ogg', {
  skip,
}, async () => {
  const { connected, tone, status } = await checkHeard(sendings.httpOwnLogin);
  assert.equal(connected['protocol'], 'PUT');
  assert.equal(tone.codec, 'vorbis');
  assert.equal(status['subtype'], 'Vorbis');
  const [artist, name] = title.split(' - ');
  assert.deepEqual([status['artist'], status['title']], [artist, name]);
});

test('libshout by SHOUTcast v1: pokes, is not let in for that, and logs in', { skip }, async () => {
  const { connected, status, titles } = await checkHeard(sendings.icy);
  assert.equal(connected['protocol'], 'SHOUTcast v1');

  const [poke, login] = ports.dialogues.filter(({ via }) => via === 'shoutcast');
  assert.match(poke?.asked ?? '', /^!POKE\n/);
  assert.ok((poke?.answered ?? '').length > 0);
  assert.doesNotMatch(poke?.answered ?? '', /OK/);
  assert.ok(login?.asked.startsWith(`${sourcePassword}\nicy-name:`));
  assert.equal(login?.answered, 'OK2\r\nicy-caps:11\r\n\r\n');

  assert.equal(status['title'], title);
  assert.ok(titles.includes(title), `titles heard: ${titles.join(' | ')}`);
  const [update] = dialoguesWith('GET /admin.cgi?');
  assert.match(update?.asked ?? '', /mode=updinfo&pass=/);
  assert.match(update?.answered ?? '', /^HTTP\/1\.1 200 /m);
});
