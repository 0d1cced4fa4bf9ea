/**
 * Answers requests: with what the responder returns, or with a status that says that it
 * failed. Answers go to inboxes only, so that nobody has this pod publish elsewhere by
 * asking, and the number of responders at work is bounded.
 */
import { isSubject } from '@legacystream/core/bus/subject-pattern.ts';
import type { BusResponder } from '@legacystream/core/ports/bus.ts';
import { headers, type Msg } from '@nats-io/transport-node';
import type { SendOptions } from './nats-publisher.ts';

/** The status of an answer whose responder failed. */
export const responderFailed = 500;

const inbox = /^_INBOX[._-]/;
const maxAnswering = 1_000;

export type NatsAnswersOptions = {
  /** @returns whether it was sent */
  readonly send: (reply: string, data: Uint8Array, options?: SendOptions) => boolean;
  readonly onError: (error: unknown, subject: string) => void;
};

export class NatsAnswers {
  readonly #options: NatsAnswersOptions;
  #answering = 0;

  constructor(options: NatsAnswersOptions) {
    this.#options = options;
  }

  answer(message: Msg, responder: BusResponder): void {
    const { send, onError } = this.#options;
    const { reply } = message;
    if (!reply || !isInbox(reply)) return;
    if (this.#answering >= maxAnswering) return this.#sendFailure(reply);
    this.#answering += 1;
    const on = message.subject;
    Promise.try(() => responder(message.data, on))
      .then(
        (answer) => {
          if (!send(reply, answer)) this.#sendFailure(reply);
        },
        (error: unknown) => {
          onError(error, on);
          this.#sendFailure(reply);
        },
      )
      .catch((error: unknown) => onError(error, on))
      .finally(() => {
        this.#answering -= 1;
      });
  }

  #sendFailure(reply: string): void {
    this.#options.send(reply, new Uint8Array(0), { headers: headers(responderFailed, 'responder failed') });
  }
}

/** Whether answers may go there. */
export function isInbox(subject: string): boolean {
  return inbox.test(subject) && isSubject(subject);
}
