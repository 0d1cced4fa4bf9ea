/**
 * Firefox without a window, driven by WebDriver BiDi (W3C) over the socket that it opens itself.
 */
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DrivenPage } from './driven-page.ts';
import { eventually } from './eventually.ts';
import { ProgramProcess } from './program-process.ts';

type Message = {
  readonly id?: number;
  readonly type: 'success' | 'error' | 'event';
  readonly result?: unknown;
  readonly method?: string;
  readonly params?: { readonly level?: string; readonly text?: string };
};
type Answer = { readonly resolve: (result: unknown) => void; readonly reject: (error: Error) => void };

const startMs = 30_000;
const commandMs = 30_000;

export class FirefoxBrowser implements DrivenPage {
  readonly #program: ProgramProcess;
  readonly #profile: string;
  #socket!: WebSocket;
  #context = '';
  #nextId = 1;
  readonly #waiting = new Map<number, Answer>();
  /** Errors of the pages that were opened. */
  readonly complaints: string[] = [];

  private constructor(program: ProgramProcess, profile: string) {
    this.#program = program;
    this.#profile = profile;
  }

  /** @param env of the process, such as that of its sound card */
  static async start(env: Readonly<Record<string, string>>): Promise<FirefoxBrowser> {
    const profile = await mkdtemp(join(tmpdir(), 'legacystream-firefox-'));
    // It looks for what is new at every start otherwise, on hosts that a test has no business with.
    await writeFile(join(profile, 'user.js'), 'user_pref("remote.prefs.recommended", true);\n');
    const args = ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port', '0'];
    const program = new ProgramProcess('firefox-esr', args, { env: { ...env, HOME: profile } });
    const browser = new FirefoxBrowser(program, profile);
    try {
      await browser.#connect();
      return browser;
    } catch (error) {
      await browser.close();
      throw new Error(`${error}\n${program.output}`);
    }
  }

  async open(url: string): Promise<void> {
    await this.#send('browsingContext.navigate', { context: this.#context, url, wait: 'complete' });
  }

  async evaluate<T>(expression: string): Promise<T> {
    const { type, result, exceptionDetails } = (await this.#send('script.evaluate', {
      expression: `(async () => JSON.stringify({ value: await (${expression}) }))()`,
      target: { context: this.#context },
      awaitPromise: true,
    })) as { type: string; result: { value: string }; exceptionDetails?: { text: string } };
    if (type !== 'success') throw new Error(`${expression}: ${exceptionDetails?.text}`);
    return (JSON.parse(result.value) as { value: T }).value;
  }

  async press(selector: string): Promise<void> {
    const { context } = { context: this.#context };
    const locator = { type: 'css', value: selector };
    const { nodes } = (await this.#send('browsingContext.locateNodes', { context, locator })) as {
      nodes: { sharedId: string }[];
    };
    if (!nodes[0]) throw new Error(`there is no ${selector}`);
    await this.evaluate(
      `document.querySelector(${JSON.stringify(selector)}).scrollIntoView({ block: 'center' })`,
    );
    const origin = { type: 'element', element: { sharedId: nodes[0].sharedId } };
    const actions = [
      { type: 'pointerMove', x: 0, y: 0, origin },
      { type: 'pointerDown', button: 0 },
      { type: 'pointerUp', button: 0 },
    ];
    await this.#send('input.performActions', {
      context,
      actions: [{ type: 'pointer', id: 'mouse', actions }],
    });
  }

  async close(): Promise<void> {
    this.#socket?.close();
    await this.#program.stop();
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  async #connect(): Promise<void> {
    const address = await eventually(
      'Firefox opens its socket',
      () => /WebDriver BiDi listening on (ws:\S+)/.exec(this.#program.output)?.[1],
      startMs,
    );
    this.#socket = new WebSocket(`${address}/session`);
    await once(this.#socket, 'open', { signal: AbortSignal.timeout(startMs) });
    this.#socket.addEventListener('message', ({ data }) => this.#take(JSON.parse(String(data)) as Message));
    this.#socket.addEventListener('close', () => this.#failAll());
    await this.#send('session.new', { capabilities: {} });
    await this.#send('session.subscribe', { events: ['log.entryAdded'] });
    const tab = (await this.#send('browsingContext.create', { type: 'tab' })) as { context: string };
    this.#context = tab.context;
  }

  #send(method: string, params: object): Promise<unknown> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`Firefox does not answer ${method}`)), commandMs);
      const settle = () => {
        clearTimeout(timer);
        this.#waiting.delete(id);
      };
      this.#waiting.set(id, {
        resolve: (result) => {
          settle();
          resolve(result);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      });
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }

  #take(message: Message): void {
    const { id, type, params } = message;
    const answer = id === undefined ? undefined : this.#waiting.get(id);
    if (type === 'event') {
      if (message.method === 'log.entryAdded' && params?.level === 'error')
        this.complaints.push(params.text ?? '');
    } else if (type === 'success') {
      answer?.resolve(message.result);
    } else {
      answer?.reject(new Error(JSON.stringify(message)));
    }
  }

  #failAll(): void {
    for (const { reject } of [...this.#waiting.values()]) reject(new Error('Firefox is gone'));
  }
}
