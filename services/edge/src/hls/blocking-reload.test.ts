import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyChange, type HlsWindow, nextMsn } from '@legacystream/core/hls/hls-window.ts';
import { isListed, isTooFarAhead, parseDirectives } from './blocking-reload.ts';

const start = { epoch: 1, pdtMs: 0, discontinuity: false, init: '' };
const part = { durationS: 0.5, bytes: 10 };

/** Segments 10, 11, 12 with four parts each; of 13 there are two. */
function windowOf(partTargetS: number, openParts = 2): HlsWindow {
  const segment = { ...start, durationS: 2, bytes: 40, parts: [part, part, part, part] };
  return {
    container: 'fmp4',
    extension: 'm4s',
    codecs: 'Opus',
    targetDurationS: 2,
    partTargetS,
    windowS: 6,
    epoch: 1,
    revision: 1,
    firstMsn: 10,
    discontinuitySequence: 0,
    segments: [segment, segment, segment],
    open: openParts > 0 ? { ...start, parts: Array.from({ length: openParts }, () => part) } : undefined,
    titles: [],
  };
}

test('directives are read strictly', () => {
  assert.deepEqual(parseDirectives(''), { skip: false });
  assert.deepEqual(parseDirectives('_HLS_msn=12&_HLS_part=3&_HLS_skip=YES&s=abc'), {
    msn: 12,
    part: 3,
    skip: true,
    token: 'abc',
  });
  // Encoded where nothing need be: the first of a name counts, others mean nothing.
  for (const query of [
    '%5FHLS_msn=12&_HLS_part=%33&_HLS_skip=YES&s=abc&s=d',
    'x=1&_HLS_msn=12&_HLS_msn=13&_HLS_part=3&_HLS_skip=YES&s=abc&_HLS_partx=7',
    '&&_HLS_msn=12&_HLS_part=3&flag&_HLS_skip=YES&s=abc',
  ]) {
    assert.deepEqual(parseDirectives(query), { msn: 12, part: 3, skip: true, token: 'abc' }, query);
  }
  assert.equal(parseDirectives('_HLS_skip=v2')?.skip, true);
  assert.equal(parseDirectives('_HLS_skip=maybe')?.skip, false);
  for (const query of [
    '_HLS_part=1',
    '_HLS_msn=',
    '_HLS_msn=-1',
    '_HLS_msn=1.5',
    '_HLS_msn=1e3',
    '_HLS_msn=NaN',
    '_HLS_msn=99999999999999999999',
    '_HLS_msn=1&_HLS_part=x',
  ]) {
    assert.equal(parseDirectives(query), undefined, query);
  }
});

test('what is listed, older or gone is answered at once', () => {
  const window = windowOf(0.5);
  for (const directives of [
    {},
    { msn: 0 },
    { msn: 9, part: 7 },
    { msn: 12 },
    { msn: 12, part: 3 },
    // Beyond the last part of a finished segment: the first of the next one.
    { msn: 12, part: 4 },
    { msn: 13, part: 1 },
  ]) {
    assert.ok(isListed(window, { skip: false, ...directives }), JSON.stringify(directives));
  }
  assert.ok(!isListed(windowOf(0.5, 0), { skip: false, msn: 12, part: 4 }), 'the next one has no part yet');
});

test('what is next is waited for, what is further is refused', () => {
  const window = windowOf(0.5);
  for (const directives of [
    { msn: 13 },
    { msn: 13, part: 2 },
    { msn: 13, part: 7 },
    { msn: 14 },
    { msn: 14, part: 0 },
  ]) {
    const asked = { skip: false, ...directives };
    assert.ok(!isListed(window, asked) && !isTooFarAhead(window, asked), JSON.stringify(directives));
  }
  for (const directives of [{ msn: 15 }, { msn: 13, part: 8 }, { msn: 14, part: 6 }, { msn: 1e15 }]) {
    assert.ok(isTooFarAhead(window, { skip: false, ...directives }), JSON.stringify(directives));
  }
});

test('where no parts are listed, only segments are waited for', () => {
  const window = windowOf(0);
  assert.ok(isListed(window, { skip: false, msn: 12, part: 99 }));
  assert.ok(!isListed(window, { skip: false, msn: 13, part: 0 }));
  assert.ok(!isTooFarAhead(window, { skip: false, msn: 13, part: 99 }));
});

test('a gap answers whoever waits for what it stands for, part by part', () => {
  const window = windowOf(0.5, 0);
  const waited = { msn: nextMsn(window), part: 0, skip: false };
  assert.equal(isListed(window, waited), false);
  const after = applyChange(window, { type: 'gap', start, durationS: 1 });
  assert.equal(isListed(after, waited), true);
  assert.equal(isListed(after, { ...waited, part: 1 }), true);
  assert.equal(isListed(after, { ...waited, part: 2 }), false, 'the first part of what follows it');
});
