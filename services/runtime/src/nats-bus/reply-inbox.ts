/**
 * Answers to requests: one wildcard subscription for all of them, where every request has
 * a subject of its own that nobody can guess, so that a responder can answer only what it
 * was asked. An answer is never trusted to be well-formed.
 */
import { randomBytes } from 'node:crypto';
import type { Msg } from '@nats-io/transport-node';

/** A message with the status that came in its headers: 0 without one, 503 for "no responders". */
export type Answer = {
  readonly data: Uint8Array;
  readonly status: number;
  /** The value of a header, or an empty text. */
  header(name: string): string;
};

export type OnAnswer = (answer: Answer) => void;
export type Publish = (subject: string, data: Uint8Array, reply: string) => boolean;

type Question = { readonly subject: string; readonly onAnswer: OnAnswer; readonly onRefused: () => void };

const maxQuestions = 10_000;

export class ReplyInbox {
  /** To be subscribed to on every connection, with {@link receive}. */
  readonly pattern: string;
  readonly #prefix: string;
  readonly #publish: Publish;
  readonly #questions = new Map<string, Question>();

  constructor(prefix: string, publish: Publish) {
    this.#prefix = `${prefix}.${randomBytes(12).toString('hex')}.`;
    this.pattern = `${this.#prefix}*`;
    this.#publish = publish;
  }

  /**
   * Sends a request; answers come until the returned function is called. `onRefused` is
   * called at most once, when it could not be sent or may not be.
   */
  ask(subject: string, data: Uint8Array, onAnswer: OnAnswer, onRefused: () => void): () => void {
    const reply = this.#prefix + randomBytes(12).toString('hex');
    const question: Question = { subject, onAnswer, onRefused };
    if (this.#questions.size >= maxQuestions || !this.#publish(subject, data, reply)) {
      queueMicrotask(onRefused);
      return () => {};
    }
    this.#questions.set(reply, question);
    return () => void this.#questions.delete(reply);
  }

  receive(message: Msg): void {
    const question = this.#questions.get(message.subject);
    if (!question) return;
    const { headers } = message;
    const header = (name: string): string => headers?.get(name) ?? '';
    question.onAnswer({ data: message.data, status: headers?.code ?? 0, header });
  }

  /** The server does not let this user publish to `subject`: whoever asked there is told. */
  refuse(subject: string): void {
    for (const [reply, question] of this.#questions) {
      if (question.subject !== subject) continue;
      this.#questions.delete(reply);
      question.onRefused();
    }
  }
}
