/**
 * The bus over NATS (port `Bus`, design §6): core publish and subscribe for everything
 * live, a JetStream stream for history, and the publisher's own ring for what a broken
 * connection swallowed or the stream missed.
 *
 * Opening never fails for want of a server: the bus connects when there is one. After a
 * reconnect the audio that may have been lost is published again, in order and before newer
 * audio; readers know it by its epoch and sequence number. So an audio message may arrive
 * more than once, also at a subscription that is younger. Anything else that is published
 * without a connection is dropped and counted.
 */
import { isSubject, isSubjectPattern } from '@legacystream/core/bus/subject-pattern.ts';
import type { Clock, Timer } from '@legacystream/core/clock.ts';
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import type {
  Bus,
  BusHandler,
  BusResponder,
  HistoryBounds,
  Subscription,
} from '@legacystream/core/ports/bus.ts';
import type { NatsConnection } from '@nats-io/transport-node';
import { OncePerInterval } from '../once-per-interval.ts';
import { AudioHistory } from './audio-history.ts';
import { AudioStream } from './audio-stream.ts';
import { CallLimit } from './call-limit.ts';
import { isInbox, NatsAnswers, responderFailed } from './nats-answers.ts';
import type { NatsBusOptions, NatsBusStats, NatsStatus } from './nats-bus-options.ts';
import { connectionOptionsOf } from './nats-connection-options.ts';
import { NatsLink, reasonOf } from './nats-link.ts';
import { NatsPublisher } from './nats-publisher.ts';
import { NatsSubscriptions } from './nats-subscriptions.ts';
import { ReplyInbox } from './reply-inbox.ts';
import { TailExchange } from './tail-exchange.ts';
import { mergeTails, newestWithin } from './tail-parts.ts';

/** Of the responders of a subject, the server asks one of this group. */
const responderGroup = 'ls';
const noResponders = 503;
const maxReads = 16;
const maxWaitingReads = 1_000;
const historyFailureEveryMs = 30_000;
/** For the stream, once its publisher has given its own tail. */
const streamGraceMs = 250;
const expireEveryMs = 5_000;
const flushOnCloseMs = 1_500;
const maxRefusalsTold = 100;

export class NatsBus implements Bus {
  readonly stats: NatsBusStats = {
    published: 0,
    delivered: 0,
    dropped: 0,
    handlerErrors: 0,
    reconnects: 0,
    republished: 0,
    historyFailures: 0,
  };
  readonly #options: NatsBusOptions;
  readonly #clock: Clock;
  readonly #publisher: NatsPublisher;
  readonly #subscriptions = new NatsSubscriptions();
  readonly #inbox: ReplyInbox;
  readonly #stream: AudioStream;
  readonly #history: AudioHistory;
  readonly #tails: TailExchange;
  readonly #answers: NatsAnswers;
  readonly #historyFailures: OncePerInterval;
  readonly #reads = new CallLimit(maxReads, maxWaitingReads);
  readonly #link: NatsLink;
  readonly #expiry: Timer;
  /** Called when the bus closes. */
  readonly #requests = new Set<() => void>();
  readonly #waitingForLink = new Set<() => void>();
  readonly #refusalsTold = new Set<string>();
  #wasConnected = false;
  #closing: Promise<void> | undefined;

  /** @throws LegacyStreamError LS_CONFIG_INVALID or LS_CONFIG_UNREADABLE for options that can never work */
  constructor(options: NatsBusOptions) {
    const { clock, audioPrefix, stream, inboxPrefix = '_INBOX.ls' } = options;
    mustBe(/^[A-Za-z0-9_-]{1,64}$/.test(stream.name), 'the name of the NATS stream');
    mustBe(audioPrefix.endsWith('.') && isSubject(audioPrefix.slice(0, -1)), 'the prefix of audio subjects');
    mustBe(isInbox(inboxPrefix), 'the inbox prefix; it begins with _INBOX');
    const connectionOptions = connectionOptionsOf(options);
    this.#options = options;
    this.#clock = clock;
    this.#publisher = new NatsPublisher(options, this.stats, {
      firstAudio: () => this.#offerTails(),
      dead: () => this.#link.restart('the server does not answer'),
    });
    this.#inbox = new ReplyInbox(inboxPrefix, (subject, data, reply) =>
      this.#publisher.send(subject, data, { reply }),
    );
    this.#subscriptions.add(this.#inbox.pattern, (message) => this.#inbox.receive(message));
    this.#historyFailures = new OncePerInterval(clock, historyFailureEveryMs);
    this.#history = new AudioHistory(clock, this.#inbox, stream.name);
    this.#tails = new TailExchange({
      clock,
      audioPrefix,
      inbox: this.#inbox,
      read: (subject, bounds) => this.#publisher.tail(subject, bounds),
      send: (reply, data) => this.#publisher.send(reply, data),
    });
    this.#answers = new NatsAnswers({
      send: (reply, data, how) => this.#publisher.send(reply, data, how),
      onError: (error, subject) => this.#reportHandlerError(error, subject),
    });
    this.#stream = new AudioStream({
      ...stream,
      clock,
      audioPrefix,
      inbox: this.#inbox,
      onStatus: (status) => this.#tell(status),
      onNew: () => this.#publisher.sendAllAgain(),
    });
    this.#expiry = clock.every(expireEveryMs, () => this.#publisher.expire());
    this.#link = new NatsLink({
      clock,
      servers: options.servers,
      usesTls: options.tls !== undefined,
      connectionOptions,
      onUp: (connection) => this.#up(connection),
      onDown: () => this.#down(),
      onRefused: (operation, subject) => this.#refused(operation, subject),
      onStatus: (status) => this.#tell(status),
    });
  }

  get connected(): boolean {
    return !this.#closing && this.#link.connection !== undefined;
  }

  publish(subject: string, data: Uint8Array): void {
    if (this.#closing || !isSubject(subject)) this.stats.dropped += 1;
    else this.#publisher.publish(subject, data);
  }

  subscribe(subject: string, handler: BusHandler): Subscription {
    mustBePattern(subject);
    if (this.#closing) return inert;
    const isLiteral = isSubject(subject);
    const seesAll = subject.startsWith('*') || subject.startsWith('>');
    return this.#subscriptions.add(subject, (message) => {
      // What asks for an answer is for responders, and inboxes are nobody else's.
      if (message.reply) return;
      const on = isLiteral ? subject : message.subject;
      if (seesAll && (on.startsWith('_INBOX') || on.startsWith('$'))) return;
      try {
        handler(message.data, on);
        this.stats.delivered += 1;
      } catch (error) {
        this.#reportHandlerError(error, on);
      }
    });
  }

  async history(subject: string, bounds: HistoryBounds): Promise<readonly Uint8Array[]> {
    const { connection } = this.#link;
    if (this.#closing || !connection) return [];
    if (!isSubject(subject) || !subject.startsWith(this.#options.audioPrefix)) return [];
    try {
      return await this.#reads.run(() => this.#readHistory(subject, bounds, connection));
    } catch (error) {
      this.#reportHistoryFailure(error);
      return [];
    }
  }

  request(subject: string, data: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    if (this.#closing) return Promise.reject(closedError());
    if (!isSubject(subject)) return Promise.reject(noResponderError(subject));
    return new Promise((resolve, reject) => {
      let stopAsking = (): void => {};
      const settle = (): void => {
        timer.cancel();
        stopAsking();
        this.#requests.delete(close);
        this.#waitingForLink.delete(ask);
      };
      const fail = (error: LegacyStreamError): void => {
        settle();
        reject(error);
      };
      const close = (): void => fail(closedError());
      const late = (): void =>
        fail(new LegacyStreamError('LS_BUS_TIMEOUT', `no answer on ${subject} within ${timeoutMs} ms`));
      const refuse = (): void => fail(noResponderError(subject));
      const ask = (): void => {
        stopAsking = this.#inbox.ask(
          subject,
          data,
          ({ data: answer, status }) => {
            if (answer.byteLength === 0 && status === noResponders) return refuse();
            if (answer.byteLength === 0 && status === responderFailed) return fail(failedError(subject));
            settle();
            resolve(answer);
          },
          refuse,
        );
      };
      const timer = this.#clock.after(timeoutMs, late);
      this.#requests.add(close);
      // A request may wait for the connection, within its own time.
      if (this.#link.connection) ask();
      else this.#waitingForLink.add(ask);
    });
  }

  respond(subject: string, responder: BusResponder): Subscription {
    mustBePattern(subject);
    if (this.#closing) return inert;
    return this.#subscriptions.add(
      subject,
      (message) => this.#answers.answer(message, responder),
      responderGroup,
    );
  }

  /** Settles when the server has everything that was published or subscribed before. */
  async flush(): Promise<void> {
    await this.#publisher.flush();
  }

  /** Sends what still waits, for a bounded time, and ends the connection. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#subscriptions.close();
    this.#expiry.cancel();
    this.#historyFailures.close();
    this.#stream.disconnected();
    // The promise of closing must be in place before anything can ask for it.
    await Promise.resolve();
    for (const fail of this.#requests) fail();
    const timeout = Promise.withResolvers<void>();
    const timer = this.#clock.after(flushOnCloseMs, timeout.resolve);
    await Promise.race([this.#publisher.flush().catch(() => {}), timeout.promise]);
    timer.cancel();
    this.#publisher.close();
    await this.#link.close();
  }

  #up(connection: NatsConnection): void {
    if (this.#wasConnected) this.stats.reconnects += 1;
    this.#wasConnected = true;
    // First the subscriptions: what this pod publishes may be for itself.
    this.#subscriptions.up(connection);
    this.#publisher.up(connection);
    this.#stream.connected(connection.info?.cluster);
    for (const ask of this.#waitingForLink) ask();
    this.#waitingForLink.clear();
  }

  #down(): void {
    this.#publisher.down();
    this.#subscriptions.down();
    this.#stream.disconnected();
  }

  /** From the stream, and what it lacks from those who publish. */
  async #readHistory(
    subject: string,
    bounds: HistoryBounds,
    connection: NatsConnection,
  ): Promise<Uint8Array[]> {
    const version = connection.info?.version ?? '';
    const reading = this.#history.read(subject, bounds, version).catch((error: unknown) => {
      this.#reportHistoryFailure(error);
      return [];
    });
    const tail = await this.#tails.ask(subject, bounds);
    // A stream without a leader answers nobody for seconds; what its publisher has is enough for
    // a gap and for a burst, and comes in time.
    const stored = tail.length > 0 ? await this.#within(streamGraceMs, reading) : await reading;
    return this.#closing ? [] : newestWithin(mergeTails(stored, tail), bounds.maxBytes);
  }

  async #within(graceMs: number, reading: Promise<Uint8Array[]>): Promise<Uint8Array[]> {
    const late = Promise.withResolvers<Uint8Array[]>();
    const timer = this.#clock.after(graceMs, () => late.resolve([]));
    try {
      return await Promise.race([reading, late.promise]);
    } finally {
      timer.cancel();
    }
  }

  #reportHistoryFailure(error: unknown): void {
    if (this.#closing) return;
    this.stats.historyFailures += 1;
    const reason = reasonOf(error);
    this.#historyFailures.report(() => this.#tell({ event: 'history.failed', reason }));
  }

  #offerTails(): void {
    this.#subscriptions.add(this.#tails.pattern, (message) => {
      const { reply } = message;
      if (reply && isInbox(reply)) this.#tails.answer(message, reply);
    });
  }

  #refused(operation: 'publish' | 'subscribe', subject: string): void {
    if (operation === 'publish') this.#inbox.refuse(subject);
    const refusal = `${operation} ${subject}`;
    if (this.#refusalsTold.has(refusal) || this.#refusalsTold.size >= maxRefusalsTold) return;
    this.#refusalsTold.add(refusal);
    this.#tell({ event: 'refused', operation, subject });
  }

  #reportHandlerError(error: unknown, subject: string): void {
    this.stats.handlerErrors += 1;
    try {
      this.#options.onHandlerError?.(error, subject);
    } catch {
      // A report that fails must not become the next failure of the bus.
    }
  }

  #tell(status: NatsStatus): void {
    try {
      this.#options.onStatus?.(status);
    } catch {
      // As above.
    }
  }
}

const inert: Subscription = { unsubscribe: () => {} };

function mustBe(isValid: boolean, what: string): void {
  if (!isValid) throw new LegacyStreamError('LS_CONFIG_INVALID', `${what} is not valid`);
}

function mustBePattern(subject: string): void {
  if (isSubjectPattern(subject)) return;
  throw new LegacyStreamError(
    'LS_PARAMETER_INVALID',
    `"${subject.slice(0, 100)}" is not a subject of the bus`,
  );
}

function closedError(): LegacyStreamError {
  return new LegacyStreamError('LS_CLOSED', 'the bus is closed');
}

function noResponderError(subject: string): LegacyStreamError {
  return new LegacyStreamError('LS_BUS_NO_RESPONDER', `nobody answers on ${subject.slice(0, 200)}`);
}

function failedError(subject: string): LegacyStreamError {
  return new LegacyStreamError('LS_BUS_RESPONDER_FAILED', `the responder on ${subject} failed`);
}
