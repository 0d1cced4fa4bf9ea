/** HTTPS from certificate files: listeners and sources on either port, old protocols refused, a new certificate without a restart. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type ConnectionOptions, connect } from 'node:tls';
import { missingProgram } from '../programs.mjs';
import { countingFormats } from '../support/counting-frames.ts';
import { readCountingFrames } from '../support/counting-reader.ts';
import { CountingSource } from '../support/counting-source.ts';
import { eventually } from '../support/eventually.ts';
import { ProgramProcess } from '../support/program-process.ts';
import { ServerProcess, sourcePassword } from '../support/server-process.ts';
import { StreamClient } from '../support/stream-client.ts';

const skip = missingProgram('openssl');

let folder: string;
let server: ServerProcess;
let source: CountingSource;

/** A certificate for `commonName`, in the files that the server reads. */
function makeCertificate(commonName: string): void {
  const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')];
  const what = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  const names = ['-subj', `/CN=${commonName}`, '-addext', `subjectAltName=DNS:${commonName},IP:127.0.0.1`];
  const made = spawnSync('openssl', ['req', '-x509', ...what, ...names, ...files]);
  assert.equal(made.status, 0, String(made.stderr));
}

/** What the server shows to a new connection. */
async function handshake(
  options: ConnectionOptions = {},
  port = server.httpsPort,
): Promise<{ name: unknown; protocol: string | null }> {
  const socket = connect({
    host: '127.0.0.1',
    port,
    rejectUnauthorized: false,
    ...options,
  });
  try {
    await once(socket, 'secureConnect');
    return { name: socket.getPeerCertificate().subject?.CN, protocol: socket.getProtocol() };
  } finally {
    socket.destroy();
  }
}

async function assertPlays(client: StreamClient): Promise<void> {
  const { gaps, tornBytes } = readCountingFrames(await client.receive(20_000), countingFormats.mp3At128);
  assert.deepEqual([tornBytes, gaps], [0, []]);
}

describe('TLS', { skip }, () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'legacystream-tls-'));
    makeCertificate('first.test');
    const files = `CertificatePath=${folder}/cert.pem\nPrivateKeyPath=${folder}/key.pem`;
    server = await ServerProcess.start({ ini: `[SSL]\nEnabled=true\n${files}`, set: ['server.httpsPort=0'] });
    source = await CountingSource.start({
      port: server.httpsPort,
      tls: true,
      mount: '/live.mp3',
      password: sourcePassword,
    });
  });

  after(async () => {
    source?.destroy();
    await server?.stop();
    if (folder) await rm(folder, { recursive: true });
  });

  for (const port of ['httpsPort', 'httpPort'] as const) {
    test(`a source and a listener on ${port}`, async () => {
      const target = { port: server[port], tls: true };
      const mount = `/over-${port}.mp3`;
      const own = await CountingSource.start({ ...target, mount, password: sourcePassword });
      const listener = await StreamClient.open({ ...target, path: mount, headers: ['Icy-MetaData: 1'] });
      const head = await listener.head();
      assert.equal(head.status, 200);
      assert.ok(head.headers.has('icy-metaint'));
      listener.close();
      const plain = await StreamClient.open({ ...target, path: mount });
      await assertPlays(plain);
      plain.close();
      await own.end();
    });
  }

  test('what came encrypted is heard in the clear, and links follow the way of asking', async () => {
    const plain = await StreamClient.open({ port: server.httpPort, path: '/live.mp3' });
    await assertPlays(plain);
    plain.close();
    const host = ['Host: radio.test:1234'];
    const secure = await StreamClient.ask({
      port: server.httpsPort,
      tls: true,
      path: '/live.mp3.m3u',
      headers: host,
    });
    assert.match(secure.body, /https:\/\/radio\.test:1234\/live\.mp3/);
    const open = await StreamClient.ask({ port: server.httpPort, path: '/live.mp3.m3u', headers: host });
    assert.match(open.body, /http:\/\/radio\.test:1234\/live\.mp3/);
  });

  test('pages, then a stream on the same connection', async () => {
    const client = await StreamClient.open({ port: server.httpsPort, tls: true, path: '/' });
    assert.equal((await client.answer()).status, 200);
    client.request({ path: '/live.mp3' });
    assert.equal((await client.head()).status, 200);
    await assertPlays(client);
    client.close();
  });

  test('curl plays it and trusts the certificate', { skip: missingProgram('curl') }, async () => {
    const url = `https://127.0.0.1:${server.httpsPort}/live.mp3`;
    const args = [
      '-sS',
      '--cacert',
      join(folder, 'cert.pem'),
      '--max-time',
      '2',
      '-o',
      join(folder, 'heard'),
      url,
    ];
    const curl = new ProgramProcess('curl', ['-w', '%{http_code} %{size_download}', ...args]);
    await curl.exited;
    const [, status, bytes] = /(\d{3}) (\d+)$/.exec(curl.output) ?? [];
    assert.ok(status === '200' && Number(bytes) > 30_000, curl.output);
  });

  test('keys are exchanged as configured', async () => {
    const hybrid = { ecdhCurve: 'X25519MLKEM768' };
    await assert.rejects(handshake(hybrid), /alert handshake failure/);
    assert.equal((await handshake({ ecdhCurve: 'X25519MLKEM768:X25519' })).protocol, 'TLSv1.3');
    const files = `CertificatePath=${folder}/cert.pem\nPrivateKeyPath=${folder}/key.pem`;
    const ini = `[SSL]\nEnabled=true\n${files}\nKeyExchange=X25519MLKEM768:X25519`;
    const other = await ServerProcess.start({ ini, set: ['server.httpsPort=0'] });
    assert.equal((await handshake(hybrid, other.httpsPort)).protocol, 'TLSv1.3');
    await assert.rejects(handshake({ ecdhCurve: 'P-384' }, other.httpsPort), /alert handshake failure/);
    await other.stop();
  });

  test('TLS 1.3 and 1.2 are spoken, older ones are not', async () => {
    assert.equal((await handshake()).protocol, 'TLSv1.3');
    assert.equal((await handshake({ maxVersion: 'TLSv1.2' })).protocol, 'TLSv1.2');
    await assert.rejects(
      handshake({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' }),
    );
    await assert.rejects(handshake({ maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA' }), 'no forward secrecy');
  });

  test('a handshake that is broken or never ends harms nobody', async () => {
    const sockets = Array.from({ length: 20 }, (_, i) => {
      const socket = connectTcp({ host: '127.0.0.1', port: i % 2 ? server.httpsPort : server.httpPort });
      socket.on('error', () => {});
      socket.write(Buffer.from([0x16, 0x03, 0x01, 0x40, 0x00, ...(i % 3 ? [1, 2, 3, 4, 5, 6] : [])]));
      return socket;
    });
    const client = await StreamClient.open({ port: server.httpsPort, tls: true, path: '/live.mp3' });
    await assertPlays(client);
    client.close();
    for (const socket of sockets) socket.destroy();
  });

  test('a new certificate is shown after SIGHUP, and nobody is dropped; a broken one is refused', async () => {
    const listener = await StreamClient.open({ port: server.httpsPort, tls: true, path: '/live.mp3' });
    assert.equal((await handshake()).name, 'first.test');
    makeCertificate('second.test');
    server.process.kill('SIGHUP');
    await eventually('the new one is shown', async () => (await handshake()).name === 'second.test');
    spawnSync('cp', ['/dev/null', join(folder, 'cert.pem')]);
    server.process.kill('SIGHUP');
    await server.waitFor('certificate.refused');
    assert.equal((await handshake()).name, 'second.test');
    const heard = listener.body.length;
    await listener.receive(heard + 20_000);
    assert.ok(!source.socket.destroyed);
    listener.close();
  });
});
