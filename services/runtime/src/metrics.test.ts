import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metrics, mergeSnapshots } from './metrics.ts';

function samplesOf(page: string): string[] {
  return page.split('\n').filter((line) => line.startsWith('legacystream_'));
}

test('values are read from their source when a scrape comes', async () => {
  const metrics = new Metrics({ processMetrics: false });
  const listeners = new Map([['/a', 1]]);
  let bytes = 10;
  metrics.registerGauge('legacystream_edge_listeners_count', 'Listeners.', ['mount'], function* () {
    for (const [mount, value] of listeners) yield { labels: { mount }, value };
  });
  metrics.registerCounter('legacystream_edge_sent_bytes_total', 'Bytes sent.', [], () => [{ value: bytes }]);
  assert.deepEqual(samplesOf(await metrics.render()), [
    'legacystream_edge_listeners_count{mount="/a"} 1',
    'legacystream_edge_sent_bytes_total 10',
  ]);
  listeners.delete('/a');
  listeners.set('/b "x"\n', 2);
  bytes = 25;
  assert.deepEqual(samplesOf(await metrics.render()), [
    'legacystream_edge_listeners_count{mount="/b \\"x\\"\\n"} 2',
    'legacystream_edge_sent_bytes_total 25',
  ]);
});

test('a page says what each metric is', async () => {
  const metrics = new Metrics({ processMetrics: false });
  metrics.registerCounter('legacystream_edge_sent_bytes_total', 'Bytes sent.', [], () => []);
  const page = await metrics.render();
  assert.match(page, /# HELP legacystream_edge_sent_bytes_total Bytes sent\./);
  assert.match(page, /# TYPE legacystream_edge_sent_bytes_total counter/);
  assert.match(metrics.contentType, /^text\/plain/);
});

test('names against the rules are refused when they are registered', () => {
  const metrics = new Metrics({ processMetrics: false });
  const none = () => [];
  const gauges = [
    '',
    'listeners',
    'legacystream_listeners_count',
    'legacystream_edge_listeners',
    'legacystream_moon_listeners_count',
    'legacystream_edge_Listeners_count',
    'legacystream_edge__count',
    'legacystream_edge_sent_bytes_total',
  ];
  for (const name of gauges) assert.throws(() => metrics.registerGauge(name, 'x', [], none), TypeError, name);
  const counters = [
    'legacystream_edge_sent_bytes',
    'legacystream_edge_bytes_total',
    '_total',
    'legacystream_edge_a_b_Total',
  ];
  for (const name of counters)
    assert.throws(() => metrics.registerCounter(name, 'x', [], none), TypeError, name);
  assert.throws(() => metrics.registerGauge('legacystream_edge_a_count', 'x', ['le-gal'], none), TypeError);
  metrics.registerGauge('legacystream_edge_a_count', 'x', [], none);
  assert.throws(() => metrics.registerGauge('legacystream_edge_a_count', 'x', [], none), /already/);
});

test('a source of samples that fails is reported and leaves the rest of the page alone', async () => {
  const failures: string[] = [];
  const metrics = new Metrics({
    processMetrics: false,
    onCollectError: (_, name) => void failures.push(name),
  });
  metrics.registerGauge('legacystream_edge_bad_count', 'x', [], () => {
    throw new Error('source');
  });
  metrics.registerGauge('legacystream_edge_odd_count', 'x', ['mount'], () => [
    { labels: { mount: '/a' }, value: 1 },
    { labels: { unknown: 'x' }, value: 1 },
  ]);
  metrics.registerCounter('legacystream_edge_negative_bytes_total', 'x', [], () => [{ value: -1 }]);
  metrics.registerGauge('legacystream_edge_good_count', 'x', [], () => [{ value: 3 }]);
  const page = samplesOf(await metrics.render());
  assert.ok(page.includes('legacystream_edge_good_count 3'));
  assert.ok(!page.some((line) => line.includes('/a')));
  assert.deepEqual(failures, [
    'legacystream_edge_bad_count',
    'legacystream_edge_odd_count',
    'legacystream_edge_negative_bytes_total',
  ]);
});

test('scrapes at the same time share one page', async () => {
  const metrics = new Metrics({ processMetrics: false });
  let reads = 0;
  metrics.registerGauge('legacystream_edge_reads_count', 'x', [], () => [{ value: ++reads }]);
  const [first, second] = await Promise.all([metrics.render(), metrics.render()]);
  assert.equal(first, second);
  await metrics.render();
  assert.equal(reads, 2);
});

test('the metrics of the process are there unless they are left out', async () => {
  assert.match(await new Metrics().render(), /^nodejs_eventloop_lag_seconds /m);
  assert.doesNotMatch(await new Metrics({ processMetrics: false }).render(), /nodejs_/);
});

test('what has no value yet is NaN, in the spelling of the format', async () => {
  const metrics = new Metrics({ processMetrics: false });
  metrics.registerGauge('legacystream_runtime_nothing_seconds', 'Nothing.', [], () => [
    { value: Number.NaN },
  ]);
  assert.match(await metrics.render(), /^legacystream_runtime_nothing_seconds NaN$/m);
  assert.match(
    await mergeSnapshots([await metrics.snapshot()]),
    /^legacystream_runtime_nothing_seconds NaN$/m,
  );
});
