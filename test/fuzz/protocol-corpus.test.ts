/**
 * Replays the corpora of first bytes, request heads and chunked bodies: whole, byte by
 * byte, at random cuts, and with random bytes changed.
 *
 * A file is named `<verdict>--<what it is>.bin`; the verdict is a dialect, or `ok`, `more`,
 * or an error code in lower case without its prefix. An input that ever broke a parser is
 * added here.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, test } from 'node:test';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import { ChunkedDecoder } from '@legacystream/core/protocols/chunked-decoder.ts';
import { detectDialect } from '@legacystream/core/protocols/dialect.ts';
import { RequestHeadParser } from '@legacystream/core/protocols/request-head.ts';
import fc from 'fast-check';

type Outcome = { readonly verdict: string; readonly detail?: unknown };
/** Feeds the pieces in order and tells everything that must not depend on the cuts. */
type Replay = (pieces: readonly Uint8Array[]) => Outcome;

const headLimits = { maxBytes: 4096, maxLines: 64, maxTargetBytes: 2048 };

const replays: Record<string, Replay> = {
  dialect(pieces) {
    let bytes = Buffer.alloc(0);
    let verdict: string = 'need-more';
    for (const piece of pieces) {
      const examined = bytes.length;
      bytes = Buffer.concat([bytes, piece]);
      const next = detectDialect(bytes);
      if (verdict === 'need-more') assert.equal(detectDialect(bytes, examined), next);
      else assert.equal(next, verdict, 'a decision changed with more bytes');
      verdict = next;
    }
    return { verdict };
  },

  'request-head'(pieces) {
    const parser = new RequestHeadParser(headLimits);
    return untilError(() => {
      for (const [index, piece] of pieces.entries()) {
        const result = parser.push(piece);
        if (!result.done) continue;
        const { headers, ...line } = result.head;
        return { verdict: 'ok', detail: [line, [...headers], follows(result.rest, pieces, index)] };
      }
      return { verdict: 'more' };
    });
  },

  chunked(pieces) {
    const decoder = new ChunkedDecoder();
    const payload: Uint8Array[] = [];
    return untilError(() => {
      for (const [index, piece] of pieces.entries()) {
        payload.push(...decoder.push(piece));
        if (!decoder.done) continue;
        return { verdict: 'ok', detail: [hexOf(payload), follows(decoder.rest, pieces, index)] };
      }
      return { verdict: 'more', detail: hexOf(payload) };
    });
  },
};

function untilError(replay: () => Outcome): Outcome {
  try {
    return replay();
  } catch (error) {
    if (!(error instanceof LegacyStreamError)) throw error;
    return { verdict: error.code.slice('LS_'.length).toLowerCase().replaceAll('_', '-') };
  }
}

const hexOf = (pieces: readonly Uint8Array[]) => Buffer.concat(pieces).toString('hex');

function follows(rest: Uint8Array, pieces: readonly Uint8Array[], index: number): string {
  return hexOf([rest, ...pieces.slice(index + 1)]);
}

function cutAt(input: Uint8Array, places: readonly number[]): Uint8Array[] {
  const edges = [0, ...places.map((place) => place % (input.length + 1)), input.length].sort((a, b) => a - b);
  return edges.slice(1).map((end, i) => input.subarray(edges[i], end));
}

const bytesOf = (input: Uint8Array) => Array.from(input, (byte) => Uint8Array.of(byte));
const places = fc.array(fc.nat(10_000), { maxLength: 8 });
const changes = fc.array(fc.tuple(fc.nat(10_000), fc.constantFrom(0, 9, 10, 13, 32, 48, 58, 90, 255)), {
  minLength: 1,
  maxLength: 4,
});

for (const [name, replay] of Object.entries(replays)) {
  const folder = new URL(`corpus/${name}/`, import.meta.url);
  const files = fs.readdirSync(folder).sort();

  describe(`corpus of ${name}`, () => {
    test('it is there, and each of its files is named by a verdict', () => {
      assert.ok(files.length >= 25);
      assert.deepEqual(
        files.filter((file) => !/^[a-z0-9-]+?--[a-z0-9.-]+\.bin$/.test(file)),
        [],
      );
    });

    for (const file of files) {
      const input = new Uint8Array(fs.readFileSync(new URL(file, folder)));
      test(file, () => {
        const whole = replay([input]);
        assert.equal(whole.verdict, file.slice(0, file.indexOf('--')));
        assert.deepEqual(replay(bytesOf(input)), whole);
        fc.assert(
          fc.property(places, (cuts) => assert.deepEqual(replay(cutAt(input, cuts)), whole)),
          { numRuns: 20 },
        );
        fc.assert(
          fc.property(changes, places, (edits, cuts) => {
            const changed = input.slice();
            for (const [place, byte] of edits) if (changed.length > 0) changed[place % changed.length] = byte;
            assert.deepEqual(replay(cutAt(changed, cuts)), replay([changed]));
          }),
          { numRuns: 20 },
        );
      });
    }
  });
}
