/** The `[Hls]` section; most of it may be set for each [Mount] as well. */
import { Type } from 'typebox';
import { bytes, choice, seconds, secret, text, toggle } from './setting-schema.ts';

export const hlsSchema = Type.Object(
  {
    enabled: toggle(
      true,
      'Serve mounts as HLS too, at `/<mount>/playlist.m3u8`, where their codec allows it.',
    ),
    segmentDuration: seconds(
      4,
      { minimum: 1, maximum: 30 },
      'Length of a segment. Players of every mount’s renditions need the same, so that it cannot be set for one.',
    ),
    window: seconds(
      40,
      { minimum: 3, maximum: 86_400 },
      'How much audio a playlist lists, that is how far back a listener may go.',
    ),
    lowLatency: toggle(
      true,
      'List parts of segments, so that players can be some two seconds behind live. They ask several times a second then. MP3 has no parts.',
    ),
    partDuration: seconds(
      0.5,
      { minimum: 0.1, maximum: 5 },
      'Longest part of a segment. Low latency players stay three of them behind live.',
    ),
    container: choice(
      'auto',
      ['auto', 'packed', 'fmp4'],
      'How audio is wrapped. `packed`: frames as they are (MP3, AAC), as the oldest players know it. `fmp4`: fragments of MP4 (AAC, Opus, FLAC), which low latency needs. `auto`: `packed` for MP3, else `fmp4`.',
    ),
    counting: choice(
      'token',
      ['token', 'address', 'off'],
      'How listeners are told apart. `token`: by a signed word in the address of the media playlist, without cookies. `address`: by IP address and user agent, which counts those behind one address as one. `off`: not at all, for a delivery network in front that caches everything.',
    ),
    tokenKey: secret(
      'What tokens are signed with, the same on every server. Empty: made up and kept in the store.',
    ),
    tokenKeyFile: text('', 'File that holds TokenKey.', { fileOf: 'tokenKey' }),
    cacheSize: bytes(
      128 * 1024 * 1024,
      { minimum: 1024 * 1024, maximum: 64 * 1024 * 1024 * 1024 },
      'Memory for segments on each server that serves listeners; what does not fit is read from the store again.',
    ),
  },
  { title: 'Hls', description: 'HTTP Live Streaming.' },
);
