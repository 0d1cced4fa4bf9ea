import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  checkHlsWindow,
  decodeHlsMessage,
  encodeHlsMessage,
  type HlsMessageHead,
  maxHeadBytes,
  maxPartBytes,
} from './hls-message.ts';
import type { HlsWindow } from './hls-window.ts';

const start = { epoch: 3, pdtMs: 1.7e12, discontinuity: true, init: 'init-0123456789abcdef.mp4' };
const part = { durationS: 0.98, bytes: 4 };
const title = { id: '3-1', startMs: 1.7e12, title: 'Täuben "x"', artist: '', url: '' };
const window: HlsWindow = {
  container: 'fmp4',
  extension: 'm4s',
  codecs: 'mp4a.40.2',
  targetDurationS: 4,
  partTargetS: 1,
  windowS: 40,
  epoch: 3,
  revision: 12,
  firstMsn: 100,
  discontinuitySequence: 7,
  segments: [
    { ...start, durationS: 4, bytes: 9, parts: [part] },
    { ...start, init: '', durationS: 4, bytes: 0, parts: [], gap: true },
  ],
  open: { ...start, parts: [part] },
  titles: [title],
};
const change = (value: object) =>
  ({ type: 'change', epoch: 3, revision: 13, change: value }) as HlsMessageHead;
const payload = Uint8Array.of(1, 2, 3, 4);
const messages: readonly (readonly [HlsMessageHead, Uint8Array])[] = [
  [change({ type: 'part', part, start }), payload],
  [change({ type: 'part', part: { durationS: 1, bytes: 0 } }), new Uint8Array(0)],
  [change({ type: 'segment' }), new Uint8Array(0)],
  [change({ type: 'gap', start, durationS: 4 }), new Uint8Array(0)],
  [change({ type: 'title', title }), new Uint8Array(0)],
  [{ type: 'window', window }, new Uint8Array(0)],
  [{ type: 'init', epoch: 3, name: 'init-0123456789abcdef.mp4' }, payload],
  [{ type: 'takeover', epoch: 4, knownEpoch: 3, knownRevision: 12 }, new Uint8Array(0)],
];

/** As if somebody had written such a head. */
function forge(json: string, body: Uint8Array = new Uint8Array(0)): Uint8Array {
  const head = Buffer.from(json);
  const prefix = Buffer.alloc(8);
  prefix[0] = 1;
  prefix.writeUInt32BE(head.byteLength, 4);
  return Buffer.concat([prefix, head, body]);
}

test('messages are read as they were written', () => {
  for (const [head, body] of messages) {
    const message = decodeHlsMessage(encodeHlsMessage(head, body));
    assert.deepEqual(message?.head, JSON.parse(JSON.stringify(head)));
    assert.deepEqual(Uint8Array.from(message!.payload), body);
  }
});

test('a message may lie anywhere in a buffer', () => {
  const [head, body] = messages[0]!;
  const encoded = encodeHlsMessage(head, body);
  const around = new Uint8Array(encoded.length + 20).fill(0xff);
  around.set(encoded, 7);
  const message = decodeHlsMessage(around.subarray(7, 7 + encoded.length));
  assert.deepEqual(message?.head, head);
  assert.deepEqual(Uint8Array.from(message!.payload), body);
});

test('cut off, changed or foreign bytes never throw, and a cut head is no message', () => {
  for (const [head, body] of messages) {
    const encoded = encodeHlsMessage(head, body);
    const headEnd = encoded.length - body.length;
    for (let length = 0; length < headEnd; length += 1)
      assert.equal(decodeHlsMessage(encoded.subarray(0, length)), undefined, `cut at ${length}`);
    fc.assert(
      fc.property(fc.nat(), fc.nat(255), (at, byte) => {
        const changed = encoded.slice();
        changed[at % changed.length] = byte;
        decodeHlsMessage(changed);
      }),
      { numRuns: 200 },
    );
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => decodeHlsMessage(bytes) === undefined));
  fc.assert(
    fc.property(fc.json(), (json) => decodeHlsMessage(forge(json)) === undefined),
    { numRuns: 300 },
  );
});

test('any other value in any place of a window makes it none, or is one that the place may have', () => {
  const places: (readonly (string | number)[])[] = [];
  const walk = (value: unknown, path: readonly (string | number)[]): void => {
    if (path.length > 0) places.push(path);
    if (typeof value !== 'object' || value === null) return;
    for (const [key, inner] of Object.entries(value))
      walk(inner, [...path, Array.isArray(value) ? Number(key) : key]);
  };
  walk(window, []);
  const hostile: readonly unknown[] = [
    null,
    -1,
    1.5,
    2 ** 53,
    1e300,
    '',
    '../x',
    'a"b\n',
    'x'.repeat(20_000),
    [],
    [null],
    {},
    { length: 1 },
    true,
  ];
  /** What may stand there after all, by the last name of the place. */
  const allowed: Readonly<Record<string, (value: unknown) => boolean>> = {
    partTargetS: (value) => value === 1.5,
    windowS: (value) => value === 1.5,
    durationS: (value) => value === 1.5,
    pdtMs: (value) => value === 1.5,
    startMs: (value) => value === 1.5,
    discontinuity: (value) => value === true,
    gap: (value) => value === true,
    init: (value) => value === '',
    title: (value) => typeof value === 'string' && value.length < 20_000,
    artist: (value) => typeof value === 'string' && value.length < 20_000,
    url: (value) => typeof value === 'string' && value.length < 20_000,
    segments: (value) => Array.isArray(value) && value.length === 0,
    titles: (value) => Array.isArray(value) && value.length === 0,
    parts: (value) => Array.isArray(value) && value.length === 0,
  };
  for (const path of places) {
    for (const value of hostile) {
      const changed = structuredClone(window) as unknown as Record<string | number, unknown>;
      const parent = path.slice(0, -1).reduce((at, key) => at[key] as typeof changed, changed);
      const last = path.at(-1)!;
      parent[last] = value;
      const isAllowed = allowed[String(last)]?.(value) ?? false;
      const what = `${path.join('.')} = ${String(JSON.stringify(value)).slice(0, 40)}`;
      assert.equal(checkHlsWindow(changed) !== undefined, isAllowed, what);
      assert.equal(
        decodeHlsMessage(forge(JSON.stringify({ type: 'window', window: changed }))) !== undefined,
        isAllowed,
        what,
      );
    }
  }
});

test('a window without any of its fields is none', () => {
  for (const field of Object.keys(window)) {
    const { [field as keyof HlsWindow]: _, ...rest } = window;
    assert.equal(checkHlsWindow(rest) !== undefined, field === 'open', field);
  }
  for (const value of [undefined, null, 1, 'x', [], [window]]) assert.equal(checkHlsWindow(value), undefined);
});

test('changes and inits are checked as windows are', () => {
  const cases: readonly (readonly [value: unknown, body?: Uint8Array])[] = [
    [{ ...change({ type: 'segment' }), epoch: 0 }],
    [{ ...change({ type: 'segment' }), epoch: '3' }],
    [{ ...change({ type: 'segment' }), revision: 0 }],
    [{ ...change({ type: 'segment' }), revision: 1.5 }],
    [change({ type: 'end' })],
    [change([])],
    [change({ type: 'part', part, start }), payload.subarray(1)],
    [change({ type: 'part', part: { ...part, durationS: -1 }, start }), payload],
    [change({ type: 'part', part: { ...part, durationS: 604_801 }, start }), payload],
    [change({ type: 'part', part: { ...part, bytes: '4' }, start }), payload],
    [change({ type: 'part', part, start: { ...start, init: 'init-/../../x.mp4' } }), payload],
    [change({ type: 'part', part, start: null }), payload],
    [change({ type: 'gap', start })],
    [change({ type: 'gap', durationS: 4 })],
    [change({ type: 'gap', start: { ...start, pdtMs: 8.65e15 }, durationS: 4 })],
    [change({ type: 'title', title: { ...title, id: 'a"b' } })],
    [change({ type: 'title', title: { ...title, id: '' } })],
    [change({ type: 'title', title: { ...title, title: 5 } })],
    [{ type: 'init', epoch: 3, name: '' }, payload],
    [{ type: 'init', epoch: 3, name: '../../x' }, payload],
    [{ type: 'init', epoch: 3, name: 'init-0123456789abcdef.mp4' }],
    [{ type: 'other' }],
    [null],
    ['window'],
  ];
  for (const [i, [value, body]] of cases.entries())
    assert.equal(decodeHlsMessage(forge(JSON.stringify(value), body)), undefined, `case ${i}`);
});

test('neither prefix nor sizes are believed', () => {
  const good = encodeHlsMessage({ type: 'window', window });
  for (const [at, byte] of [
    [0, 2],
    [1, 1],
    [2, 1],
    [3, 1],
    [4, 0xff],
  ] as const) {
    const changed = good.slice();
    changed[at] = byte;
    assert.equal(decodeHlsMessage(changed), undefined, `byte ${at}`);
  }
  const padded = `${' '.repeat(maxHeadBytes)}{}`;
  assert.equal(decodeHlsMessage(forge(padded)), undefined);
  const long = { type: 'init', epoch: 3, name: 'init-0123456789abcdef.mp4' } as const;
  assert.ok(decodeHlsMessage(encodeHlsMessage(long, new Uint8Array(maxPartBytes))));
  assert.equal(decodeHlsMessage(encodeHlsMessage(long, new Uint8Array(maxPartBytes + 1))), undefined);
});

test('a flood of anything is no window', () => {
  const many = (count: number, value: unknown) => Array.from({ length: count }, () => value);
  const [segment] = window.segments;
  assert.equal(checkHlsWindow({ ...window, segments: many(100_001, segment) }), undefined);
  assert.equal(checkHlsWindow({ ...window, titles: many(1_001, title) }), undefined);
  assert.equal(checkHlsWindow({ ...window, open: { ...start, parts: many(10_001, part) } }), undefined);
  const deep = '['.repeat(1_000_000);
  assert.equal(decodeHlsMessage(forge(deep)), undefined);
});

test('a date has a year of four digits, as playlists write it', () => {
  const [segment] = window.segments;
  const latest = Date.UTC(9999, 11, 31);
  for (const [pdtMs, isGood] of [
    [latest, true],
    [latest + 86_400_000, false],
  ] as const) {
    assert.equal(checkHlsWindow({ ...window, segments: [{ ...segment, pdtMs }] }) !== undefined, isGood);
    assert.equal(checkHlsWindow({ ...window, titles: [{ ...title, startMs: pdtMs }] }) !== undefined, isGood);
  }
});

test('that a mount is over is said by no message', () => {
  assert.equal(checkHlsWindow({ ...window, isOver: true })?.isOver ?? false, false);
});
