/** A host of a network that a test made (network-namespaces.ts): where programs run, and under which address they are reached. */
export type NetworkHost = {
  readonly name: string;
  /** IPv4, reached from the test and from every other host. */
  readonly address: string;
  readonly namespace: string;
};

/** The program and arguments by which a command runs on a host; the process keeps its id. Without a host: on this one. */
export function commandOn(
  host: NetworkHost | undefined,
  program: string,
  args: readonly string[],
): [program: string, args: string[]] {
  return host ? ['ip', ['netns', 'exec', host.namespace, program, ...args]] : [program, [...args]];
}
