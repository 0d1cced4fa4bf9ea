/**
 * Every setting of the plain sections: the one place that their types, defaults,
 * validation, sample file and documentation come from. A section's `title` is its
 * name in the INI file; a key's name there is the property with a capital letter.
 */
import { type Static, Type } from 'typebox';
import { hlsSchema } from './hls-schema.ts';
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
  wordOrInteger,
} from './setting-schema.ts';

const server = Type.Object(
  {
    httpPort: port(
      8000,
      'Port for everything without TLS: sources, listeners, pages and the admin interface. 0 takes any free one.',
    ),
    httpsPort: port(
      8443,
      'Port for everything with TLS, opened when [SSL] Enabled is true. 0 takes any free one.',
    ),
    shoutcastPort: wordOrInteger(
      'auto',
      ['auto', 'off'],
      { minimum: 0, maximum: 65535 },
      'Port for SHOUTcast v1 sources. `auto` is HttpPort + 1, which is where such encoders connect, or any free port when HttpPort is 0.',
    ),
    bindAddress: text('::', 'Address to listen on. `::` is every address of the machine, IPv4 included.', {
      format: 'address',
    }),
    dataDir: text(
      'data',
      'Directory for what must outlive a restart. A relative path starts at the working directory.',
    ),
    maxConnections: integer(
      100_000,
      { minimum: 1, maximum: 10_000_000 },
      'Most connections open at once; a further one is answered 503.',
    ),
    workerThreads: wordOrInteger(
      1,
      ['auto'],
      { minimum: 1, maximum: 256 },
      'Threads that serve listeners. `auto` is one for each processor core.',
    ),
    publicUrl: text(
      '',
      'Address under which listeners reach the server, as written into playlists and pages. Empty: taken from each request.',
      { format: 'httpUrl' },
    ),
    trustedProxies: list(
      'ipRange',
      'Proxies whose word on the listener’s address and scheme is believed. Others are ignored.',
    ),
    proxyProtocol: choice(
      'off',
      ['off', 'optional', 'required'],
      'Whether connections begin with the PROXY protocol, version 1 or 2, by which a TCP load balancer names the client. On every public port that has no setting of its own, before TLS, and from TrustedProxies alone. `optional` takes connections with it and without; `required` refuses those without it, and those of everybody else. With `optional`, a trusted proxy that passes TCP on without it would let clients write it themselves.',
    ),
    httpsProxyProtocol: choice(
      'same',
      ['same', 'off', 'optional', 'required'],
      'The same for HttpsPort. `same`: as ProxyProtocol says.',
    ),
    shoutcastProxyProtocol: choice(
      'same',
      ['same', 'off', 'optional', 'required'],
      'The same for ShoutcastPort. `same`: as ProxyProtocol says.',
    ),
    location: text('Earth', 'Where the server stands, as status pages show it.', { format: 'line' }),
    admin: text('admin@localhost', 'Whom to write to, as status pages show it.', { format: 'line' }),
    hostname: text(
      '',
      'Host name for status pages and playlists. Empty: taken from PublicUrl, else from each request.',
      { format: 'hostName' },
    ),
    shoutcastMount: text('/stream', 'Mount for SHOUTcast sources that name no stream id of a [Mount].', {
      format: 'mountPath',
    }),
  },
  { title: 'Server', description: 'The listening ports and what the server says of itself.' },
);

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

const cluster = Type.Object(
  {
    name: text('local', 'Name that servers which work together share.', { format: 'token' }),
    podId: text('', 'Name of this server within the cluster, unlike any other’s. Empty: the host name.', {
      format: 'optionalToken',
    }),
  },
  { title: 'Cluster', description: 'Which servers belong together.' },
);

const bus = Type.Object(
  {
    url: secret(
      'Where NATS is: `nats://[user:password@]host:4222,host2:4222`, or `tls://…`. Empty: the bus is within the process, which then stands alone.',
    ),
    urlFile: text('', 'File that holds Url.', { fileOf: 'url' }),
    credentialsFile: text('', 'File with credentials of NATS (a `.creds` file with JWT and key).'),
    caPath: text('', 'PEM file with the authorities that NATS’s certificate is checked against.'),
    certificatePath: text('', 'PEM file with the certificate to show to NATS.'),
    privateKeyPath: text('', 'PEM file with its private key.'),
    replicas: wordOrInteger(
      'auto',
      ['auto'],
      { minimum: 1, maximum: 5 },
      'Copies of the recent audio that NATS keeps. `auto` is three where there are three servers, else one.',
    ),
    historyBytes: bytes(
      512 * 1024 * 1024,
      { minimum: 1024 * 1024, maximum: 64 * 1024 * 1024 * 1024 },
      'Memory of NATS for recent audio, from which edges catch up. NATS sets it aside at once, for each copy.',
    ),
  },
  { title: 'Bus', description: 'What carries audio and messages between servers that work together.' },
);

const store = Type.Object(
  {
    url: secret(
      'Where Redis or Valkey is: `redis://[user:password@]host:6379`, `redis+sentinel://host:26379,…/name` or `redis+cluster://host:6379,…`; `rediss…` with TLS. Empty: the store is within the process, and in DataDir.',
    ),
    urlFile: text('', 'File that holds Url.', { fileOf: 'url' }),
    keyPrefix: text('ls:', 'What every key begins with, so that others may use the same Redis.', {
      format: 'line',
    }),
    caPath: text('', 'PEM file with the authorities that Redis’s certificate is checked against.'),
    certificatePath: text('', 'PEM file with the certificate to show to Redis.'),
    privateKeyPath: text('', 'PEM file with its private key.'),
    outageGrace: seconds(
      3600,
      { minimum: 10, maximum: 604_800 },
      'How long a source stays on air while the store cannot be reached.',
    ),
  },
  { title: 'Store', description: 'What servers that work together remember together.' },
);

const ingest = Type.Object(
  {
    url: text(
      '',
      'Where an edge passes sources on to: `http://ingest:8000`, or several with commas. Empty: sources connect to an ingest themselves.',
      { format: 'httpUrls' },
    ),
  },
  { title: 'Ingest', description: 'Where sources go in a cluster.' },
);

const edge = Type.Object(
  {
    drainDelay: seconds(
      5,
      { minimum: 0, maximum: 600 },
      'How long an edge that is told to end goes on as before, while /lbz says that newcomers should go elsewhere.',
    ),
    drainTime: seconds(
      20,
      { minimum: 0, maximum: 86_400 },
      'Time over which an edge that is told to end then sends its listeners away, a few at a time.',
    ),
  },
  { title: 'Edge', description: 'How an edge of a cluster goes.' },
);

const control = Type.Object(
  {
    port: port(8080, 'Port of a control server. 0 takes any free one.'),
    url: text('', 'Where an edge passes /api and /dashboard on to: `http://control:8080`. Empty: nowhere.', {
      format: 'httpUrl',
    }),
  },
  { title: 'Control', description: 'Where operators go in a cluster.' },
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
  server,
  telemetry,
  cluster,
  bus,
  store,
  ingest,
  edge,
  control,
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
