/**
 * The settings of a `[Mount /path]` section. Where a mount says nothing and the setting
 * `inherits` a plain one, that one speaks; its own default then only documents.
 */
import { type Static, Type } from 'typebox';
import { choice, integer, list, password, seconds, secret, text, toggle } from './setting-schema.ts';
import { settingsSchema } from './settings-schema.ts';

const { auth, streaming, hls } = settingsSchema.properties;
const { defaultLatency, bufferSize, sourceTimeout, linger, metaInterval, maxDelivery, holdTimeout } =
  streaming.properties;

/** A plain setting once more, for one mount. */
function own<S extends object>(schema: S, inherits: string, description?: string): S {
  const { setting } = schema as { setting?: object };
  return { ...schema, ...(description ? { description } : {}), setting: { ...setting, inherits } };
}

export const mountSchema = Type.Object(
  {
    sourceUser: own(auth.properties.sourceUser, 'auth.sourceUser', 'User name of the source.'),
    sourcePassword: password('Password of the source, in clear or hashed by `legacystream hash-password`.', {
      inherits: 'auth.sourcePassword',
    }),
    sourcePasswordFile: text('', 'File that holds SourcePassword.', { fileOf: 'sourcePassword' }),
    sid: integer(0, { minimum: 0, maximum: 2_147_483_647 }, 'SHOUTcast stream id of the mount. 0: none.'),
    takeover: choice(
      'auto',
      ['auto', 'replace', 'reject', 'standby'],
      'What a second source meets while the first is on air. `auto` refuses it while the first delivers and lets it in once the first is silent, `replace` always lets it in, `reject` never does, `standby` lets it wait until the first falls silent or drops and then puts it on air within a second.',
    ),
    hidden: toggle(false, 'Leave the mount out of public lists and pages.'),
    maxListeners: integer(0, { minimum: 0, maximum: 10_000_000 }, 'Most listeners at once. 0: no limit.'),
    listenerAuth: choice(
      'off',
      ['off', 'htpasswd', 'url'],
      'Who may listen. `off`: everybody. `htpasswd`: who has a name and password in `ListenerPasswordFile`. `url`: who is let in by `ListenerAddUrl`, as Icecast asks it.',
    ),
    listenerPasswordFile: text(
      '',
      'File of `user:hash` lines: Icecast’s MD5, `$apr1$`, or as `legacystream hash-password` prints them. Read again when it has changed.',
    ),
    listenerAddUrl: secret('URL that is asked for each listener; may hold `user:password@`.', {
      format: 'httpUrl',
    }),
    listenerRemoveUrl: secret('URL that is told when a listener who was let in has gone.', {
      format: 'httpUrl',
    }),
    authUser: text(
      '',
      'User for both URLs. Empty: that of the URL, else the listener’s own name and password.',
      {
        format: 'optionalName',
      },
    ),
    authPassword: secret('Password for both URLs.'),
    authPasswordFile: text('', 'File that holds AuthPassword.', { fileOf: 'authPassword' }),
    authHeader: text(
      'icecast-auth-user: 1',
      'Header of the answer that lets a listener in. The default is compared whole, another one as a beginning.',
      { format: 'headerLine' },
    ),
    timelimitHeader: text(
      'icecast-auth-timelimit:',
      'Header of the answer with the seconds after which the listener is ended.',
      { format: 'headerLine' },
    ),
    authForwardHeaders: list('headerName', 'Headers of the listener that are passed on to `ListenerAddUrl`.'),
    authHeaderPrefix: text('', 'Put before the names of those in the request, such as `ClientHeader.`.', {
      format: 'formName',
    }),
    authTimeout: seconds(
      10,
      { minimum: 0.1, maximum: 60 },
      'How long a listener waits for the answer of `ListenerAddUrl`.',
    ),
    authFailure: choice(
      'refuse',
      ['refuse', 'allow'],
      'What becomes of listeners while `ListenerAddUrl` gives no answer.',
    ),
    linger: own(linger, 'streaming.linger'),
    sourceTimeout: own(sourceTimeout, 'streaming.sourceTimeout'),
    defaultLatency: own(defaultLatency, 'streaming.defaultLatency'),
    bufferSize: own(bufferSize, 'streaming.bufferSize'),
    metaInterval: own(metaInterval, 'streaming.metaInterval'),
    maxDelivery: own(maxDelivery, 'streaming.maxDelivery'),
    holdTimeout: own(holdTimeout, 'streaming.holdTimeout'),
    hls: own(hls.properties.enabled, 'hls.enabled'),
    hlsWindow: own(hls.properties.window, 'hls.window'),
    hlsLowLatency: own(hls.properties.lowLatency, 'hls.lowLatency'),
    hlsContainer: own(hls.properties.container, 'hls.container'),
    charset: text('', 'Character set of titles that are not UTF-8. Empty: Latin-1.', { format: 'charset' }),
    name: text('', 'Name of the stream. Empty, here and below: what the source says.', { format: 'line' }),
    description: text('', 'Description of the stream.', { format: 'line' }),
    genre: text('', 'Genre of the stream.', { format: 'line' }),
    url: text('', 'Web page of the stream.', { format: 'httpUrl' }),
    public: choice(
      'auto',
      ['auto', 'true', 'false'],
      'Whether the stream may be listed in directories. `auto`: what the source says.',
    ),
    bitrate: integer(
      0,
      { minimum: 0, maximum: 100_000 },
      'Bit rate to announce, in kilobits a second. 0: what the source says or the audio shows.',
    ),
  },
  {
    title: 'Mount',
    description:
      'One stream: `[Mount /live.mp3]`. A section whose path holds `*`, such as `[Mount /club/*]`, is a template for all that match.',
  },
);

export type MountSettings = Static<typeof mountSchema>;
