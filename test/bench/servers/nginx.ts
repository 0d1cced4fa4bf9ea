/**
 * nginx from the system's package, which serves a folder as well as it can: one process, files
 * kept open, the kernel's sendfile, playlists compressed beforehand, nothing logged. It sends
 * the fields that a browser's player needs from it and no others.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { findProgram, missingProgram } from '../../programs.mjs';
import type { BenchContext } from '../bench-context.ts';
import { spawnPlaced } from '../placement.ts';
import { type BenchServer, type StartOptions, Unavailable } from './bench-server.ts';
import { freePorts } from './free-ports.ts';
import { ServerOutput } from './server-output.ts';

const startTimeoutMs = 10_000;

/** @throws Unavailable where there is no nginx */
export async function startNginx(bench: BenchContext, options: StartOptions = {}): Promise<BenchServer> {
  const program = findProgram('nginx');
  if (!program) throw new Unavailable(missingProgram('nginx') || 'nginx is not installed');
  const own = await mkdtemp(join(tmpdir(), 'nginx-bench-'));
  const removeFolder = bench.cleanup.add(() => rm(own, { recursive: true, force: true }));
  const [port] = await freePorts(1);
  const config = join(own, 'nginx.conf');
  await writeFile(config, configuration(own, options.folder ?? own, port!));
  const child = spawnPlaced('server', program, ['-e', 'stderr', '-p', own, '-c', config], {
    stdio: ['ignore', 'ignore', 'pipe'],
    cwd: own,
  });
  const end = bench.cleanup.addChild(child);
  const output = new ServerOutput(child);
  const untilMs = performance.now() + startTimeoutMs;
  while (!(await isAnswering(port!))) {
    const isAlive = child.exitCode === null && child.signalCode === null;
    if (!isAlive || performance.now() > untilMs) throw new Error(`nginx did not start\n${output.tail}`);
    await sleep(50);
  }
  return {
    name: 'nginx',
    version: await versionOf(program),
    pid: child.pid!,
    port: port!,
    joinsPerSecond: 2_000,
    source: undefined,
    settle: async () => {},
    setTitle: async () => {},
    counters: async () => ({}),
    pause: () => {},
    resume: () => {},
    stop: async () => {
      await end();
      await removeFolder();
    },
  };
}

/** One process is master and worker at once, so that nothing is left when it ends. */
function configuration(own: string, served: string, port: number): string {
  return `daemon off;
master_process off;
worker_processes 1;
pcre_jit on;
pid ${own}/nginx.pid;
error_log stderr error;
events {
  use epoll;
  worker_connections 16384;
  multi_accept on;
}
http {
  access_log off;
  server_tokens off;
  sendfile on;
  tcp_nopush on;
  tcp_nodelay on;
  keepalive_timeout 75s;
  keepalive_requests 1000000000;
  reset_timedout_connection on;
  open_file_cache max=10000 inactive=60s;
  # A live playlist is another one every few seconds.
  open_file_cache_valid 1s;
  open_file_cache_min_uses 1;
  client_body_temp_path ${own}/body;
  proxy_temp_path ${own}/proxy;
  fastcgi_temp_path ${own}/fastcgi;
  uwsgi_temp_path ${own}/uwsgi;
  scgi_temp_path ${own}/scgi;
  types {
    application/vnd.apple.mpegurl m3u8;
    audio/mpeg mp3;
  }
  default_type application/octet-stream;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    root ${served};
    location / {
      add_header Cache-Control "public, max-age=31536000, immutable";
      add_header Access-Control-Allow-Origin *;
    }
    location = /live.m3u8 {
      gzip_static on;
      gzip_vary on;
      add_header Cache-Control "public, max-age=2";
      add_header Access-Control-Allow-Origin *;
    }
  }
}
`;
}

function isAnswering(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(2_000) }).then(
    () => true,
    () => false,
  );
}

async function versionOf(program: string): Promise<string> {
  const { stderr } = await promisify(execFile)(program, ['-v'], { timeout: 5_000 });
  return /(\d+(?:\.\d+)+)/.exec(stderr)?.[1] ?? 'unknown';
}
