/**
 * What edges know of a session that is over, and from when on: whoever comes back then needs
 * room as anyone new does, and whoever still listens does not.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { full, path, SessionFleet, subjects } from '../../../../test/support/hls-session-fleet.ts';

/** After the last visit: with the sweep, the gathering and the way to the others. */
const overMs = 20_500;

/** What happens is gathered for 200 ms before others hear of it. */
const heardMs = 300;

/** A full mount with one listener and room for one, and edges. */
async function fullMount(edgeCount: number) {
  const fleet = new SessionFleet();
  fleet.maxListeners = 1;
  for (let n = 0; n < edgeCount; n += 1) await fleet.edge();
  const [here, there, third] = fleet.edges;
  const [token, next] = [here!.token(), here!.token()];
  here!.admit(token);
  await fleet.pass(1_000);
  return { fleet, here: here!, there: there!, third: third!, token, next };
}

test('whoever comes back to any edge after the end finds a mount that filled up full', async () => {
  const { fleet, here, there, third, token, next } = await fullMount(3);
  await fleet.pass(overMs);
  here.admit(next);
  for (const edge of [there, third, here]) assert.deepEqual(edge.visit(token), full);
  await fleet.pass(1_000);
  for (const edge of [there, third, here]) assert.deepEqual(edge.visit(token), full);
  assert.equal(fleet.count, 1);
});

test('where there is room it is counted at once as anyone new', async () => {
  const { fleet, here, there, token } = await fullMount(2);
  await fleet.pass(overMs);
  assert.equal(fleet.count, 0);
  there.admit(token);
  assert.deepEqual([here.registry.count, there.registry.count], [0, 1]);
  await fleet.pass(1_000);
  here.admit(token);
  await fleet.pass(1_000);
  assert.deepEqual([here.registry.count, there.registry.count], [0, 1]);
});

test('an edge that served it for another knows of its end too, whatever it was told in between', async () => {
  const { fleet, here, there, third, token, next } = await fullMount(3);
  for (let second = 0; second < 60; second += 3) {
    there.admit(token);
    await fleet.pass(1_500);
    here.admit(token);
    await fleet.pass(1_500);
  }
  third.admit(token);
  await fleet.pass(1_900);
  // Not told: the one before was, a moment ago.
  third.admit(token);
  await fleet.pass(overMs - 1_900);
  assert.equal(fleet.count, 0);
  here.admit(next);
  await fleet.pass(300);
  for (const edge of [there, third, here]) assert.deepEqual(edge.visit(token), full);
});

test('who comes to another edge while its end is on the way is let in, and counted when it is heard', async () => {
  const { fleet, here, there, token } = await fullMount(2);
  while (fleet.count > 0) fleet.clock.advance(50);
  const session = there.admit(token);
  assert.equal(session.isHeld, false, 'its end is not known yet');
  await fleet.pass(heardMs);
  assert.deepEqual([here.registry.count, there.registry.count], [0, 1]);
  await fleet.pass(4_000);
  assert.equal(there.admit(token), session);
});

test('a visit to another edge at the moment of the end keeps the session', async () => {
  const { fleet, here, there, token } = await fullMount(2);
  const session = there.admit(token);
  await fleet.pass(1_000);
  const { publish } = fleet.bus;
  while (here.registry.count > 0) {
    const silentMs = fleet.clock.monotonicMs() - session.visitedMs;
    // Told, but not heard in time.
    if (silentMs === 19_900) {
      fleet.bus.publish = () => {};
      there.admit(token);
      await fleet.pass(50);
      fleet.bus.publish = publish;
    }
    await fleet.pass(50);
  }
  await fleet.pass(heardMs);
  assert.deepEqual([there.admit(token), there.registry.count], [session, 1]);
});

test('whoever is served elsewhere keeps its session there, and counts from its next visit', async () => {
  const { fleet, here, there, token } = await fullMount(2);
  const session = there.admit(token);
  await fleet.pass(3_000);
  there.admit(token);
  await fleet.pass(1_000);
  assert.equal(session.isHeld, false);
  here.admit(token).close('banned');
  await fleet.pass(3_000);
  assert.equal(fleet.count, 0);
  assert.equal(there.admit(token), session);
  assert.deepEqual([here.registry.count, there.registry.count], [0, 1]);
  await fleet.pass(1_000);
  here.admit(token);
  await fleet.pass(1_000);
  assert.deepEqual([here.registry.count, there.registry.count], [0, 1]);
});

test('a session that ends and begins again within a moment is not over for the others', async () => {
  const { fleet, here, there, third, token } = await fullMount(3);
  here.admit(token).close('banned');
  here.admit(token);
  await fleet.pass(1_000);
  there.admit(token);
  await fleet.pass(1_000);
  assert.equal(there.registry.count, 0);
  here.admit(token).close('banned');
  here.admit(token).close('banned');
  await fleet.pass(1_000);
  fleet.maxListeners = 0;
  assert.deepEqual(third.visit(token), full);
});

test('where two edges counted a session, the end at one does not make others forget the other', async () => {
  const fleet = new SessionFleet();
  const [a, b, third] = [await fleet.edge(), await fleet.edge(), await fleet.edge()];
  const token = a.token();
  a.admit(a.token()).close('banned');
  await fleet.pass(50);
  // The claim of the one waits, that of the other is heard at once.
  const atA = a.admit(token);
  fleet.clock.advance(1);
  b.admit(token);
  await fleet.pass(50);
  assert.equal(fleet.count, 2);
  atA.close('banned');
  await fleet.pass(1_000);
  assert.equal(fleet.count, 1);
  fleet.maxListeners = 1;
  third.admit(token);
  assert.equal(third.registry.count, 0);
});

test('an edge that lost a session to another remembers nothing of it when it is over', async () => {
  const fleet = new SessionFleet();
  const [a, b] = [await fleet.edge(), await fleet.edge()];
  const token = a.token();
  a.admit(token);
  b.admit(token);
  await fleet.pass(1_000);
  assert.equal(fleet.count, 1);
  await fleet.pass(overMs);
  fleet.maxListeners = 0;
  for (const edge of [a, b]) assert.deepEqual(edge.visit(token), full);
});

test('an end that got lost is made up for a minute after the last claim', async () => {
  const { fleet, there, third, token, next } = await fullMount(3);
  const { publish } = fleet.bus;
  fleet.bus.publish = () => {};
  await fleet.pass(overMs);
  fleet.bus.publish = publish;
  await fleet.pass(28_000);
  there.admit(token);
  await fleet.pass(10_600);
  there.admit(next);
  assert.deepEqual(third.visit(token), full);
});

test('listeners of an edge that stops are let in elsewhere, and after their time are not', async () => {
  const { fleet, here, there, third, token, next } = await fullMount(3);
  for (let second = 0; second < 28; second += 4) {
    await fleet.pass(4_000);
    here.admit(token);
  }
  here.sessions.close();
  there.admit(next);
  await fleet.pass(19_000);
  there.admit(next);
  third.admit(token);
  // The one that came and left again was not counted anywhere any more.
  await fleet.pass(19_000);
  there.admit(next);
  await fleet.pass(14_000);
  assert.deepEqual(third.visit(token), full);
});

test('listeners of an edge that died are let in elsewhere for as long as they may be silent', async () => {
  const { fleet, here, there, third, token, next } = await fullMount(3);
  // None of these is claimed: the first visit was, less than half a minute ago.
  for (let second = 0; second < 28; second += 4) {
    await fleet.pass(4_000);
    here.admit(token);
  }
  fleet.kill(here);
  there.admit(next);
  await fleet.pass(19_500);
  there.admit(next);
  there.admit(token);
  await fleet.pass(12_000);
  there.admit(next);
  assert.deepEqual(third.visit(token), full, 'a minute after its edge was heard last');
});

test('a crowd that leaves together is over everywhere', async () => {
  const fleet = new SessionFleet();
  const [here, there] = [await fleet.edge(), await fleet.edge()];
  const tokens = Array.from({ length: 12_000 }, () => here.token());
  for (const token of tokens) here.admit(token);
  await fleet.pass(overMs + 1_500);
  assert.equal(fleet.count, 0);
  fleet.maxListeners = 0;
  const refused = tokens.filter((token) => 'refused' in there.visit(token));
  assert.equal(refused.length, tokens.length);
});

test('an end is told once, by the edge that counted it', async () => {
  const { fleet, here, there, token } = await fullMount(2);
  there.admit(token);
  await fleet.pass(1_000);
  const heard: number[] = [];
  fleet.bus.subscribe(subjects.hlsListeners, (data) => void heard.push(data[0]!));
  await fleet.pass(overMs);
  assert.deepEqual(heard, [3]);
  here.sessions.close();
  there.sessions.close();
  await turn();
  assert.deepEqual(heard, [3]);
});

test('a full mount lets in whoever listens, and nobody whose session is over', async () => {
  const steps = fc.array(
    fc.record({
      edge: fc.nat({ max: 2 }),
      who: fc.nat({ max: 3 }),
      waitMs: fc.constantFrom(0, 50, 150, 400, 2_900, 4_000, 16_000, 20_100, 24_000),
    }),
    { maxLength: 40, size: 'max' },
  );
  await fc.assert(
    fc.asyncProperty(steps, fc.integer({ min: 1, max: 2 }), async (visits, maxListeners) => {
      const fleet = new SessionFleet();
      fleet.maxListeners = maxListeners;
      for (let n = 0; n < 3; n += 1) await fleet.edge();
      const tokens = Array.from({ length: 4 }, () => fleet.edges[0]!.token());
      const ids: number[] = [];
      /** Which edge counts it; below 0 for none. */
      const holderOf = (id = 0) => fleet.edges.findIndex(({ registry }) => registry.find(path, id));
      /** Since when the edge that counts it does so, or since when none does. */
      const sinceMs: number[] = [];
      const visitedMs: number[] = [];
      /** Who came while its end was on the way, or what was told of the visit: each may be one too many. */
      const crossed = new Set<number>();
      for (const { edge, who, waitMs } of visits) {
        const nowMs = fleet.clock.monotonicMs();
        const holder = holderOf(ids[who]);
        const forMs = nowMs - (sinceMs[who] ?? -overMs);
        if (holder < 0 && forMs <= heardMs) crossed.add(who);
        const isFull = fleet.count >= maxListeners;
        const admission = fleet.edges[edge]!.visit(tokens[who]);
        if ('refused' in admission) {
          assert.ok(isFull);
          assert.ok(holder < 0 || forMs < heardMs, `${who} is counted, and was refused`);
        } else {
          assert.ok(!isFull || holder >= 0 || crossed.has(who), `${who} was let in`);
          visitedMs[who] = nowMs;
          ids[who] = admission.session!.details.id;
          if (holder < 0 && holderOf(ids[who]) >= 0) sinceMs[who] = nowMs;
        }
        for (let passedMs = 0; passedMs < waitMs; passedMs += 50) {
          const holders = ids.map(holderOf);
          await fleet.pass(50);
          const laterMs = fleet.clock.monotonicMs();
          for (const [i, before] of holders.entries()) {
            if (holderOf(ids[i]) === before) continue;
            sinceMs[i] = laterMs;
            if (before >= 0 && laterMs - visitedMs[i]! <= heardMs) crossed.add(i);
          }
          assert.ok(fleet.count <= maxListeners + crossed.size, `${fleet.count} of ${maxListeners}`);
        }
      }
      await fleet.pass(24_500);
      assert.equal(fleet.count, 0);
      for (const { sessions } of fleet.edges) sessions.close();
    }),
    { numRuns: 100 },
  );
});
