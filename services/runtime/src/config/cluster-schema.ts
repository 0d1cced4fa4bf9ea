/** The sections that make several servers one station: what they meet by, and where the others are. */
import { Type } from 'typebox';
import { bytes, port, seconds, secret, text, wordOrInteger } from './setting-schema.ts';

export const clusterSchema = Type.Object(
  {
    name: text('local', 'Name that servers which work together share.', { format: 'token' }),
    podId: text('', 'Name of this server within the cluster, unlike any other’s. Empty: the host name.', {
      format: 'optionalToken',
    }),
  },
  { title: 'Cluster', description: 'Which servers belong together.' },
);

export const busSchema = Type.Object(
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

export const storeSchema = Type.Object(
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

export const ingestSchema = Type.Object(
  {
    url: text(
      '',
      'Where an edge passes sources on to: `http://ingest:8000`, or several with commas. Empty: sources connect to an ingest themselves.',
      { format: 'httpUrls' },
    ),
  },
  { title: 'Ingest', description: 'Where sources go in a cluster.' },
);

export const edgeSchema = Type.Object(
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

export const controlSchema = Type.Object(
  {
    port: port(8080, 'Port of a control server. 0 takes any free one.'),
    url: text('', 'Where an edge passes /api and /dashboard on to: `http://control:8080`. Empty: nowhere.', {
      format: 'httpUrl',
    }),
  },
  { title: 'Control', description: 'Where operators go in a cluster.' },
);
