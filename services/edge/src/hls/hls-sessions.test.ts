import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { full, path, SessionFleet, subjects } from '../../../../test/support/hls-session-fleet.ts';

test('a token is one listener from its first playlist until some time after its last', async () => {
  const fleet = new SessionFleet();
  const edge = await fleet.edge();
  const [a, b] = [edge.token(), edge.token()];
  assert.equal(fleet.count, 0, 'a multivariant playlist is no listener yet');
  const session = edge.admit(a);
  for (let second = 0; second < 60; second += 4) {
    assert.equal(edge.admit(a), session);
    edge.admit(b);
    assert.equal(edge.registry.countOf(path), 2);
    fleet.clock.advance(4_000);
  }
  edge.admit(b);
  fleet.clock.advance(15_500);
  assert.equal(fleet.count, 2);
  fleet.clock.advance(1_000);
  assert.equal(fleet.count, 1);
  fleet.clock.advance(60_000);
  assert.equal(fleet.count, 0);
  assert.equal(edge.registry.connections, 2);
  assert.deepEqual(
    edge.lines.map(({ seconds }) => seconds),
    [56, 60],
  );
  assert.notEqual(edge.admit(a), session, 'who comes back after that is a new one');
});

test('longer segments leave more time between two requests', async () => {
  const fleet = new SessionFleet();
  const edge = await fleet.edge({ segmentDuration: 30 });
  edge.admit(edge.token());
  fleet.clock.advance(97_000);
  assert.equal(fleet.count, 1);
  fleet.clock.advance(2_000);
  assert.equal(fleet.count, 0);
});

test('a session is listed and found like any other listener', async () => {
  const fleet = new SessionFleet();
  const edge = await fleet.edge();
  fleet.clock.advance(5_000);
  const authorization = `Basic ${Buffer.from('anna:secret').toString('base64')}`;
  const token = edge.token();
  const session = edge.admit(token, {
    target: `${path}/hls/source.m3u8?a=1&session=${token}&_HLS_msn=5`,
    headers: [
      ['authorization', authorization],
      ['referer', 'http://page.example/'],
    ],
  });
  const { id, ...details } = session.details;
  assert.ok(Number.isSafeInteger(id) && id >= 2 ** 52);
  assert.deepEqual(details, {
    mountPath: path,
    ip: '192.0.2.1',
    userAgent: 'Player/1.0',
    referer: 'http://page.example/',
    method: 'GET',
    target: `${path}/hls/source.m3u8?a=1&_HLS_msn=5`,
    protocol: 'HTTP/1.1',
    username: 'anna',
    startedMs: 5_000,
  });
  assert.equal(edge.registry.find(path, id), session);
  assert.deepEqual([...edge.registry.listenersOf(path)], [session]);
});

test('a line in the access log tells what the session was sent on all its connections', async () => {
  const fleet = new SessionFleet();
  const edge = await fleet.edge();
  const [one, two, other] = [{} as Socket, {} as Socket, {} as Socket];
  const token = edge.token();
  edge.admit(token, { socket: one });
  edge.sessions.sent(one, path, 1_000);
  fleet.clock.advance(4_000);
  edge.admit(token, { socket: two });
  edge.sessions.sent(one, path, 50);
  edge.sessions.sent(two, path, 200);
  edge.sessions.sent(two, '/other.mp3', 7);
  edge.sessions.sent(other, path, 30);
  assert.equal(edge.registry.snapshot().get(path)!.bytesSent, 1_280);
  assert.equal(edge.registry.snapshot().get('/other.mp3')!.bytesSent, 7);
  fleet.clock.advance(30_000);
  assert.equal(edge.lines.length, 1);
  const { method, target, status, bytes, seconds, ip, userAgent } = edge.lines[0]!;
  assert.deepEqual(
    { method, target, status, bytes, seconds, ip, userAgent },
    {
      method: 'GET',
      target: `${path}/hls/source.m3u8`,
      status: 200,
      bytes: 1_250,
      seconds: 4,
      ip: '192.0.2.1',
      userAgent: 'Player/1.0',
    },
  );
  assert.equal(edge.registry.snapshot().get(path)!.bytesSent, 1_280, 'the sums outlast the session');
});

test('a word that is no token of the mount is told apart by address and user agent, and is not refused', async () => {
  const fleet = new SessionFleet();
  const edge = await fleet.edge();
  const forged = `${edge.token().slice(0, 20)}AAAAAAA`;
  const session = edge.admit(forged);
  assert.equal(edge.admit(undefined), session);
  assert.equal(edge.admit('x'), session);
  assert.equal(edge.admit('x'.repeat(100_000)), session);
  assert.equal(edge.admit(edge.token('/other.mp3')), session);
  assert.equal(fleet.count, 1);
  assert.notEqual(edge.admit(forged, { ip: '192.0.2.2' }), session);
  assert.notEqual(edge.admit(forged, { userAgent: 'Other' }), session);
  assert.notEqual(edge.admit(forged, { userAgent: '' }), session);
  assert.notEqual(edge.admit(forged, { mountPath: '/other.mp3' }), session);
  assert.equal(fleet.count, 5);
});

test('by address, tokens mean nothing and none are made', async () => {
  const fleet = new SessionFleet();
  const [edge, byToken] = [await fleet.edge({ counting: 'address' }), await fleet.edge()];
  assert.equal(edge.sessions.newToken(path), undefined);
  assert.equal(edge.admit(byToken.token()), edge.admit(undefined));
  assert.equal(edge.registry.count, 1);
});

test('off, nobody is counted or told apart, but bytes are', async () => {
  const fleet = new SessionFleet();
  fleet.maxListeners = 0;
  const edge = await fleet.edge({ counting: 'off' });
  assert.equal(edge.sessions.newToken(path), undefined);
  const socket = {} as Socket;
  assert.deepEqual(edge.visit(undefined, { socket }), { session: undefined });
  edge.sessions.sent(socket, path, 100);
  assert.deepEqual([edge.registry.count, edge.registry.snapshot().get(path)!.bytesSent], [0, 100]);
  edge.sessions.close();
  assert.equal(edge.lines.length, 0);
});

test('while the store is away addresses are counted, and tokens from when it is there', async () => {
  const fleet = new SessionFleet();
  let isAway = true;
  const store = {
    getDocument: async () => {
      if (isAway) throw new Error('away');
      return fleet.store.getDocument('setting', 'hls-token-key');
    },
    putDocument: fleet.store.putDocument.bind(fleet.store),
    acquireLease: fleet.store.acquireLease.bind(fleet.store),
    releaseLease: fleet.store.releaseLease.bind(fleet.store),
  };
  const [edge, other] = [await fleet.edge({ store }), await fleet.edge()];
  const token = other.token();
  assert.equal(edge.sessions.newToken(path), undefined);
  const session = edge.admit(token);
  fleet.clock.advance(2_000);
  await turn();
  assert.equal(edge.sessions.newToken(path), undefined);
  isAway = false;
  fleet.clock.advance(2_000);
  await turn();
  await turn();
  assert.notEqual(edge.admit(token), session, 'the other edge has made the key that both have');
  assert.equal(edge.admit(token), edge.admit(token, { ip: '192.0.2.9' }));
  assert.equal(edge.token().length, 27);
});

test('a store that has another key after all is believed within a minute', async () => {
  const fleet = new SessionFleet();
  const edge = await fleet.edge();
  await fleet.store.removeDocument('setting', 'hls-token-key');
  const other = await fleet.edge();
  const [byAddress, token] = [edge.admit(undefined), other.token()];
  assert.equal(edge.admit(token), byAddress, 'made with a key that is unknown here');
  fleet.clock.advance(60_000);
  await turn();
  assert.notEqual(edge.admit(token), edge.admit(undefined));
  assert.equal(edge.admit(edge.token()).details.mountPath, path);
});

test('a full mount refuses whoever is new, and nobody who is here', async () => {
  const fleet = new SessionFleet();
  fleet.maxListeners = 2;
  const edge = await fleet.edge();
  const [a, b, c] = [edge.token(), edge.token(), edge.token()];
  const session = edge.admit(a);
  edge.admit(b);
  assert.deepEqual(edge.visit(c), full);
  assert.equal(edge.admit(a), session);
  fleet.clock.advance(10_000);
  edge.admit(a);
  fleet.clock.advance(11_000);
  edge.admit(c);
  assert.equal(fleet.count, 2);
});

test('a listener of a full mount may come to another edge', async () => {
  const fleet = new SessionFleet();
  fleet.maxListeners = 1;
  const [here, there] = [await fleet.edge(), await fleet.edge()];
  const [token, newcomer] = [here.token(), here.token()];
  here.admit(token);
  await fleet.settle();
  there.admit(token);
  assert.deepEqual(there.visit(newcomer), full);
  await fleet.settle();
  assert.deepEqual([here.registry.count, there.registry.count], [1, 0]);
  here.admit(token);
  assert.deepEqual(here.visit(newcomer), full);
});

test('two edges that a session visits in turns count it once', async () => {
  const fleet = new SessionFleet();
  const edges = [await fleet.edge(), await fleet.edge()];
  const token = edges[0]!.token();
  for (let n = 0; n < 20; n += 1) {
    edges[n % 2]!.admit(token);
    assert.equal(fleet.count, 1, 'at no moment twice');
    await fleet.settle(1);
    assert.equal(edges[0]!.registry.count, 1, 'it belongs to the edge where it began');
    fleet.clock.advance(3_000);
  }
  const came = edges.map(({ registry }) => registry.connections);
  assert.deepEqual([came, fleet.lines.length], [[1, 0], 0], 'it is new to one of them only');
  fleet.clock.advance(60_000);
  assert.equal(fleet.count, 0);
  const [line, ...more] = fleet.lines;
  assert.deepEqual(more, []);
  // What was served elsewhere is told a moment later.
  const { seconds } = line!;
  assert.ok(seconds === 60 || seconds === 61, `${seconds} s from its first visit to its last, wherever`);
});

test('a session that only another edge serves any more stays where it is counted', async () => {
  const fleet = new SessionFleet();
  const [here, there] = [await fleet.edge(), await fleet.edge()];
  const token = here.token();
  const session = here.admit(token);
  await fleet.settle();
  for (let second = 0; second < 120; second += 4) {
    there.admit(token);
    await fleet.settle();
    assert.deepEqual([here.registry.count, there.registry.count], [1, 0]);
    fleet.clock.advance(3_400);
  }
  assert.equal(here.registry.find(path, session.details.id), session);
  fleet.clock.advance(30_000);
  assert.deepEqual([fleet.count, fleet.lines.length], [0, 1]);
});

test('the holder of a session is told of visits elsewhere every three seconds and not more often', async () => {
  const fleet = new SessionFleet();
  const [here, there] = [await fleet.edge(), await fleet.edge()];
  const token = here.token();
  here.admit(token);
  await fleet.settle();
  let messages = 0;
  fleet.bus.subscribe(subjects.hlsListeners, () => {
    messages += 1;
  });
  for (let n = 0; n < 60; n += 1) {
    there.admit(token);
    await fleet.settle(1);
  }
  assert.ok(messages >= 8 && messages <= 10, `${messages} messages, half of them answers, in 12 s`);
});

test('a session whose edge is gone is counted by one of those that serve it', async () => {
  const fleet = new SessionFleet();
  const [gone, ...others] = [await fleet.edge(), await fleet.edge(), await fleet.edge()];
  const tokens = Array.from({ length: 20 }, () => gone.token());
  for (const token of tokens) gone.admit(token);
  await fleet.settle();
  for (const edge of others) for (const token of tokens) edge.admit(token);
  await fleet.settle();
  assert.deepEqual(
    fleet.edges.map(({ registry }) => registry.count),
    [20, 0, 0],
  );
  gone.sessions.close();
  for (let second = 0; second < 12; second += 4) {
    fleet.clock.advance(3_400);
    for (const [i, token] of tokens.entries()) others[i % 2]!.admit(token);
    for (const [i, token] of tokens.entries()) others[(i + 1) % 2]!.admit(token);
    await fleet.settle();
    assert.ok(fleet.count <= 20);
  }
  assert.equal(fleet.count, 20);
  fleet.clock.advance(30_000);
  assert.deepEqual([gone.lines.length, fleet.lines.length], [20, 40], 'a line for each of its two parts');
});

test('requests that come to two edges at the same moment leave the session with one of them', async () => {
  const fleet = new SessionFleet();
  const [a, b] = [await fleet.edge(), await fleet.edge()];
  const token = a.token();
  a.admit(token);
  b.admit(token);
  assert.equal(fleet.count, 2);
  await fleet.settle();
  assert.deepEqual([a.registry.count, b.registry.count], [0, 1]);
});

test('a session that others pass round is still known where it began', async () => {
  const fleet = new SessionFleet();
  const edges = [await fleet.edge(), await fleet.edge(), await fleet.edge()];
  const token = edges[0]!.token();
  const session = edges[0]!.admit(token);
  for (let n = 0; n < 20; n += 1) {
    edges[1 + (n % 2)]!.admit(token);
    await fleet.settle(1);
    fleet.clock.advance(3_800);
  }
  assert.equal(edges[0]!.admit(token), session);
  assert.equal(edges[0]!.registry.secondsConnected(session), 80);
});

test('a claim that got lost is made up for', async () => {
  const fleet = new SessionFleet();
  const [a, b] = [await fleet.edge(), await fleet.edge()];
  const token = a.token();
  const { publish } = fleet.bus;
  fleet.bus.publish = () => {};
  a.admit(token);
  b.admit(token);
  await fleet.settle();
  fleet.bus.publish = publish;
  for (let second = 0; second < 40; second += 4) {
    a.admit(token);
    b.admit(token);
    fleet.clock.advance(4_000);
  }
  await fleet.settle();
  assert.equal(fleet.count, 1);
});

test('sums are right however visits mix, clocks differ and messages cross', async () => {
  const visits = fc.array(
    fc.record({
      edge: fc.nat({ max: 2 }),
      who: fc.nat({ max: 5 }),
      waitMs: fc.constantFrom(0, 0, 1, 50, 199, 200, 900),
      arrives: fc.boolean(),
    }),
    { maxLength: 20 },
  );
  const skews = fc.tuple(...Array(3).fill(fc.integer({ min: -5_000, max: 5_000 })));
  await fc.assert(
    fc.asyncProperty(visits, fc.option(skews, { nil: [0, 0, 0] }), async (steps, wallSkewMs) => {
      const fleet = new SessionFleet();
      for (const skew of wallSkewMs) await fleet.edge({ wallSkewMs: skew as number });
      const tokens = Array.from({ length: 6 }, () => fleet.edges[0]!.token());
      const isSkewed = wallSkewMs.some((skew) => skew !== 0);
      const firstAt = new Map<number, number>();
      for (const { edge, who, waitMs, arrives } of steps) {
        fleet.edges[edge]!.admit(tokens[who]);
        if (!firstAt.has(who)) firstAt.set(who, edge);
        fleet.clock.advance(waitMs);
        if (arrives) await turn();
        // At one moment the greater name has it, not the earlier visit.
        if (!isSkewed) fleet.clock.advance(1);
      }
      await fleet.settle(6);
      assert.equal(fleet.count, firstAt.size);
      if (!isSkewed) {
        const perEdge = fleet.edges.map((_, i) => [...firstAt.values()].filter((edge) => edge === i).length);
        assert.deepEqual(
          fleet.edges.map(({ registry }) => registry.count),
          perEdge,
        );
      }
      fleet.clock.advance(30_000);
      assert.equal(fleet.count, 0);
      assert.equal(fleet.lines.length, firstAt.size, 'a line for each session');
      for (const { sessions } of fleet.edges) sessions.close();
    }),
    { numRuns: 150 },
  );
});

test('who is killed is refused for ten minutes on every edge, wherever it was listed', async () => {
  const fleet = new SessionFleet();
  const [a, b] = [await fleet.edge(), await fleet.edge()];
  const [token, other] = [a.token(), a.token()];
  a.admit(other);
  const listed = a.admit(token);
  await fleet.settle();
  assert.equal(b.admit(token).details.id, listed.details.id);
  await fleet.settle();
  assert.equal(b.registry.find(path, listed.details.id), undefined);
  a.registry.find(path, listed.details.id)!.close('killed');
  assert.deepEqual([a.registry.count, b.registry.count], [1, 0]);
  await fleet.settle();
  const refused = { refused: 403, reason: 'Listener was disconnected' };
  for (const edge of [a, b]) assert.deepEqual(edge.visit(token), refused);
  assert.equal(fleet.lines.length, 1);
  a.admit(other);
  fleet.clock.advance(599_000);
  assert.deepEqual(a.visit(token), refused, 'however often it asks');
  fleet.clock.advance(2_000);
  a.admit(token);
  b.admit(token);
});

test('a session that is over cannot be killed any more', async () => {
  const fleet = new SessionFleet();
  const edge = await fleet.edge();
  const token = edge.token();
  const session = edge.admit(token);
  fleet.clock.advance(30_000);
  session.close('killed');
  assert.equal(edge.lines.length, 1);
  edge.admit(token);
});

test('visitors beyond the bound are served and not counted', async () => {
  const fleet = new SessionFleet();
  const edge = await fleet.edge({ maxSessions: 3 });
  const tokens = Array.from({ length: 4 }, () => edge.token());
  const known = tokens.slice(0, 3).map((token) => edge.admit(token));
  assert.deepEqual(edge.visit(tokens[3]), { session: undefined });
  assert.equal(edge.admit(tokens[0]), known[0]);
  assert.equal(fleet.count, 3);
  fleet.clock.advance(30_000);
  edge.admit(tokens[3]);
});

test('the high water mark counts sessions', async () => {
  const fleet = new SessionFleet();
  const edge = await fleet.edge();
  for (let n = 0; n < 5; n += 1) edge.admit(edge.token());
  fleet.clock.advance(30_000);
  const counts = { listeners: 0, connections: 5, slow: 0, bytesSent: 0, highWater: 5 };
  assert.deepEqual(edge.registry.report().get(path), counts);
  assert.equal(edge.registry.report().get(path)!.highWater, 0);
});

test('a crowd that leaves together is seen off in parts, and nothing is left of it', async () => {
  const fleet = new SessionFleet();
  const edge = await fleet.edge();
  for (let n = 0; n < 12_000; n += 1) edge.admit(edge.token());
  const gone: number[] = [];
  fleet.clock.advance(19_999);
  for (let n = 0; n < 4; n += 1) {
    const before = fleet.count;
    fleet.clock.advance(250);
    gone.push(before - fleet.count);
  }
  assert.deepEqual(gone, [5_000, 5_000, 2_000, 0]);
  assert.equal(edge.lines.length, 12_000);
});

test('the end writes a line for each session and leaves no timer behind', async () => {
  const fleet = new SessionFleet();
  const pending = fleet.clock.pendingTimers;
  const [a, b] = [await fleet.edge(), await fleet.edge()];
  const token = a.token();
  a.admit(token);
  await fleet.settle();
  b.admit(token);
  b.admit(b.token());
  await fleet.settle();
  for (const { sessions } of fleet.edges) {
    sessions.close();
    sessions.close();
  }
  assert.equal(fleet.count, 0);
  assert.deepEqual([a.lines.length, b.lines.length], [1, 1]);
  assert.deepEqual(a.visit(token), { session: undefined });
  assert.equal(fleet.clock.pendingTimers, pending);
  await a.sessions.start();
  assert.equal(fleet.clock.pendingTimers, pending);
});
