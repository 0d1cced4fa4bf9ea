/**
 * Liquidsoap's outputs against the running server: Icecast by SOURCE, by PUT and by chunked
 * PUT, and SHOUTcast v1. A title that a script sets arrives, by update or inside the Ogg.
 */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { missingProgram } from '../programs.mjs';
import { AdjacentPorts } from '../support/adjacent-ports.ts';
import { readIcyBody, titlesOf } from '../support/icy-body.ts';
import { ProgramProcess } from '../support/program-process.ts';
import { ServerProcess, sourcePassword } from '../support/server-process.ts';
import { statusOf } from '../support/server-views.ts';
import { StreamClient } from '../support/stream-client.ts';
import { judgeTone, toneHz } from '../support/tone-judge.ts';

const skip = missingProgram('liquidsoap', 'ffmpeg', 'ffprobe');
const artist = 'Ä/B';
const name = "Größe & 'mehr'";
const mp3 = '%mp3(bitrate=128)';
/** The first MP3 frames lean on earlier ones that liquidsoap made before it was connected: they crackle. */
const maxOffsetHz = 4;

type Output = {
  readonly mount: string;
  readonly encoder: string;
  readonly protocol: string;
  readonly codec: string;
  readonly args: string;
  /** The beginning of what the server answers. */
  readonly answer: RegExp;
};

const outputs: readonly Output[] = [
  {
    mount: '/default.mp3',
    encoder: mp3,
    protocol: 'SOURCE',
    codec: 'mp3',
    args: 'mount="/default.mp3"',
    answer: /^HTTP\/1\.0 200 OK\r\n\r\n/,
  },
  {
    mount: '/put.mp3',
    encoder: mp3,
    protocol: 'PUT',
    codec: 'mp3',
    args: 'mount="/put.mp3", method="put"',
    answer: /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/,
  },
  {
    mount: '/chunked.ogg',
    encoder: '%vorbis',
    protocol: 'PUT',
    codec: 'vorbis',
    args: 'mount="/chunked.ogg", method="put", chunked=true',
    answer: /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/,
  },
  {
    mount: '/stream',
    encoder: mp3,
    protocol: 'SHOUTcast v1',
    codec: 'mp3',
    args: '',
    answer: /^OK2\r\nicy-caps:11\r\n\r\n$/,
  },
];

function scriptFor(port: number): string {
  const lines = outputs.map(({ encoder, protocol, args }, index) => {
    const kind = protocol === 'SHOUTcast v1' ? 'shoutcast' : 'icecast';
    const login = `host="127.0.0.1", port=${port}, password="${sourcePassword}"`;
    const said = 'name="Radio Zürich", genre="Jazz", url="http://radio.example/"';
    const own = args === '' ? '' : `, ${args}`;
    return `output.${kind}(${encoder}, s, id="out${index}", fallible=true, ${login}, ${said}${own})`;
  });
  return `set("init.allow_root", true)
s = insert_metadata(amplify(0.5, sine(${toneHz}.)))
thread.run(delay=2.5, fun () -> s.insert_metadata([("artist", "${artist}"), ("title", "${name}")]))
thread.run(delay=5., fun () -> shutdown())
${lines.join('\n')}
`;
}

async function listen(server: ServerProcess, { mount }: Output) {
  const connected = await server.waitFor('source.connected', 30_000, (line) => line['mount'] === mount);
  const listener = StreamClient.send({ port: server.httpPort, path: mount, headers: ['Icy-MetaData: 1'] });
  const head = await listener.head();
  const status = await statusOf(server, mount, (source) => String(source['title']).includes(name));
  await listener.raw.closed(25_000);
  const metaint = Number(head.headers.get('icy-metaint') ?? 0);
  const icy = metaint > 0 ? readIcyBody(listener.body, metaint) : undefined;
  return {
    connected,
    head,
    status,
    audio: icy?.audio ?? listener.body,
    titles: titlesOf(icy?.blocks ?? []),
  };
}

let server: ServerProcess;
let ports: AdjacentPorts;
let liquidsoap: ProgramProcess;
const shows = new Map<Output, ReturnType<typeof listen>>();

before(async () => {
  if (skip) return;
  server = await ServerProcess.start({ ini: '[Streaming]\nLinger=1\n' });
  ports = await AdjacentPorts.lead(server);
  const script = join(server.folder, 'radio.liq');
  await writeFile(script, scriptFor(ports.port), { mode: 0o600 });
  liquidsoap = new ProgramProcess('liquidsoap', [script]);
  for (const output of outputs) {
    const show = listen(server, output);
    show.catch(() => {});
    shows.set(output, show);
  }
});
after(async () => {
  await Promise.allSettled(shows.values());
  await liquidsoap?.stop();
  ports?.close();
  await server?.stop();
});

for (const output of outputs) {
  const { mount, protocol, codec, answer } = output;
  test(`liquidsoap ${protocol} to ${mount}: heard as sent, with the title set by its script`, {
    skip,
  }, async () => {
    const show = await shows.get(output)!.catch((error: Error) => {
      throw new Error(`${error.message}\n${liquidsoap.output}`);
    });
    assert.equal(show.connected['protocol'], protocol);
    assert.equal(show.status['server_name'], 'Radio Zürich');
    assert.equal(show.status['genre'], 'Jazz');
    assert.equal(show.head.headers.get('icy-name'), 'Radio Zürich');

    const isOgg = codec === 'vorbis';
    if (isOgg) assert.deepEqual([show.status['artist'], show.status['title']], [artist, name]);
    else assert.equal(show.titles.at(-1), `${artist} - ${name}`);

    const tone = await judgeTone(show.audio);
    assert.equal(tone.codec, codec);
    assert.ok(tone.seconds > 3, `${tone.seconds} s`);
    assert.ok(Math.abs(tone.hz - toneHz) < maxOffsetHz, `${tone.hz} Hz`);

    const login = protocol === 'SHOUTcast v1' ? `${sourcePassword}\r\n` : ` ${mount} HTTP/1.`;
    const dialogue = ports.dialogues.find(({ asked }) => asked.includes(login));
    assert.match(dialogue?.answered ?? '', answer);
  });
}

test('liquidsoap chunks where it was told to, and with an empty Host', { skip }, async () => {
  await Promise.all(shows.values());
  const asked =
    ports.dialogues.find((dialogue) => dialogue.asked.startsWith('PUT /chunked.ogg '))?.asked ?? '';
  assert.match(asked, /\r\nTransfer-Encoding: chunked\r\n/);
  assert.match(asked, /\r\nHost: ?\r\n/);
  assert.match(asked, /\r\n\r\n1C\r\nOggS/);
});
