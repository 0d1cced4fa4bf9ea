/**
 * The working end of a process of the benchmark: answers commands that come as messages
 * from {@link WorkerProcess} and ends when its parent has gone.
 */
export type CommandRequest = { readonly id: number; readonly command: string; readonly argument: unknown };
export type CommandAnswer = { readonly id: number; readonly result?: unknown; readonly error?: string };

export type CommandHandlers = Readonly<Record<string, (argument: never) => unknown>>;

export function serveCommands(handlers: CommandHandlers): void {
  const answer = (message: CommandAnswer) => {
    if (process.connected) process.send?.(message);
  };
  process.on('message', async ({ id, command, argument }: CommandRequest) => {
    try {
      const handler = handlers[command];
      if (!handler) throw new Error(`no such command: ${command}`);
      answer({ id, result: await handler(argument as never) });
    } catch (error) {
      answer({ id, error: error instanceof Error ? error.message : String(error) });
    }
  });
  process.once('disconnect', () => process.exit(0));
  // An interrupt from the terminal reaches the whole group; the parent says when to end.
  process.on('SIGINT', () => {});
}
