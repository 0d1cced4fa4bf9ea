/** The send loop of send-loop.c in Node, for machines without a C compiler. */
import { type AddressInfo, createServer, type Socket } from 'node:net';

const lapMs = 1_000;
const tickMs = 10;
const head = Buffer.from('HTTP/1.0 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n');
const second = Buffer.alloc(16_000);

let clients: Socket[] = [];
let lapStartMs = performance.now();
let served = 0;
let inLap = 0;

const server = createServer((client) => {
  client.on('error', () => {});
  client.setNoDelay(true);
  client.once('data', () => {
    client.cork();
    client.write(head);
    client.write(second);
    client.uncork();
    clients.push(client);
  });
});

setInterval(() => {
  const nowMs = performance.now();
  const share = (nowMs - lapStartMs) / lapMs;
  const due = share >= 1 ? inLap : Math.floor(inLap * share);
  for (; served < due; served += 1) {
    const client = clients[served]!;
    if (!client.destroyed && client.writableLength === 0) client.write(second);
  }
  if (share < 1) return;
  lapStartMs = share >= 2 ? nowMs : lapStartMs + lapMs;
  clients = clients.filter((client) => !client.destroyed);
  served = 0;
  inLap = clients.length;
}, tickMs);

process.stdin.resume().once('end', () => process.exit(0));
server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
  process.stdout.write(`port ${(server.address() as AddressInfo).port}\n`);
});
