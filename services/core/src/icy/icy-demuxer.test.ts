import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { IcyDemuxer, type IcyPart, sourceMetaintOf } from './icy-demuxer.ts';
import { encodeMetadataBlock } from './metadata-block.ts';

type Heard = { readonly audio: string; readonly titles: readonly (readonly [at: number, title: string])[] };

function heardOf(parts: readonly IcyPart[]): Heard {
  const audio: Uint8Array[] = [];
  const titles: [number, string][] = [];
  let at = 0;
  for (const part of parts) {
    if (part.type === 'audio') {
      audio.push(part.data);
      at += part.data.length;
    } else titles.push([at, part.fields.title ?? '']);
  }
  return { audio: Buffer.concat(audio).toString('hex'), titles };
}

function icyStream(metaint: number, titles: readonly (string | undefined)[]) {
  const audio = titles.map((_, i) => Buffer.alloc(metaint, i + 1));
  const stream = Buffer.concat(
    titles.flatMap((title, i) => [
      audio[i]!,
      title === undefined ? Buffer.alloc(1) : encodeMetadataBlock(title),
    ]),
  );
  return { audio: Buffer.concat(audio), stream };
}

test('any split gives the audio and each title at its byte', () => {
  const title = fc.option(fc.constantFrom('A - B', 'é', '', 'x'.repeat(4000)), { nil: undefined });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 300 }),
      fc.array(title, { maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 8 }),
      (metaint, titles, cuts) => {
        const { audio, stream } = icyStream(metaint, titles);
        const whole = heardOf(new IcyDemuxer(metaint).push(stream));
        assert.equal(whole.audio, audio.toString('hex'));
        const said = titles.flatMap((text, i) =>
          text === undefined ? [] : [[(i + 1) * metaint, text.slice(0, 1024)]],
        );
        assert.deepEqual(whole.titles, said);
        const demuxer = new IcyDemuxer(metaint);
        const parts: IcyPart[] = [];
        for (let at = 0, i = 0; at < stream.length; i += 1) {
          const end = at + cuts[i % cuts.length]!;
          parts.push(...demuxer.push(stream.subarray(at, end)));
          at = end;
        }
        assert.deepEqual(heardOf(parts), whole);
      },
    ),
  );
});

test('garbage never throws and no audio byte is invented', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 64 }), fc.uint8Array({ maxLength: 3000 }), (metaint, bytes) => {
      const { audio } = heardOf(new IcyDemuxer(metaint).push(bytes));
      assert.ok(audio.length / 2 <= bytes.length);
    }),
  );
});

test('only an interval that makes sense counts', () => {
  const of = (value: string) => sourceMetaintOf(new Map([['icy-metaint', value]]));
  assert.deepEqual(['8192', '1', '1000000'].map(of), [8192, 1, 1_000_000]);
  for (const value of ['0', '-1', '1000001', '8k', '', '99999999999']) assert.equal(of(value), undefined);
  assert.equal(sourceMetaintOf(new Map()), undefined);
});
