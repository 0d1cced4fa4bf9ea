/**
 * The headers by which a listener learns what a stream is (protocols §4.2): `icy-*` in
 * alphabetical order as Icecast gives them, with `ice-audio-info` before them.
 *
 * Values are one line of text each, whatever the state they were made from holds, and are
 * written as UTF-8.
 */
import type { StreamInfo } from '../mounts/mount-state.ts';
import { cleanTextBytes } from '../titles/clean-text.ts';

const maxValueBytes = 1024;

export function echoHeaders(info: StreamInfo): [name: string, value: string][] {
  const values: [name: string, value: string | undefined][] = [
    ['ice-audio-info', info.audioInfo],
    ['icy-br', info.bitrateKbps?.toString()],
    ['icy-description', info.description],
    ['icy-genre', info.genre],
    ['icy-name', info.name],
    ['icy-pub', info.public === undefined ? undefined : info.public ? '1' : '0'],
    ['icy-url', info.url],
  ];
  return values.flatMap(([name, value]): [string, string][] => {
    const line = cleanTextBytes(value ?? '', maxValueBytes);
    return line === '' ? [] : [[name, line]];
  });
}
