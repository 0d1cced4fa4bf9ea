/**
 * What decides over listeners for Icecast's URL authentication: a real HTTP server that keeps
 * every request as it came and answers as the test wants, or never.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually } from './eventually.ts';

export type AuthCall = {
  readonly body: string;
  /** The fields of the body, decoded. */
  readonly fields: URLSearchParams;
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly atMs: number;
};

export type AuthAnswer = (call: AuthCall, response: ServerResponse) => void;

/** Lets everybody in. */
export const acceptAll: AuthAnswer = (_call, response) => {
  response.writeHead(200, { 'icecast-auth-user': '1' }).end();
};

export class AuthBackend {
  readonly calls: AuthCall[] = [];
  answer: AuthAnswer = acceptAll;
  /** The most requests that were under way at once. */
  peak = 0;
  #underWay = 0;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => void this.#take(request, response));
  }

  static async start(): Promise<AuthBackend> {
    const backend = new AuthBackend();
    await new Promise<void>((resolve) => backend.#server.listen(0, '127.0.0.1', resolve));
    return backend;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  of(action: string): AuthCall[] {
    return this.calls.filter(({ fields }) => fields.get('action') === action);
  }

  /** Waits for so many calls of an action. */
  until(action: string, count: number, timeoutMs?: number): Promise<AuthCall[]> {
    return eventually(
      `${count} calls of ${action}`,
      () => this.of(action).length >= count && this.of(action),
      timeoutMs,
    );
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#underWay += 1;
    this.peak = Math.max(this.peak, this.#underWay);
    response.once('close', () => {
      this.#underWay -= 1;
    });
    const pieces: Buffer[] = [];
    try {
      for await (const piece of request) pieces.push(piece as Buffer);
    } catch {
      return;
    }
    const body = Buffer.concat(pieces).toString('latin1');
    const { method = '', url = '', headers } = request;
    const call = { body, fields: new URLSearchParams(body), method, url, headers, atMs: performance.now() };
    this.calls.push(call);
    this.answer(call, response);
  }
}
