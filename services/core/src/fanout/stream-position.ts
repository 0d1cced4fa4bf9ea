/**
 * A place in the audio sequence of a mount, the same on every edge (decision 8): the
 * message (epoch, seq), and how many bytes of the stream after that message's first one.
 * The bytes may be more than the message has: whoever is given a position reads it forward
 * by adding what it has received since.
 *
 * Written as `<epoch>.<seq>.<byte>`, each a decimal number below 2^53.
 */
export type StreamPosition = { readonly epoch: number; readonly seq: number; readonly byte: number };

const written = /^(\d{1,16})\.(\d{1,16})\.(\d{1,16})$/;

/** @returns undefined for what {@link formatStreamPosition} would not have written */
export function parseStreamPosition(text: string): StreamPosition | undefined {
  const [, epoch, seq, byte] = (written.exec(text) ?? []).map(Number);
  if (epoch === undefined || seq === undefined || byte === undefined) return undefined;
  return [epoch, seq, byte].every(Number.isSafeInteger) ? { epoch, seq, byte } : undefined;
}

export function formatStreamPosition({ epoch, seq, byte }: StreamPosition): string {
  return `${epoch}.${seq}.${byte}`;
}
