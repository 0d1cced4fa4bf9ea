/**
 * What ends a process: SIGTERM and SIGINT close it in order and exit with 0, the second
 * one exits at once with 1. An uncaught exception is logged and closes it in order with
 * exit code 1; a rejection that nobody handled is logged, for the streams it did not touch
 * go on. SIGHUP asks for log files to be reopened.
 */
import type { EventEmitter } from 'node:events';
import type { Log } from './log.ts';

export type SignalHandlersOptions = {
  readonly log: Log;
  /** Closes everything in order; never rejects, and may be called again. */
  readonly close: () => Promise<void>;
  readonly onHangup?: () => void;
  /** What the signals come from: the process itself, but in tests. */
  readonly source?: EventEmitter;
  readonly exit?: (code: number) => void;
};

/** Gives what takes the handlers away again. */
export function installSignalHandlers(options: SignalHandlersOptions): () => void {
  const { log, close } = options;
  const source: EventEmitter = options.source ?? process;
  const exit = options.exit ?? ((code) => process.exit(code));
  let exitCode: number | undefined;

  const closeThenExit = (code: number): void => {
    const isClosing = exitCode !== undefined;
    exitCode = Math.max(exitCode ?? 0, code);
    if (!isClosing) void close().finally(() => exit(exitCode ?? code));
  };
  let signals = 0;
  const onSignal = (signal: unknown): void => {
    if (++signals > 1) {
      log.warn('process.aborted', { signal }, 'a second signal ends the process at once');
      exit(1);
      return;
    }
    log.info('process.signalled', { signal }, 'closing');
    closeThenExit(0);
  };
  const onException = (error: unknown): void => {
    log.error('exception.escaped', { error }, 'an uncaught exception closes the process');
    closeThenExit(1);
  };
  const onRejection = (error: unknown): void => {
    log.error('rejection.escaped', { error }, 'a rejection was not handled');
  };
  const onHangup = (): void => options.onHangup?.();

  const handlers: readonly (readonly [string, (value: unknown) => void])[] = [
    ['SIGTERM', onSignal],
    ['SIGINT', onSignal],
    ['SIGHUP', onHangup],
    ['uncaughtException', onException],
    ['unhandledRejection', onRejection],
  ];
  for (const [event, handler] of handlers) source.on(event, handler);
  return () => {
    for (const [event, handler] of handlers) source.off(event, handler);
  };
}
