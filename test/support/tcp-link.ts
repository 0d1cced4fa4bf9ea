/**
 * A line between two programs that a test can cut and slow down: takes connections on a
 * port of its own and carries their bytes to another. A line that is cut says nothing to
 * either end, as a partition does; new connections are taken and stay silent as well.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

type Way = {
  readonly from: Socket;
  readonly to: Socket;
  /** When what was taken last arrives; nothing overtakes it. */
  lastDueMs: number;
};

export class TcpLink {
  /** Added to every piece, each way. */
  delayMs = 0;
  readonly #server: Server;
  readonly #ways = new Set<Way>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #isCut = false;

  private constructor(target: { readonly host: string; readonly port: number }) {
    this.#server = createServer((near) => {
      const far = connect(target);
      this.#carry({ from: near, to: far, lastDueMs: 0 });
      this.#carry({ from: far, to: near, lastDueMs: 0 });
    });
  }

  /** @param address `host:port` */
  static async to(address: string): Promise<TcpLink> {
    const [host = '', port] = address.split(':');
    const link = new TcpLink({ host, port: Number(port) });
    link.#server.listen(0, '127.0.0.1');
    await once(link.#server, 'listening');
    return link;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  cut(): void {
    this.#isCut = true;
    for (const { from } of this.#ways) from.pause();
  }

  /** Connections that lived through the cut go on where they stopped. */
  heal(): void {
    this.#isCut = false;
    for (const { from } of this.#ways) from.resume();
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const { from } of this.#ways) from.destroy();
    this.#server.close();
  }

  #carry(way: Way): void {
    const { from, to } = way;
    this.#ways.add(way);
    if (this.#isCut) from.pause();
    from.on('data', (data) => this.#later(way, () => to.write(data)));
    from.on('error', () => {});
    from.on('close', () => {
      this.#ways.delete(way);
      // Nobody hears of it while the line is cut.
      const end = (): void => {
        if (this.#isCut) this.#wait(100, end);
        else this.#later(way, () => to.destroy());
      };
      end();
    });
  }

  #later(way: Way, step: () => void): void {
    const nowMs = performance.now();
    way.lastDueMs = Math.max(way.lastDueMs, nowMs + this.delayMs);
    const waitMs = way.lastDueMs - nowMs;
    if (waitMs <= 0) step();
    // Timers of the same length fire in their order, and a later one is never shorter.
    else this.#wait(Math.ceil(waitMs), step);
  }

  #wait(ms: number, step: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      step();
    }, ms);
    this.#timers.add(timer);
  }
}
