/**
 * WebKitGTK's MiniBrowser on a display of its own, driven by WebKitWebDriver (W3C WebDriver).
 */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DrivenPage } from './driven-page.ts';
import { eventually } from './eventually.ts';
import { ProgramProcess } from './program-process.ts';

const startMs = 20_000;
const commandMs = 30_000;

export class WebkitBrowser implements DrivenPage {
  readonly #folder: string;
  readonly #display: ProgramProcess;
  #driver: ProgramProcess | undefined;
  #base = '';
  #session = '';

  private constructor(folder: string) {
    this.#folder = folder;
    this.#display = new ProgramProcess(
      'Xvfb',
      ['-displayfd', '1', '-screen', '0', '1024x768x24', '-nolisten', 'tcp'],
      { keepsStdout: true },
    );
  }

  /** @param env of its processes: that of the sound card, and what WebKit reads as settings */
  static async start(env: Readonly<Record<string, string>>): Promise<WebkitBrowser> {
    const browser = new WebkitBrowser(await mkdtemp(join(tmpdir(), 'legacystream-webkit-')));
    try {
      await browser.#begin(env);
      return browser;
    } catch (error) {
      const said = `${browser.#display.output}${browser.#driver?.output ?? ''}`;
      await browser.close();
      throw new Error(`${error}\n${said}`);
    }
  }

  async open(url: string): Promise<void> {
    await this.#send('POST', '/url', { url });
  }

  async evaluate<T>(expression: string): Promise<T> {
    const script = `const done = arguments[0];
      (async () => ${expression})().then((value) => done({ value }), (error) => done({ error: String(error) }));`;
    const answer = (await this.#send('POST', '/execute/async', { script, args: [] })) as {
      value: T;
      error?: string;
    };
    if (answer.error !== undefined) throw new Error(`${expression}: ${answer.error}`);
    return answer.value;
  }

  async press(selector: string): Promise<void> {
    const search = { using: 'css selector', value: selector };
    const element = (await this.#send('POST', '/element', search)) as Record<string, string>;
    await this.#send('POST', `/element/${Object.values(element)[0]}/click`, {});
  }

  async close(): Promise<void> {
    // The browser is a child of the driver, and goes with the session.
    if (this.#session !== '') await this.#send('DELETE', '', undefined).catch(() => {});
    await this.#driver?.stop();
    await this.#display.stop();
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  async #begin(env: Readonly<Record<string, string>>): Promise<void> {
    const display = await eventually(
      'Xvfb has a display',
      () => /^(\d+)\n/.exec(this.#display.stdout().toString())?.[1],
      startMs,
    );
    const port = await freePort();
    this.#base = `http://127.0.0.1:${port}`;
    this.#driver = new ProgramProcess('WebKitWebDriver', [`--port=${port}`, '--host=127.0.0.1'], {
      env: { ...env, HOME: this.#folder, DISPLAY: `:${display}`, NO_AT_BRIDGE: '1' },
    });
    const answers = () =>
      fetch(`${this.#base}/status`).then(
        ({ ok }) => ok,
        () => false,
      );
    await eventually('WebKitWebDriver answers', answers, startMs);
    const { sessionId } = (await this.#call('POST', '/session', { capabilities: {} })) as {
      sessionId: string;
    };
    this.#session = sessionId;
  }

  #send(method: string, path: string, body: object | undefined): Promise<unknown> {
    return this.#call(method, `/session/${this.#session}${path}`, body);
  }

  async #call(method: string, path: string, body: object | undefined): Promise<unknown> {
    const signal = AbortSignal.timeout(commandMs);
    const content = body && { body: JSON.stringify(body) };
    const response = await fetch(`${this.#base}${path}`, { method, signal, ...content });
    const { value } = (await response.json()) as { value: unknown };
    if (!response.ok) throw new Error(`${method} ${path}: ${JSON.stringify(value)}`);
    return value;
  }
}

/** It cannot say which port it has taken. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
