/**
 * `npm run cluster`: a cluster on this machine — three NATS servers, Redis with replicas
 * and Sentinels, two ingests, two edges and a control — with a process for each. Prints
 * where everything is and stops all of it on Ctrl-C.
 */
import { missingProgram } from '../programs.mjs';
import { adminPassword, type ServerProcess, sourcePassword } from '../support/server-process.ts';
import { Fleet } from './fleet.ts';

const missing = missingProgram('nats-server', 'redis-server', 'redis-sentinel');
if (missing) {
  process.stderr.write(`${missing}\n`);
  process.exit(1);
}
const say = (line: string) => void process.stdout.write(`${line}\n`);
/** Where each of them is looked for first; a port that is taken is replaced by a free one. */
const setFor = {
  'edge-1': ['server.httpPort=8000'],
  'edge-2': ['server.httpPort=8010'],
  'ingest-1': ['server.httpPort=8020'],
  'ingest-2': ['server.httpPort=8030'],
  control: ['control.port=8080'],
};

const stopped = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopped.abort());

say('starting 3 NATS servers, Redis with Sentinels, 2 ingests, 2 edges and a control …');
const shoutcast = ['server.shoutcastPort=auto'];
let fleet = await Fleet.start({
  nats: 3,
  redis: 'sentinel',
  ingests: 2,
  edges: 2,
  setFor,
  set: shoutcast,
}).catch(() => undefined);
if (!fleet) {
  say('one of the usual ports is taken; taking free ones');
  fleet = await Fleet.start({ nats: 3, redis: 'sentinel', ingests: 2, edges: 2, set: shoutcast });
}
const line = (name: string, { url, process: child, folder }: ServerProcess) =>
  `  ${name.padEnd(9)} ${url.padEnd(23)} pid ${String(child.pid).padEnd(7)} ${folder}`;
say('');
for (const [i, edge] of fleet.edges.entries()) say(line(`edge ${i + 1}`, edge));
for (const [i, ingest] of fleet.ingests.entries()) say(line(`ingest ${i + 1}`, ingest));
if (fleet.control) say(line('control', fleet.control));
for (const [i, nats] of fleet.nats.entries()) say(`  nats ${i + 1}    ${nats.address}`);
say(`  store     ${fleet.redis!.url}`);
const [edge] = fleet.edges;
say(`
  send      ffmpeg -re -f lavfi -i sine -c:a libmp3lame -b:a 128k -f mp3 -content_type audio/mpeg icecast://source:${sourcePassword}@127.0.0.1:${edge!.httpPort}/live.mp3
  listen    http://127.0.0.1:${edge!.httpPort}/live.mp3
  operate   http://127.0.0.1:${edge!.httpPort}/admin/stats as admin with ${adminPassword}
  stop      Ctrl-C
`);
if (!stopped.signal.aborted) {
  await new Promise<void>((resolve) => {
    const alive = setInterval(() => {}, 60_000);
    stopped.signal.addEventListener('abort', () => {
      clearInterval(alive);
      resolve();
    });
  });
}
say('stopping …');
await fleet.stop();
say('stopped');
