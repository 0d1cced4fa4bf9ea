/**
 * Sources that come by SHOUTcast v1 (protocols §2.1): a password line, `OK2`, headers,
 * audio. Everything may arrive in one piece; nothing past what has been read is touched.
 */
import { LegacyStreamError } from '@legacystream/core/errors.ts';
import { sourceMetaintOf } from '@legacystream/core/icy/icy-demuxer.ts';
import { parseMountPath } from '@legacystream/core/mounts/mount-path.ts';
import { EndlessDecoder } from '@legacystream/core/protocols/body-decoder.ts';
import { isShoutcastPoke, parseShoutcastPassword } from '@legacystream/core/protocols/credentials.ts';
import { IcyHeaderParser } from '@legacystream/core/protocols/icy-header-parser.ts';
import { streamInfoOf } from '@legacystream/core/protocols/stream-info.ts';
import type { Access } from '@legacystream/runtime/access.ts';
import { type ClientConnection, closeWith } from '@legacystream/runtime/client-connection.ts';
import type { Settings } from '@legacystream/runtime/config/settings.ts';
import { shoutcastMountPath } from '@legacystream/runtime/config/shoutcast-mount.ts';
import type { Log } from '@legacystream/runtime/log.ts';
import { SocketSource } from './socket-source.ts';
import type { Admission, SourceRegistry } from './source-registry.ts';

const accepted = 'OK2\r\nicy-caps:11\r\n\r\n';
const refused = 'invalid password\r\n';

export class ShoutcastSourceHandler {
  readonly #registry: SourceRegistry;
  readonly #access: Access;
  readonly #settings: Settings;
  readonly #log: Log;

  constructor(registry: SourceRegistry, access: Access, settings: Settings, log: Log) {
    this.#registry = registry;
    this.#access = access;
    this.#settings = settings;
    this.#log = log;
  }

  /** Takes a connection whose first line, already read, is `line`. */
  async handle(line: string, client: ClientConnection): Promise<void> {
    const login = parseShoutcastPassword(line);
    // libshout's poke and everything else that is no login: an answer without the letters OK.
    if (!login) {
      if (!isShoutcastPoke(line)) this.#registry.countRefusal('LS_AUTH_REQUIRED');
      return closeWith(client.socket, refused);
    }
    let admission: Admission | undefined;
    try {
      const path = login.mount
        ? parseMountPath(login.mount)
        : shoutcastMountPath(this.#settings, login.sid ?? 1);
      const verdict = await this.#access.sourcePassword(path, login.password, client.ip);
      if (!verdict.granted) {
        const isLimited = verdict.retryAfterMs > 0;
        this.#registry.countRefusal(isLimited ? 'LS_AUTH_RATE_LIMITED' : 'LS_AUTH_REQUIRED');
        const reason = isLimited ? 'too many failed logins' : 'bad credentials';
        this.#log.warn('source.refused', { mount: path, ip: client.ip, reason });
        return closeWith(client.socket, refused);
      }
      admission = await this.#registry.claim(path);
      client.socket.write(accepted);
      const { headers, rest } = await this.#readHeaders(client);
      const source = new SocketSource(client.socket, new EndlessDecoder(), '');
      const feed = await this.#registry.open(
        admission,
        {
          path,
          protocol: 'SHOUTcast v1',
          contentType: headers.get('content-type') ?? 'audio/mpeg',
          info: streamInfoOf(headers),
          ip: client.ip,
          userAgent: headers.get('user-agent') ?? '',
        },
        source,
      );
      source.attach(feed, rest, sourceMetaintOf(headers));
    } catch (error) {
      await admission?.release();
      const reason = error instanceof LegacyStreamError ? error.message : 'internal error';
      if (error instanceof LegacyStreamError) this.#registry.countRefusal(error.code);
      this.#log.warn('source.refused', {
        ip: client.ip,
        reason,
        ...(error instanceof LegacyStreamError ? {} : { error }),
      });
      closeWith(client.socket, `${reason}\r\n`);
    }
  }

  #readHeaders(
    client: ClientConnection,
  ): Promise<{ headers: ReadonlyMap<string, string>; rest: Uint8Array }> {
    const { socket } = client;
    const { headBytes, headLines, headTimeout } = this.#settings.limits;
    const parser = new IcyHeaderParser({ maxBytes: headBytes, maxLines: headLines });
    return new Promise((resolve, reject) => {
      let settled = false;
      const timer = setTimeout(
        () => finish(new LegacyStreamError('LS_HEAD_TIMEOUT', 'no headers in time')),
        headTimeout * 1000,
      );
      const onGone = () => finish(new LegacyStreamError('LS_CLOSED', 'source went away'));
      const onData = (data: Uint8Array) => {
        try {
          const result = parser.push(data);
          if (result.done) finish(undefined, result);
        } catch (error) {
          finish(error);
        }
      };
      const finish = (
        error: unknown,
        result?: { headers: ReadonlyMap<string, string>; rest: Uint8Array },
      ) => {
        settled = true;
        clearTimeout(timer);
        socket.off('data', onData).off('end', onGone).off('close', onGone).pause();
        if (result) resolve(result);
        else reject(error);
      };
      socket.on('data', onData).once('end', onGone).once('close', onGone);
      if (client.rest.byteLength > 0) onData(client.rest);
      if (!settled) socket.resume();
    });
  }
}
