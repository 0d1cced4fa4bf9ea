import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ServerProcess } from './server-process.ts';

const answerMs = 10_000;

/** One address for several edges: each request goes to the next of them. */
export class AlternatingProxy {
  /** Requests that each edge was given. */
  readonly counts: number[];
  readonly #server: Server;

  private constructor(edges: readonly Pick<ServerProcess, 'httpPort'>[]) {
    this.counts = edges.map(() => 0);
    let turn = 0;
    this.#server = createServer((incoming, answer) => {
      const index = turn % edges.length;
      turn += 1;
      this.counts[index] = this.counts[index]! + 1;
      const { method, url: path, headers } = incoming;
      const options = { host: '127.0.0.1', port: edges[index]!.httpPort, method, path, headers };
      const passed = request({ ...options, timeout: answerMs }, (reply) => {
        answer.writeHead(reply.statusCode ?? 502, reply.headers);
        reply.pipe(answer);
      });
      passed.on('timeout', () => passed.destroy(new Error('timed out')));
      passed.on('error', () => answer.destroy());
      answer.on('close', () => passed.destroy());
      incoming.pipe(passed);
    });
  }

  static async start(edges: readonly Pick<ServerProcess, 'httpPort'>[]): Promise<AlternatingProxy> {
    const proxy = new AlternatingProxy(edges);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
