import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { encodeMetadataBlock } from '@legacystream/core/icy/metadata-block.ts';
import { countingFormats, countingFrames } from '../support/counting-frames.ts';
import { readCountingFrames } from '../support/counting-reader.ts';
import { ServerProcess, sourcePassword } from '../support/server-process.ts';
import { statusOf } from '../support/server-views.ts';
import { StreamClient } from '../support/stream-client.ts';

const format = countingFormats.mp3At128;
const metaint = 1000;
const titles = ['First', 'Zweiter – é', ''];

/** Audio of counting frames with a title block after every interval, most of them empty. */
function interleaved(frames: number): Buffer {
  const audio = countingFrames(0, frames, format);
  const parts: Uint8Array[] = [];
  for (let at = 0, block = 0; at < audio.length; at += metaint, block += 1) {
    const piece = audio.subarray(at, at + metaint);
    parts.push(piece);
    if (piece.length < metaint) break;
    const title = block % 10 === 0 ? titles[block / 10] : undefined;
    parts.push(title === undefined ? Buffer.alloc(1) : encodeMetadataBlock(title));
  }
  return Buffer.concat(parts);
}

let server: ServerProcess;
before(async () => {
  server = await ServerProcess.start();
});
after(() => server?.stop());

for (const dialect of ['SHOUTcast v1', 'SOURCE'] as const) {
  test(`${dialect}: titles interleaved by the source are taken out and become titles`, async () => {
    const mount = dialect === 'SOURCE' ? '/relay.mp3' : '/stream';
    const basic = Buffer.from(`source:${sourcePassword}`).toString('base64');
    const head =
      dialect === 'SOURCE'
        ? `SOURCE ${mount} HTTP/1.0\r\nAuthorization: Basic ${basic}\r\nContent-Type: audio/mpeg\r\nicy-metaint: ${metaint}\r\n\r\n`
        : `${sourcePassword}\r\nicy-name:Relay\r\nicy-metaint:${metaint}\r\ncontent-type:audio/mpeg\r\n\r\n`;
    const source = connect({
      port: dialect === 'SOURCE' ? server.httpPort : server.shoutcastPort,
      host: '127.0.0.1',
    });
    source.on('error', () => {});
    await once(source, 'connect');
    const frames = 100;
    const stream = Buffer.concat([Buffer.from(head), interleaved(frames)]);
    // Cut where it hurts: a few bytes at a time through heads, blocks and frames.
    for (let at = 0; at < stream.length; at += 997) source.write(stream.subarray(at, at + 997));
    const listener = await StreamClient.open({ port: server.httpPort, path: mount });
    const body = await listener.receive((frames - 10) * format.frameBytes);
    const heard = readCountingFrames(Buffer.from(body), format);
    assert.deepEqual([heard.tornBytes, heard.zeroBytes], [0, 0]);
    assert.deepEqual(heard.gaps, []);
    await statusOf(server, mount, (view) => view['title'] === titles.at(-1));
    const seen = server.lines.filter((line) => line.event === 'title.changed' && line['mount'] === mount);
    assert.deepEqual(
      seen.map((line) => line['title']),
      titles,
    );
    listener.close();
    source.destroy();
  });
}
