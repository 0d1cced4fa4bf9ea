/**
 * Timed metadata in fragmented MP4: an event message box of version 1 (ISO/IEC 23009-1 §5.10.3.3)
 * that carries an ID3 tag, as the AOM document "Carriage of ID3 Timed Metadata in the Common Media
 * Application Format" has it. The box stands before the fragment whose time it names.
 */
import type { BoxWriter } from './box-writer.ts';

const scheme = 'https://aomedia.org/emsg/ID3';
const unknownDuration = 0xffff_ffff;

export type EventMessage = {
  readonly timescale: number;
  /** When the tag takes effect, on the timeline of the media. */
  readonly atTicks: number;
  /** Messages with equal ids are one event, told again. */
  readonly id: number;
  /** A whole ID3v2.4 tag. */
  readonly tag: Uint8Array;
};

/** Box and version heads, then timescale, time, duration and id, then scheme and an empty value. */
const fixedBytes = 12 + 20 + scheme.length + 1 + 1;

export function eventMessageBytes(message: EventMessage): number {
  return fixedBytes + message.tag.length;
}

export function writeEventMessage(writer: BoxWriter, message: EventMessage): void {
  const box = writer.beginFull('emsg', 1, 0);
  writer.u32(message.timescale);
  writer.u64(message.atTicks);
  writer.u32(unknownDuration);
  writer.u32(message.id);
  writer.text(scheme);
  writer.zeros(2);
  writer.data(message.tag);
  writer.end(box);
}
