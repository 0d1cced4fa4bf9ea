/** The `[Server]` section: ports, and who stands before them. */
import { Type } from 'typebox';
import { choice, integer, list, port, text, wordOrInteger } from './setting-schema.ts';

export const serverSchema = Type.Object(
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
