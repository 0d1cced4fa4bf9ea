import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  disagreements,
  followingMsn,
  PlaylistSyntaxError,
  readMediaPlaylist,
  readMultivariantPlaylist,
  readPlaylist,
} from './playlist-reader.ts';

const header = ['#EXTM3U', '#EXT-X-VERSION:6', '#EXT-X-TARGETDURATION:4', '#EXT-X-MEDIA-SEQUENCE:7'];
const segment = ['#EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:04:05.678Z', '#EXTINF:4.00036,', '1-7.m4s'];
const join = (...lines: readonly string[]) => `${lines.join('\n')}\n`;
const whole = join(...header, '#EXT-X-MAP:URI="init.mp4"', ...segment);

const lowLatency = join(
  '#EXTM3U',
  '#EXT-X-VERSION:6',
  '#EXT-X-TARGETDURATION:4',
  '#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=3.0,CAN-SKIP-UNTIL=24',
  '#EXT-X-PART-INF:PART-TARGET=1',
  '#EXT-X-MEDIA-SEQUENCE:70',
  '#EXT-X-DISCONTINUITY-SEQUENCE:3',
  '#EXT-X-DATERANGE:ID="a",CLASS="t",START-DATE="2026-01-02T03:04:05.000Z",END-ON-NEXT=YES,X-TITLE="a,b=c"',
  '#EXT-X-MAP:URI="init.mp4"',
  '#EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:04:05.000Z',
  '#EXT-X-PART:DURATION=0.98133,URI="1-70.0.m4s",INDEPENDENT=YES',
  '#EXT-X-PART:DURATION=0.5,URI="1-70.1.m4s",INDEPENDENT=YES',
  '#EXTINF:1.48133,',
  '1-70.m4s',
  '#EXT-X-DISCONTINUITY',
  '#EXT-X-MAP:URI="init2.mp4"',
  '#EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:04:06.481Z',
  '#EXT-X-PART:DURATION=1,URI="2-71.0.m4s",INDEPENDENT=YES',
  '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="2-71.1.m4s"',
  '#EXT-X-RENDITION-REPORT:URI="../b/live.m3u8",LAST-MSN=71,LAST-PART=0',
);

test('a media playlist becomes plain values', () => {
  const p = readMediaPlaylist(lowLatency);
  assert.deepEqual(
    [p.version, p.targetDurationS, p.partTargetS, p.mediaSequence, p.discontinuitySequence],
    [6, 4, 1, 70, 3],
  );
  assert.deepEqual(p.serverControl, {
    canBlockReload: true,
    canSkipUntilS: 24,
    canSkipDateRanges: false,
    holdBackS: undefined,
    partHoldBackS: 3,
  });
  const [first] = p.segments;
  assert.equal(p.segments.length, 1);
  assert.deepEqual(
    [first!.msn, first!.uri, first!.durationS, first!.map, first!.isDiscontinuity],
    [70, '1-70.m4s', 1.48133, 'init.mp4', false],
  );
  assert.deepEqual(
    first!.parts.map(({ uri, durationS }) => [uri, durationS]),
    [
      ['1-70.0.m4s', 0.98133],
      ['1-70.1.m4s', 0.5],
    ],
  );
  assert.deepEqual(
    [p.open!.msn, p.open!.discontinuitySequence, p.open!.map, p.open!.isDiscontinuity, p.open!.parts.length],
    [71, 4, 'init2.mp4', true, 1],
  );
  assert.equal(p.open!.pdtMs, Date.UTC(2026, 0, 2, 3, 4, 6, 481));
  assert.equal(p.dateRanges[0]!.attributes.get('X-TITLE'), 'a,b=c');
  assert.deepEqual(
    p.preloadHints.map(({ type, uri }) => [type, uri]),
    [['PART', '2-71.1.m4s']],
  );
  assert.deepEqual(
    p.renditionReports.map(({ uri, lastMsn, lastPart }) => [uri, lastMsn, lastPart]),
    [['../b/live.m3u8', 71, 0]],
  );
  assert.equal(followingMsn(p), 71);
});

test('a delta counts what it leaves out', () => {
  const p = readMediaPlaylist(join(...header, '#EXT-X-SKIP:SKIPPED-SEGMENTS=3', ...segment));
  assert.equal(p.skippedSegments, 3);
  assert.equal(p.segments[0]!.msn, 10);
  assert.equal(followingMsn(p), 11);
});

test('a multivariant playlist becomes plain values', () => {
  const text = join(
    '#EXTM3U',
    '#EXT-X-VERSION:6',
    '#EXT-X-INDEPENDENT-SEGMENTS',
    '#EXT-X-STREAM-INF:BANDWIDTH=135000,AVERAGE-BANDWIDTH=130000,CODECS="mp4a.40.2,Opus"',
    'hi/live.m3u8',
    '#EXT-X-STREAM-INF:BANDWIDTH=52000',
    'lo/live.m3u8',
  );
  const p = readMultivariantPlaylist(text);
  assert.deepEqual(
    p.variants.map(({ uri, bandwidthBps, averageBandwidthBps, codecs }) => [
      uri,
      bandwidthBps,
      averageBandwidthBps,
      codecs,
    ]),
    [
      ['hi/live.m3u8', 135_000, 130_000, 'mp4a.40.2,Opus'],
      ['lo/live.m3u8', 52_000, undefined, undefined],
    ],
  );
  assert.deepEqual(disagreements(text, p), []);
  assert.throws(() => readMediaPlaylist(text), PlaylistSyntaxError);
  assert.throws(() => readMultivariantPlaylist(whole), PlaylistSyntaxError);
});

test('whatever the grammar does not allow is refused with its line', () => {
  const put = (...lines: readonly string[]) => join(...header, ...lines, ...segment);
  const cases: readonly (readonly [what: string, text: string, line: number, reason: RegExp])[] = [
    ['byte order mark', `\ufeff${whole}`, 1, /byte order/],
    ['no first line', whole.slice(8), 1, /EXTM3U/],
    ['no end of the last line', whole.slice(0, -1), 8, /does not end/],
    ['control character', whole.replace('init', 'in\u0001t'), 5, /control/],
    ['bytes that are not UTF-8', whole.replace('init', 'in\ufffdt'), 5, /UTF-8/],
    ['unknown tag', put('#EXT-X-PREFETCH:a'), 5, /unknown tag/],
    ['a header tag twice', put('#EXT-X-VERSION:6'), 5, /twice/],
    [
      'a header tag after a segment',
      join(...header, ...segment, '#EXT-X-DISCONTINUITY-SEQUENCE:1'),
      8,
      /after/,
    ],
    ['a header tag after the tags of one', put('#EXT-X-GAP', '#EXT-X-DISCONTINUITY-SEQUENCE:1'), 6, /after/],
    ['a tag twice for one segment', put('#EXT-X-MAP:URI="a"', '#EXT-X-MAP:URI="b"'), 6, /twice/],
    ['a URI without EXTINF', put('a.m4s'), 5, /without EXTINF/],
    ['EXTINF without a URI', join(...header, '#EXTINF:4,'), 5, /without a URI/],
    ['EXTINF without a comma', whole.replace('4.00036,', '4.00036'), 7, /comma/],
    ['EXTINF that is no number', whole.replace('4.00036,', '4e0,'), 7, /number/],
    ['negative EXTINF', whole.replace('4.00036,', '-4,'), 7, /number/],
    ['white space in a URI', whole.replace('1-7.m4s', '1 7.m4s'), 8, /white space/],
    ['a number in another notation', whole.replace('SEQUENCE:7', 'SEQUENCE:0x7'), 4, /integer/],
    ['a number with a sign', whole.replace('SEQUENCE:7', 'SEQUENCE:+7'), 4, /integer/],
    ['a fraction for an integer', whole.replace('DURATION:4', 'DURATION:4.5'), 3, /integer/],
    ['no value', put('#EXT-X-MAP'), 5, /without a value/],
    ['a value where none is', put('#EXT-X-DISCONTINUITY:1'), 5, /with a value/],
    ['no attributes', put('#EXT-X-MAP:'), 5, /no attributes/],
    ['an unquoted string', put('#EXT-X-MAP:URI=a.mp4'), 5, /quoted/],
    ['a quoted number', put('#EXT-X-PART-INF:PART-TARGET="1"'), 5, /quoted/],
    ['a quote that does not end', put('#EXT-X-MAP:URI="a.mp4'), 5, /malformed/],
    ['a quote inside', put('#EXT-X-MAP:URI="a"b"'), 5, /malformed/],
    ['white space between attributes', put('#EXT-X-PART:DURATION=1, URI="a"'), 5, /malformed/],
    ['a comma at the end', put('#EXT-X-PART-INF:PART-TARGET=1,'), 5, /malformed/],
    ['a lower-case name', put('#EXT-X-PART-INF:part-target=1'), 5, /malformed/],
    ['an attribute twice', put('#EXT-X-MAP:URI="a",URI="b"'), 5, /twice/],
    ['an unknown attribute', put('#EXT-X-MAP:URI="a",SIZE=1'), 5, /unknown attribute/],
    ['a missing attribute', put('#EXT-X-PART:DURATION=1'), 5, /no URI/],
    ['NO where only YES is', put('#EXT-X-PART:DURATION=1,URI="a",INDEPENDENT=NO'), 5, /YES/],
    ['a part after EXTINF', put('#EXTINF:1,', '#EXT-X-PART:DURATION=1,URI="a"'), 6, /after the EXTINF/],
    ['a hint of another type', put('#EXT-X-PRELOAD-HINT:TYPE=KEY,URI="a"'), 5, /neither/],
    ['a date without zone', whole.replace('678Z', '678'), 6, /date/],
    ['a date of no calendar', whole.replace('2026-01', '2026-13'), 6, /date/],
    ['a year of six digits', whole.replace('2026-', '+012026-'), 6, /date/],
    ['ENDLIST twice', join(...header, ...segment, '#EXT-X-ENDLIST', '#EXT-X-ENDLIST'), 9, /twice/],
    ['a segment after ENDLIST', put('#EXT-X-ENDLIST'), 6, /after ENDLIST/],
    ['STREAM-INF without a URI', join('#EXTM3U', '#EXT-X-STREAM-INF:BANDWIDTH=1'), 3, /URI/],
    ['a variant without BANDWIDTH', join('#EXTM3U', '#EXT-X-STREAM-INF:CODECS="a"', 'a'), 2, /no BANDWIDTH/],
    [
      'media tags beside variants',
      join('#EXTM3U', '#EXTINF:1,', '#EXT-X-STREAM-INF:BANDWIDTH=1', 'a'),
      2,
      /unknown/,
    ],
  ];
  readPlaylist(whole);
  for (const [what, text, line, reason] of cases) {
    assert.throws(
      () => readPlaylist(text),
      (error) => {
        assert.ok(error instanceof PlaylistSyntaxError, `${what}: ${error}`);
        assert.match(error.message, new RegExp(`^line ${line}: `), what);
        assert.match(error.message, reason, what);
        return true;
      },
      what,
    );
  }
});

test('comments, empty lines and CRLF say nothing', () => {
  const text = whole.replaceAll('\n', '\r\n').replace('#EXTINF', '# a comment\r\n\r\n#EXTINF');
  const [a, b] = [text, whole].map((one) =>
    readMediaPlaylist(one).segments.map(({ line: _, ...rest }) => rest),
  );
  assert.deepEqual(a, b);
});

test('another reader of the same text sees the same, and a difference is told', () => {
  for (const text of [whole, lowLatency]) assert.deepEqual(disagreements(text, readPlaylist(text)), []);
  const p = readMediaPlaylist(lowLatency);
  const [first] = p.segments;
  const differing = [
    { ...p, segments: [] },
    { ...p, mediaSequence: 71 },
    { ...p, discontinuitySequence: 4 },
    { ...p, targetDurationS: 5 },
    { ...p, partTargetS: 2 },
    { ...p, isEnded: true },
    { ...p, open: undefined },
    { ...p, segments: [{ ...first!, uri: 'x.m4s' }] },
    { ...p, segments: [{ ...first!, durationS: 3 }] },
    { ...p, segments: [{ ...first!, isDiscontinuity: true }] },
    { ...p, segments: [{ ...first!, pdtMs: 1 }] },
    { ...p, segments: [{ ...first!, parts: first!.parts.slice(1) }] },
  ];
  for (const [i, playlist] of differing.entries())
    assert.notDeepEqual(disagreements(lowLatency, playlist), [], `case ${i}`);
});
