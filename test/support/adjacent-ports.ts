/**
 * Two ports, one above the other, that lead to a server whose own two are anywhere: SHOUTcast
 * encoders are told the lower one and add one by themselves, and tests take free ports. What
 * is said through them is kept, so that a test can see how an encoder got on air.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { Transform } from 'node:stream';
import type { ServerProcess } from './server-process.ts';

/** The beginning of what was said on one connection, as Latin-1. */
export type Dialogue = { readonly via: 'http' | 'shoutcast'; asked: string; answered: string };

const attempts = 50;
const keptChars = 16 * 1024;

export class AdjacentPorts {
  /** Leads to the HTTP port; the one above it leads to the SHOUTcast port. */
  readonly port: number;
  /** In the order of their connections. */
  readonly dialogues: readonly Dialogue[];
  readonly #servers: readonly Server[];
  readonly #sockets: ReadonlySet<Socket>;

  private constructor(
    port: number,
    servers: readonly Server[],
    { sockets, dialogues }: { sockets: Set<Socket>; dialogues: Dialogue[] },
  ) {
    this.port = port;
    this.dialogues = dialogues;
    this.#servers = servers;
    this.#sockets = sockets;
  }

  /** @param hidesPut the server seems to take SOURCE only, as Icecast does before 2.4 */
  static async lead(server: ServerProcess, hidesPut = false): Promise<AdjacentPorts> {
    const traffic = { sockets: new Set<Socket>(), dialogues: [] as Dialogue[] };
    const take = (via: Dialogue['via'], target: number) => (socket: Socket) => {
      const dialogue: Dialogue = { via, asked: '', answered: '' };
      traffic.dialogues.push(dialogue);
      pass(socket, target, dialogue, traffic.sockets, hidesPut);
    };
    for (let attempt = 0; attempt < attempts; attempt++) {
      const lower = await listen(0, take('http', server.httpPort));
      if (!lower) continue;
      const { port } = lower.address() as AddressInfo;
      const upper = await listen(port + 1, take('shoutcast', server.shoutcastPort));
      if (upper) return new AdjacentPorts(port, [lower, upper], traffic);
      lower.close();
    }
    throw new Error('found no two free ports in a row');
  }

  close(): void {
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

function pass(
  from: Socket,
  target: number,
  dialogue: Dialogue,
  sockets: Set<Socket>,
  hidesPut: boolean,
): void {
  const to = connect({ port: target, host: '127.0.0.1', allowHalfOpen: true });
  for (const [socket, other, side] of [
    [from, to, 'asked'],
    [to, from, 'answered'],
  ] as const) {
    sockets.add(socket);
    socket.on('error', () => other.destroy());
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (data: Buffer) => {
      if (dialogue[side].length < keptChars) dialogue[side] += data.toString('latin1');
    });
    if (side === 'answered' && hidesPut) socket.pipe(withoutPut()).pipe(other);
    else socket.pipe(other);
  }
}

/** Takes PUT out of what the server says that it allows; the answer is short and comes in one piece. */
function withoutPut(): Transform {
  return new Transform({
    transform(data: Buffer, _encoding, done) {
      done(null, Buffer.from(data.toString('latin1').replace(/^(Allow:.*) PUT,/m, '$1'), 'latin1'));
    },
  });
}

async function listen(port: number, onConnection: (socket: Socket) => void): Promise<Server | undefined> {
  const server = createServer({ allowHalfOpen: true }, onConnection);
  try {
    const listening = once(server, 'listening');
    server.listen(port, '127.0.0.1');
    await listening;
    return server;
  } catch {
    return undefined;
  }
}
