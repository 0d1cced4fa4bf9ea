/**
 * What a source says of its stream in `ice-*` or `icy-*` headers, in a request or in the
 * block of a SHOUTcast v1 source (protocols §1.4, §2.1).
 *
 * Header values are Latin-1 characters; they are read as UTF-8 where that is what they
 * were. Texts are single lines of at most 1 KiB without control characters, numbers are
 * bounded, links are never scripts; what does not fit or says nothing is absent.
 */
import type { StreamInfo } from '../mounts/mount-state.ts';
import { cleanTextBytes } from '../titles/clean-text.ts';
import { percentDecode, textOf } from './query.ts';

const maxTextBytes = 1024;
const maxAudioInfoPairs = 32;
/** Uncompressed surround sound at studio rates stays below these. */
const maxBitrateKbps = 50_000;
const maxSampleRateHz = 768_000;
const maxChannels = 255;

type Headers = ReadonlyMap<string, string>;

export function streamInfoOf(headers: Headers): StreamInfo {
  const audioInfo = textField(headers, decodePercent, 'ice-audio-info', 'icy-audio-info');
  const pairs = audioInfoPairs(headers.get('ice-audio-info') ?? headers.get('icy-audio-info') ?? '');
  const info: { -readonly [K in keyof StreamInfo]: StreamInfo[K] | undefined } = {
    name: textField(headers, asSent, 'ice-name', 'icy-name'),
    description: textField(headers, asSent, 'ice-description', 'icy-description'),
    genre: textField(headers, asSent, 'ice-genre', 'icy-genre'),
    url: harmlessUrl(textField(headers, asSent, 'ice-url', 'icy-url')),
    public: flag(headers.get('ice-public') ?? headers.get('icy-pub') ?? headers.get('icy-public')),
    bitrateKbps:
      count(headers.get('ice-bitrate'), maxBitrateKbps) ??
      count(headers.get('icy-br'), maxBitrateKbps) ??
      count(pairs.get('bitrate'), maxBitrateKbps),
    audioInfo,
    sampleRateHz: count(pairs.get('samplerate'), maxSampleRateHz),
    channels: count(pairs.get('channels'), maxChannels),
  };
  return Object.fromEntries(Object.entries(info).filter(([, value]) => value !== undefined));
}

/** A header value as one clean line of at most `maxBytes` bytes of UTF-8. */
export function wireText(value: string, maxBytes: number): string {
  return cleanTextBytes(textOf(asSent(value)), maxBytes);
}

function asSent(value: string): Uint8Array {
  return Buffer.from(value, 'latin1');
}

function decodePercent(value: string): Uint8Array {
  return percentDecode(asSent(value), false);
}

/** The first of these headers that has a text. */
function textField(
  headers: Headers,
  decode: (value: string) => Uint8Array,
  ...names: string[]
): string | undefined {
  for (const name of names) {
    const text = cleanTextBytes(textOf(decode(headers.get(name) ?? '')), maxTextBytes);
    if (text !== '') return text;
  }
  return undefined;
}

/** Keys in lower case without the `ice-` that some clients put before each; the first of a key wins. */
function audioInfoPairs(value: string): Map<string, string> {
  const pairs = new Map<string, string>();
  for (const pair of value.split(';', maxAudioInfoPairs)) {
    const split = pair.indexOf('=');
    const key = pair
      .slice(0, Math.max(0, split))
      .trim()
      .toLowerCase()
      .replace(/^ic[ey]-/, '');
    if (!pairs.has(key)) pairs.set(key, textOf(decodePercent(pair.slice(split + 1))));
  }
  return pairs;
}

/** A positive whole number at the start of the text: clients also send `128.0` and `128 kbps`. */
function count(text: string | undefined, max: number): number | undefined {
  const digits = /^\s*(\d{1,9})(?!\d)/.exec(text ?? '')?.[1];
  const value = Number(digits ?? 0);
  return value > 0 && value <= max ? value : undefined;
}

function flag(text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined;
  if (/^(?:1|true|yes|on)$/i.test(text)) return true;
  return /^(?:0|false|no|off|)$/i.test(text) ? false : undefined;
}

/** Status pages make links of it: a scheme that runs or embeds something is no address of a station. */
function harmlessUrl(url: string | undefined): string | undefined {
  return url !== undefined && /^(?:javascript|vbscript|data|file|blob):/i.test(url) ? undefined : url;
}
