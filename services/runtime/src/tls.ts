/**
 * TLS from certificate files (design §13): 1.2 and later, forward-secret suites only.
 */
import { readFileSync } from 'node:fs';
import { createServer, type Server, type TlsOptions } from 'node:tls';
import { LegacyStreamError } from '@legacystream/core/errors.ts';

const handshakeTimeoutMs = 15_000;

const suites = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

export type TlsSettings = {
  readonly certificatePath: string;
  readonly privateKeyPath: string;
  /** Groups of the key exchange as OpenSSL lists them. */
  readonly keyExchange: string;
};

/** @throws LegacyStreamError LS_CONFIG_UNREADABLE naming the file */
export function createTlsServer(settings: TlsSettings): Server {
  const options = optionsOf(settings);
  let server: Server;
  try {
    server = createServer({ ...options, handshakeTimeout: handshakeTimeoutMs, allowHalfOpen: true });
  } catch (cause) {
    const { certificatePath, privateKeyPath } = settings;
    const message = `${certificatePath} and ${privateKeyPath} are not a certificate and its key`;
    throw new LegacyStreamError('LS_CONFIG_UNREADABLE', message, { cause });
  }
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  return server;
}

/** New connections use what the files hold now; those that are open keep what they have. */
export function reloadCertificate(server: Server, settings: TlsSettings): void {
  server.setSecureContext(optionsOf(settings));
}

function optionsOf({ certificatePath, privateKeyPath, keyExchange }: TlsSettings): TlsOptions {
  return {
    cert: readFile(certificatePath),
    key: readFile(privateKeyPath),
    minVersion: 'TLSv1.2',
    ciphers: suites,
    honorCipherOrder: true,
    ecdhCurve: keyExchange,
  };
}

function readFile(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new LegacyStreamError('LS_CONFIG_UNREADABLE', `cannot read ${path}: ${reason}`, { cause });
  }
}
