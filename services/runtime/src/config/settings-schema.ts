/**
 * Every setting of the plain sections: the one place that their types, defaults,
 * validation, sample file and documentation come from. A section's `title` is its
 * name in the INI file; a key's name there is the property with a capital letter.
 */
import { type Static, Type } from 'typebox';
import {
  busSchema,
  clusterSchema,
  controlSchema,
  edgeSchema,
  ingestSchema,
  storeSchema,
} from './cluster-schema.ts';
import { hlsSchema } from './hls-schema.ts';
import { serverSchema } from './server-schema.ts';
import {
  bytes,
  choice,
  integer,
  list,
  password,
  port,
  seconds,
  secret,
  text,
  toggle,
} from './setting-schema.ts';

const telemetry = Type.Object(
  {
    port: port(9090, 'Port for /metrics, /livez, /readyz and /lbz. 0 takes any free one.'),
    bindAddress: text(
      '127.0.0.1',
      'Address that the telemetry port listens on. In a container it is usually `::`.',
      { format: 'address' },
    ),
  },
  { title: 'Telemetry', description: 'Metrics and health checks, on a port of their own.' },
);

const auth = Type.Object(
  {
    sourceUser: text('source', 'User name of sources. A [Mount] may have its own.', { format: 'name' }),
    sourcePassword: password(
      'Password of sources, in clear or hashed by `legacystream hash-password`. A [Mount] may have its own. Empty: no source can log in, unless its mount says otherwise.',
    ),
    sourcePasswordFile: text('', 'File that holds SourcePassword.', { fileOf: 'sourcePassword' }),
    adminUser: text('admin', 'User name of the administrator.', { format: 'name' }),
    adminPassword: password(
      'Password of the administrator, in clear or hashed. Empty: no administrator can log in.',
    ),
    adminPasswordFile: text('', 'File that holds AdminPassword.', { fileOf: 'adminPassword' }),
    relayUser: text('relay', 'User name of servers that relay streams from here.', { format: 'name' }),
    relayPassword: password(
      'Password of servers that relay streams from here, in clear or hashed. Empty: no relay can log in.',
    ),
    relayPasswordFile: text('', 'File that holds RelayPassword.', { fileOf: 'relayPassword' }),
  },
  { title: 'Auth', description: 'Who may send streams and who may administer.' },
);

const access = Type.Object(
  {
    allowIp: list(
      'ipRange',
      'Addresses that may listen, and nobody else. Empty: everybody may. Behind a proxy of TrustedProxies it is the listener’s own address that counts.',
    ),
    denyIp: list('ipRange', 'Addresses that may not listen, even where AllowIp has them.'),
    denyUserAgent: list(
      'userAgent',
      'Players that may not listen, by their User-Agent, case ignored. `*` stands for any characters, also for a comma, which cannot be written here.',
    ),
  },
  {
    title: 'Access',
    description: 'Who may listen. Sources and the admin interface are not concerned.',
  },
);

const ssl = Type.Object(
  {
    enabled: toggle(
      false,
      'Open the HTTPS port. Needs a certificate: the two paths below, or [LetsEncrypt] Domains.',
    ),
    certificatePath: text(
      '',
      'PEM file with the certificate and its chain. A relative path starts at the working directory.',
    ),
    privateKeyPath: text('', 'PEM file with the private key.'),
    keyExchange: text(
      'X25519:P-256:P-384',
      'Groups for the key exchange. `X25519MLKEM768:X25519:P-256:P-384` protects what is recorded today from the quantum computers of later, for 10 KB more of each listener; `auto` is all that OpenSSL has, that one first.',
      { format: 'keyExchange' },
    ),
    autoRenew: toggle(true, 'Renew certificates from [LetsEncrypt] before they run out.'),
  },
  { title: 'SSL', description: 'TLS for sources and listeners.' },
);

const streaming = Type.Object(
  {
    defaultLatency: seconds(
      5,
      { minimum: 0, maximum: 600 },
      'Audio that a new listener is given at once, so that playback starts without a wait.',
    ),
    maxLatency: seconds(
      60,
      { minimum: 0.1, maximum: 3600 },
      'How far a listener may fall behind before it is moved forward. It is also how much of each stream is kept.',
    ),
    bufferSize: bytes(
      65_536,
      { minimum: 0, maximum: 16 * 1024 * 1024 },
      'Most bytes that a new listener is given at once; `DefaultLatency` bounds the same in seconds, and whichever is reached first counts.',
    ),
    enableCompression: toggle(
      true,
      'Compress pages and playlists for clients that ask for it. Audio is never compressed.',
    ),
    sourceTimeout: seconds(
      10,
      { minimum: 0.1, maximum: 3600 },
      'Silence after which a source’s connection is closed.',
    ),
    linger: seconds(
      15,
      { minimum: 0, maximum: 86_400 },
      'How long listeners are kept after their source dropped, for it to come back.',
    ),
    metaInterval: bytes(
      16_000,
      { minimum: 256, maximum: 60_000 },
      'Audio bytes between two title blocks for players that ask for titles (icy-metaint).',
    ),
    maxDelivery: seconds(
      2,
      { minimum: 0.01, maximum: 10 },
      'Largest time between two writes to a listener, reached by large audiences only, and never more than half of what a new listener is given at once. Fewer and larger writes cost less.',
    ),
    holdTimeout: seconds(
      15,
      { minimum: 0, maximum: 3600 },
      'How long a new listener of a mount without audio is held before it is answered 404 or 503. It applies to declared mounts and to those whose source has just dropped.',
    ),
  },
  {
    title: 'Streaming',
    description: 'Delays and buffers. Most of these may be set for each [Mount] as well.',
  },
);

const letsEncrypt = Type.Object(
  {
    email: text('', 'Address for the certificate authority’s notices.', { format: 'line' }),
    domains: list('domain', 'Names to obtain a certificate for. Empty: none is obtained.'),
    staging: toggle(false, 'Use the authority’s test service, whose certificates no player trusts.'),
  },
  { title: 'LetsEncrypt', description: 'Certificates obtained and renewed automatically.' },
);

const cloudflare = Type.Object(
  {
    apiToken: secret('Token that may edit DNS records, for certificates proved through DNS.'),
    apiTokenFile: text('', 'File that holds ApiToken.', { fileOf: 'apiToken' }),
    zoneId: text('', 'Id of the DNS zone. Empty: found from the domain.', { format: 'line' }),
  },
  { title: 'Cloudflare', description: 'DNS at Cloudflare, for certificates proved through DNS.' },
);

const limits = Type.Object(
  {
    headBytes: bytes(16_384, { minimum: 512, maximum: 1_048_576 }, 'Largest request head.'),
    headLines: integer(128, { minimum: 8, maximum: 2000 }, 'Most header lines of a request.'),
    headTimeout: seconds(
      15,
      { minimum: 0.1, maximum: 300 },
      'Time in which a request head must be complete.',
    ),
    targetBytes: bytes(8192, { minimum: 256, maximum: 65_536 }, 'Longest request target (path and query).'),
    bodyBytes: bytes(
      65_536,
      { minimum: 256, maximum: 16 * 1024 * 1024 },
      'Largest body of a request that is not a stream.',
    ),
    maxSources: integer(1000, { minimum: 1, maximum: 100_000 }, 'Most sources connected at once.'),
    authFailures: integer(
      10,
      { minimum: 1, maximum: 10_000 },
      'Wrong passwords in a minute, for one address and mount, before further ones are answered 429.',
    ),
    maxListenerQueue: bytes(
      1_048_576,
      { minimum: 4096, maximum: 1024 * 1024 * 1024 },
      'Bytes that may wait for one slow listener before it is moved forward or cut.',
    ),
  },
  { title: 'Limits', description: 'Bounds on what clients may ask for.' },
);

const log = Type.Object(
  {
    level: choice(
      'info',
      ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
      'Least severity that is logged.',
    ),
    format: choice(
      'auto',
      ['auto', 'json', 'pretty'],
      'How log lines look. `auto` is pretty on a terminal, else JSON.',
    ),
    file: text('', 'File for the log. Empty: standard output.'),
    accessLog: text(
      '',
      'File for the access log in Icecast’s format, `-` for standard output, or `off`. Empty: access.log in DataDir of a standalone server.',
    ),
  },
  { title: 'Log', description: 'What is written down, and where.' },
);

export const settingsSchema = Type.Object({
  server: serverSchema,
  telemetry,
  cluster: clusterSchema,
  bus: busSchema,
  store: storeSchema,
  ingest: ingestSchema,
  edge: edgeSchema,
  control: controlSchema,
  auth,
  access,
  ssl,
  streaming,
  hls: hlsSchema,
  letsEncrypt,
  cloudflare,
  limits,
  log,
});

/** The plain sections, before mounts are added; see settings.ts for the whole. */
export type PlainSettings = Static<typeof settingsSchema>;
