import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type MediaPlaylist, readMediaPlaylist, readMultivariantPlaylist } from './playlist-reader.ts';
import {
  applyDelta,
  checkMultivariant,
  checkPlaylist,
  checkSame,
  checkSuccession,
  checkVariants,
} from './playlist-rules.ts';

const baseMs = Date.UTC(2026, 0, 1);
const dateOf = (msn: number) => new Date(baseMs + msn * 4000).toISOString();

type Spec = {
  first?: number;
  last?: number;
  /** Parts of the segment after the last. */
  openParts?: number;
  discontinuityAt?: number;
  discontinuitySequence?: number;
  skip?: number;
  version?: number;
  ranges?: readonly string[];
};

const range = (id: string, msn: number) =>
  `#EXT-X-DATERANGE:ID="${id}",CLASS="t",START-DATE="${dateOf(msn)}",END-ON-NEXT=YES,X-TITLE="${id}"`;
const part = (msn: number, index: number) =>
  `#EXT-X-PART:DURATION=1,URI="1-${msn}.${index}.m4s",INDEPENDENT=YES`;

/** A good playlist: ten segments of four seconds, parts in the last three and in what is being made. */
function write({
  first = 100,
  last = 109,
  openParts = 2,
  discontinuityAt = -1,
  discontinuitySequence = 5,
  skip = 0,
  version = skip > 0 ? 9 : 6,
  ranges = [range('a', 90), range('b', 105)],
}: Spec = {}): string {
  const lines = [
    '#EXTM3U',
    `#EXT-X-VERSION:${version}`,
    '#EXT-X-TARGETDURATION:4',
    '#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=3,HOLD-BACK=12,CAN-SKIP-UNTIL=24',
    '#EXT-X-PART-INF:PART-TARGET=1',
    `#EXT-X-MEDIA-SEQUENCE:${first}`,
    `#EXT-X-DISCONTINUITY-SEQUENCE:${discontinuitySequence}`,
  ];
  if (skip > 0) lines.push(`#EXT-X-SKIP:SKIPPED-SEGMENTS=${skip}`);
  lines.push(...ranges);
  for (let msn = first + skip; msn <= last + (openParts > 0 ? 1 : 0); msn += 1) {
    const isDiscontinuity = msn === discontinuityAt;
    if (isDiscontinuity) lines.push('#EXT-X-DISCONTINUITY');
    if (isDiscontinuity || msn === first + skip) lines.push('#EXT-X-MAP:URI="init.mp4"');
    lines.push(`#EXT-X-PROGRAM-DATE-TIME:${dateOf(msn)}`);
    const parts = msn > last ? openParts : msn > last - 3 ? 4 : 0;
    for (let index = 0; index < parts; index += 1) lines.push(part(msn, index));
    if (msn <= last) lines.push('#EXTINF:4,', `1-${msn}.m4s`);
  }
  const hint = `1-${last + 1}.${openParts}.m4s`;
  lines.push(`#EXT-X-PRELOAD-HINT:TYPE=PART,URI="${hint}"`);
  lines.push('#EXT-X-RENDITION-REPORT:URI="../b/live.m3u8",LAST-MSN=109,LAST-PART=1');
  return `${lines.join('\n')}\n`;
}

const read = (spec?: Spec) => readMediaPlaylist(write(spec));

/** The only rule that is broken, its name; `from` must be in the text. */
function breakIt(from: string | RegExp, to: string, spec: Spec = {}, context = {}): string {
  const text = write(spec);
  const broken = text.replace(from, to);
  assert.notEqual(broken, text, `${from} is not in the playlist`);
  return namesOf(checkPlaylist(readMediaPlaylist(broken), context));
}

const namesOf = (rules: readonly string[]) =>
  [...new Set(rules.map((rule) => rule.slice(0, rule.indexOf(' (§'))))].sort().join(', ');

test('a good playlist breaks no rule, alone or beside those that follow it', () => {
  assert.deepEqual(checkPlaylist(read()), []);
  assert.deepEqual(checkPlaylist(read({ skip: 3 }), { askedToSkip: true }), []);
  const later = [range('a', 90), range('b', 105), range('c', 110)];
  const steps: readonly Spec[] = [
    {},
    { openParts: 3 },
    { openParts: 3, ranges: later },
    { first: 101, last: 110, openParts: 0, ranges: later },
    { first: 101, last: 110, openParts: 1, discontinuityAt: 111, ranges: later },
    { first: 105, last: 114, openParts: 0, discontinuityAt: 111, ranges: later.slice(1) },
    { first: 112, last: 121, openParts: 0, discontinuitySequence: 6, ranges: later.slice(2) },
  ];
  for (let i = 1; i < steps.length; i += 1) {
    const rules = checkSuccession(read(steps[i - 1]), read(steps[i]), 4);
    assert.deepEqual(rules, [], `step ${i}`);
  }
});

test('each rule of one playlist fires, and no other, where it is broken', () => {
  const cases: readonly (readonly [rule: string, found: string])[] = [
    ['VERSION', breakIt('VERSION:6', 'VERSION:7')],
    ['VERSION', breakIt('VERSION:6', 'VERSION:5')],
    ['VERSION', breakIt('VERSION:9', 'VERSION:6', { skip: 3 }, { askedToSkip: true })],
    ['PLAYLIST-TYPE', breakIt('#EXT-X-MEDIA', '#EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-MEDIA')],
    ['TARGETDURATION', breakIt('#EXT-X-TARGETDURATION:4\n', '')],
    ['TARGETDURATION, parent duration', breakIt(/EXTINF:4,(?=\n1-109)/, 'EXTINF:4.5,')],
    ['PART-TARGET', breakIt('DURATION=1,URI="1-110.1', 'DURATION=1.00267,URI="1-110.1')],
    ['PART-TARGET', breakIt('DURATION=1,URI="1-110.1', 'DURATION=0,URI="1-110.1')],
    ['PART-TARGET', breakIt(/1,(URI="1-110.0.m4s"),INDEPENDENT=YES/, '0.84,$1')],
    ['', breakIt(/1,(URI="1-110.0.m4s"),INDEPENDENT=YES/, '0.85,$1')],
    ['', breakIt(/1,(URI="1-110.0.m4s"),INDEPENDENT=YES/, '0.2,$1,GAP=YES')],
    ['', breakIt(/1,(URI="1-110.1.m4s"),INDEPENDENT=YES/, '0.2,$1')],
    ['PART-HOLD-BACK', breakIt('PART-HOLD-BACK=3,', '')],
    ['PART-HOLD-BACK', breakIt('PART-HOLD-BACK=3,', 'PART-HOLD-BACK=2.9,')],
    ['HOLD-BACK', breakIt(',HOLD-BACK=12', ',HOLD-BACK=11')],
    ['CAN-SKIP-UNTIL', breakIt('UNTIL=24', 'UNTIL=23')],
    ['CAN-SKIP-DATERANGES', breakIt('CAN-SKIP-UNTIL=24', 'CAN-SKIP-DATERANGES=YES')],
    ['PART-INF', breakIt(/#EXT-X-PART-INF.*\n/, '')],
    ['PROGRAM-DATE-TIME', breakIt(`#EXT-X-PROGRAM-DATE-TIME:${dateOf(103)}\n`, '')],
    ['MAP', breakIt('#EXT-X-MAP:URI="init.mp4"\n', '')],
    ['MAP', breakIt(/(DISCONTINUITY)\n#EXT-X-MAP.*/, '$1', { discontinuityAt: 104 })],
    [
      'DISCONTINUITY before MAP',
      breakIt(/(#EXT-X-DISCONTINUITY)\n(#EXT-X-MAP.*)/, '$2\n$1', { discontinuityAt: 104 }),
    ],
    ['tags before parts', breakIt(/(#EXT-X-PROGRAM.*)\n(#EXT-X-PART.*1-110\.0.*)/, '$2\n$1')],
    ['EXTINF, dates jump', breakIt(/EXTINF:4,(?=\n1-103)/, 'EXTINF:0,')],
    ['parent duration', breakIt(/EXTINF:4,(?=\n1-109)/, 'EXTINF:3.99,')],
    ['unique names', breakIt('\n1-104.m4s', '\n1-103.m4s')],
    ['unique names', breakIt('1-110.1.m4s', '1-110.0.m4s')],
    [
      'old parts',
      breakIt('#EXTINF:4,\n1-103', `${[0, 1, 2, 3].map((i) => part(103, i)).join('\n')}\n#EXTINF:4,\n1-103`),
    ],
    ['dates jump', breakIt(dateOf(110), dateOf(111))],
    ['dates overlap', breakIt(dateOf(110), new Date(baseMs + 110 * 4000 - 1001).toISOString())],
    ['', breakIt(dateOf(110), new Date(baseMs + 110 * 4000 - 999).toISOString())],
    ['dates go back', breakIt(dateOf(110), dateOf(108))],
    ['dates go back', breakIt(dateOf(110), dateOf(108), { discontinuityAt: 110 })],
    ['', breakIt(dateOf(110), dateOf(112), { discontinuityAt: 110 })],
    ['DATERANGE', breakIt('ID="b",', '')],
    ['DATERANGE', breakIt('ID="b",', 'ID="a",')],
    ['DATERANGE', breakIt(`START-DATE="${dateOf(105)}",`, '')],
    ['DATERANGE', breakIt(`START-DATE="${dateOf(105)}"`, 'START-DATE="yesterday"')],
    ['DATERANGE', breakIt(/CLASS="t",(START-DATE="[^"]*",END-ON-NEXT=YES,X-TITLE="b")/, '$1')],
    ['DATERANGE', breakIt('END-ON-NEXT=YES,X-TITLE="b"', 'END-ON-NEXT=YES,DURATION=3')],
    ['DATERANGE', breakIt(`START-DATE="${dateOf(105)}"`, `START-DATE="${dateOf(90)}"`)],
    ['PRELOAD-HINT', breakIt('#EXT-X-PRELOAD', '#EXT-X-ENDLIST\n#EXT-X-PRELOAD')],
    ['PRELOAD-HINT', breakIt('#EXT-X-PRELOAD', '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="x.m4s"\n#EXT-X-PRELOAD')],
    ['', breakIt('#EXT-X-PRELOAD', '#EXT-X-PRELOAD-HINT:TYPE=MAP,URI="x.mp4"\n#EXT-X-PRELOAD')],
    ['PRELOAD-HINT', breakIt('1-110.2.m4s', '1-110.1.m4s')],
    ['PRELOAD-HINT', breakIt(/(#EXT-X-PART:.*1-110\.1.*\n)(#EXT-X-PRELOAD.*\n)/, '$2$1')],
    ['RENDITION-REPORT', breakIt('URI="../b/live.m3u8",', '')],
    ['RENDITION-REPORT', breakIt('../b', 'http://a/b')],
    ['RENDITION-REPORT', breakIt('LAST-MSN=109,', '')],
    ['RENDITION-REPORT', breakIt(',LAST-PART=1', '')],
    ['SKIP', breakIt('#EXTM3U', '#EXTM3U\n', { skip: 3 })],
    ['SKIP', breakIt('#EXTM3U', '#EXTM3U\n', { skip: 5 }, { askedToSkip: true })],
    ['SKIP', breakIt(',CAN-SKIP-UNTIL=24', '', { skip: 3 }, { askedToSkip: true })],
    ['SKIP', breakIt('SEGMENTS=3', 'SEGMENTS=0', { skip: 3 }, { askedToSkip: true })],
  ];
  assert.deepEqual(
    cases.map(([, found], i) => `${i}: ${found}`),
    cases.map(([rule], i) => `${i}: ${rule}`),
  );
});

test('packed audio has no map and needs no higher version than 3', () => {
  const packed = write({ openParts: 0 })
    .replace(/#EXT-X-(?:MAP|PART|PRELOAD|RENDITION).*\n/g, '')
    .replace('PART-HOLD-BACK=3,', '')
    .replaceAll('.m4s', '.aac')
    .replace('VERSION:6', 'VERSION:3')
    .replace(/#EXT-X-PART.*\n/g, '');
  assert.deepEqual(checkPlaylist(readMediaPlaylist(packed)), []);
  const mapped = packed
    .replace('#EXT-X-PROGRAM', '#EXT-X-MAP:URI="init.mp4"\n#EXT-X-PROGRAM')
    .replace('N:3', 'N:6');
  assert.equal(namesOf(checkPlaylist(readMediaPlaylist(mapped))), 'MAP');
});

test('each rule of succession fires, and no other, where it is broken', () => {
  const before = read();
  const change = (spec: Spec, from: string | RegExp, to: string) =>
    readMediaPlaylist(write(spec).replace(from, to));
  const next: Spec = { first: 101, last: 110, openParts: 1 };
  const cases: readonly (readonly [
    rule: string,
    after: MediaPlaylist,
    elapsedS?: number,
    before?: MediaPlaylist,
  ])[] = [
    ['', read(next)],
    ['TARGETDURATION is constant', change(next, 'TARGETDURATION:4', 'TARGETDURATION:3')],
    ['PART-TARGET is constant', change(next, 'PART-TARGET=1', 'PART-TARGET=2')],
    ['SERVER-CONTROL is constant', change(next, 'HOLD-BACK=12', 'HOLD-BACK=13')],
    ['DISCONTINUITY-SEQUENCE, MEDIA-SEQUENCE', read({ first: 99, discontinuitySequence: 4 })],
    ['only appends, parts do not change', read({ last: 108, openParts: 0 })],
    ['DISCONTINUITY-SEQUENCE, segments do not change', read({ ...next, discontinuitySequence: 6 })],
    ['DISCONTINUITY-SEQUENCE, segments do not change', read({ ...next, discontinuitySequence: 4 })],
    ['DISCONTINUITY-SEQUENCE, segments do not change', read({ ...next }), 4, read({ discontinuityAt: 100 })],
    ['', read({ ...next, discontinuitySequence: 6 }), 4, read({ discontinuityAt: 100 })],
    ['three target durations stay', read({ first: 109, last: 110, openParts: 1 })],
    ['segments do not change', change(next, '\n1-104.m4s', '\n2-104.m4s')],
    ['segments do not change', change(next, /EXTINF:4,(?=\n1-104)/, 'EXTINF:4.1,')],
    ['segments do not change', change(next, dateOf(104), dateOf(104).replace('.000', '.001'))],
    ['segments do not change', change(next, 'EXTINF:4,\n1-104', 'EXTINF:4,\n#EXT-X-DISCONTINUITY\n1-104')],
    ['segments do not change', change(next, 'EXTINF:4,\n1-104', 'EXTINF:4,\n#EXT-X-GAP\n1-104')],
    ['segments do not change', change(next, 'init.mp4', 'other.mp4')],
    ['parts do not change', change({}, '1-109.1.m4s', '2-109.1.m4s')],
    ['parts do not change', change({}, 'DURATION=1,URI="1-109.1', 'DURATION=0.9,URI="1-109.1')],
    ['hints come true, parts do not change', change({ openParts: 3 }, /1-110\./g, '2-110.')],
    ['parts do not change', change(next, 'DURATION=1,URI="1-110.1', 'DURATION=0.9,URI="1-110.1')],
    ['parts do not change', read({ openParts: 1 })],
    ['parts do not change', read({ openParts: 0 })],
    ['parts stay', change({}, /#EXT-X-PART:.*1-109.*\n/g, '')],
    ['DATERANGE does not change', change(next, 'X-TITLE="a"', 'X-TITLE="c"')],
    ['DATERANGE stays while it is listed', read({ ...next, ranges: [range('b', 105)] })],
    ['DATERANGE stays while it is listed', read({ ...next, ranges: [range('a', 90)] })],
    ['pace', read(), 6.1],
    ['pace', read(next), 6.1],
    ['', read(), 5.9],
    ['hints come true', change({ openParts: 3 }, '1-110.2.m4s', 'x.m4s')],
    ['', read({ openParts: 1, discontinuityAt: 110 }), 4, read({ openParts: 0 })],
    ['', change({ openParts: 1, discontinuityAt: 110 }, /1-110\./g, '2-110.'), 4, read({ openParts: 0 })],
    ['hints come true', change({ openParts: 1 }, /1-110\./g, '2-110.'), 4, read({ openParts: 0 })],
    [
      'ENDLIST',
      read(next),
      4,
      readMediaPlaylist(`${write().replace(/#EXT-X-PRELOAD.*\n/, '')}#EXT-X-ENDLIST\n`),
    ],
  ];
  assert.deepEqual(
    cases.map(
      ([, after, elapsedS = 4, from = before], i) =>
        `${i}: ${namesOf(checkSuccession(from, after, elapsedS))}`,
    ),
    cases.map(([rule], i) => `${i}: ${rule}`),
  );
});

test('a source that was away excuses the pace and an emptied playlist, nothing else', () => {
  const context = { sourceWasAway: true };
  assert.deepEqual(checkSuccession(read(), read(), 100, context), []);
  const emptied = read({ first: 110, last: 110, openParts: 1, discontinuityAt: 110 });
  const rules = checkSuccession(read({ openParts: 0 }), emptied, 100, context);
  assert.deepEqual(rules, []);
  const changed = readMediaPlaylist(write().replace('\n1-104.m4s', '\n2-104.m4s'));
  assert.equal(namesOf(checkSuccession(read(), changed, 100, context)), 'segments do not change');
});

test('what was fetched as a hint is said to have been', () => {
  const after = readMediaPlaylist(write({ openParts: 3 }).replace('1-110.2.m4s', 'x.m4s'));
  const context = { fetchedHints: new Set(['1-110.2.m4s']) };
  assert.match(checkSuccession(read(), after, 1, context).join(), /had been fetched/);
});

test('a delta merged into an older playlist gives the newer one', () => {
  const newer: Spec = { first: 102, last: 111, openParts: 3, discontinuityAt: 106 };
  const merged = applyDelta(read({ discontinuityAt: 106 }), read({ ...newer, skip: 3 }));
  assert.deepEqual(checkSame(merged, read(newer)), []);
  assert.notDeepEqual(checkSame(merged, read({ ...newer, openParts: 2 })), []);
  assert.notDeepEqual(checkSame(merged, read({ ...newer, ranges: [] })), []);
  assert.equal(applyDelta(read(), read(newer)).skippedSegments, undefined);
});

test('a discontinuity among the skipped keeps its number', () => {
  const newer: Spec = { first: 102, last: 111, openParts: 3, discontinuityAt: 103 };
  const merged = applyDelta(read({ discontinuityAt: 103 }), read({ ...newer, skip: 3 }));
  assert.deepEqual(checkSame(merged, read(newer)), []);
});

test('a delta that skips what nobody was told is no use', () => {
  assert.throws(() => applyDelta(read(), read({ first: 99, last: 108, skip: 3 })), /skipped/);
  assert.throws(() => applyDelta(read({ last: 104 }), read({ first: 103, last: 112, skip: 3 })), /skipped/);
  assert.throws(() => applyDelta(read({ skip: 3 }), read({ skip: 3 })), /full playlist/);
  assert.throws(() => checkSuccession(read(), read({ skip: 3 }), 1), /merge/);
});

test('each rule of a multivariant playlist fires', () => {
  const text = `#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-STREAM-INF:BANDWIDTH=2000,AVERAGE-BANDWIDTH=1000,CODECS="Opus"\na.m3u8\n`;
  const namesAfter = (from: string, to: string) =>
    namesOf(checkMultivariant(readMultivariantPlaylist(text.replace(from, to))));
  assert.equal(namesAfter('', ''), '');
  assert.equal(namesAfter('VERSION:6', 'VERSION:7'), 'VERSION');
  assert.equal(namesAfter('#EXT-X-INDEPENDENT-SEGMENTS\n', ''), 'INDEPENDENT-SEGMENTS');
  assert.equal(namesAfter('=2000', '=900'), 'AVERAGE-BANDWIDTH');
  assert.equal(namesAfter('BANDWIDTH=2000,AVERAGE-BANDWIDTH=1000', 'BANDWIDTH=0'), 'BANDWIDTH');
  assert.equal(namesAfter(',CODECS="Opus"', ''), 'CODECS');
  assert.equal(
    namesAfter('a.m3u8\n', 'a.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="a"\na.m3u8\n'),
    'STREAM-INF',
  );
});

test('variants share what they must', () => {
  const other = (from: string, to: string) =>
    namesOf(checkVariants([read(), readMediaPlaylist(write().replace(from, to))]));
  assert.equal(other('', ''), '');
  assert.equal(other('TARGETDURATION:4', 'TARGETDURATION:5'), 'TARGETDURATION');
  assert.equal(other('HOLD-BACK=12', 'HOLD-BACK=13'), 'SERVER-CONTROL');
});
