/**
 * The real programs that tests drive, and the Debian packages that bring them.
 *
 * `npm test` calls `ensurePrograms` first: as root on Debian it installs what is
 * missing, elsewhere it names what is missing and from where to get it. A test asks
 * `missingProgram`, whose answer is the reason with which it skips. Plain JavaScript
 * for Node 18 and later, because it runs before the repository's own Node is chosen.
 */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Program, the Debian package that brings it, others that it needs beside it, what the
 * tests use it for, and other names under which systems install it.
 */
export const programs = [
  { name: 'ffmpeg', debian: 'ffmpeg', use: 'encodes and sends sources' },
  { name: 'ffprobe', debian: 'ffmpeg', use: 'judges streams and HLS output' },
  { name: 'curl', debian: 'curl', use: 'sends and listens as scripts do' },
  { name: 'ezstream', debian: 'ezstream', use: 'sends as an Icecast source' },
  { name: 'liquidsoap', debian: 'liquidsoap', use: 'sends as Icecast and SHOUTcast sources' },
  { name: 'mpv', debian: 'mpv', use: 'listens with titles' },
  { name: 'mplayer', debian: 'mplayer', use: 'listens with titles' },
  { name: 'mpg123', debian: 'mpg123', use: 'listens with titles' },
  { name: 'streamripper', debian: 'streamripper', use: 'checks the ICY byte count' },
  {
    name: 'chromium',
    debian: 'chromium',
    use: 'plays and operates in a browser',
    also: ['chromium-browser', 'google-chrome'],
  },
  {
    name: 'firefox-esr',
    debian: 'firefox-esr',
    use: 'plays and operates in a browser',
    also: ['firefox'],
  },
  {
    name: 'WebKitWebDriver',
    debian: 'webkit2gtk-driver',
    // The library behind it only recommends them; they have the decoder of AAC.
    with: ['gstreamer1.0-plugins-bad', 'gstreamer1.0-libav'],
    use: 'plays and operates in a browser',
  },
  { name: 'Xvfb', debian: 'xvfb', use: 'is the display of a browser' },
  { name: 'pulseaudio', debian: 'pulseaudio', use: 'is the sound card of a browser, and silent' },
  { name: 'icecast2', debian: 'icecast2', use: 'the reference to compare with', also: ['icecast'] },
  { name: 'nginx', debian: 'nginx-light', use: 'the reference to compare HLS with' },
  { name: 'redis-server', debian: 'redis-server', use: 'keeps leases and documents' },
  { name: 'redis-sentinel', debian: 'redis-sentinel', use: 'makes a replica of Redis the primary' },
  { name: 'redis-cli', debian: 'redis-tools', use: 'forms a Redis cluster' },
  { name: 'haproxy', debian: 'haproxy', use: 'stands before the server with the PROXY protocol' },
  { name: 'openssl', debian: 'openssl', use: 'makes certificates' },
  { name: 'xmllint', debian: 'libxml2-utils', use: 'validates XML answers' },
  { name: 'nats-server', debian: 'nats-server', use: 'carries the bus between pods' },
  { name: 'ip', debian: 'iproute2', use: 'makes a network of hosts on this machine' },
  { name: 'nft', debian: 'nftables', use: 'loses packets on that network' },
  { name: 'python3', debian: 'python3', use: 'delays packets on that network' },
];

const commandTimeoutMs = 15 * 60_000;
const cache = fileURLToPath(new URL('../.cache', import.meta.url));
const policyFile = '/usr/sbin/policy-rc.d';

/** Services and games live in folders that are not on every PATH. */
function searchFolders() {
  const onPath = (process.env.PATH ?? '').split(path.delimiter).filter(Boolean);
  return [...new Set([...onPath, '/usr/local/bin', '/usr/bin', '/usr/sbin', '/usr/games'])];
}

function findOnPath(name) {
  for (const folder of searchFolders()) {
    const file = path.join(folder, name);
    try {
      fs.accessSync(file, fs.constants.X_OK);
      if (fs.statSync(file).isFile()) return file;
    } catch {
      // Not here.
    }
  }
  return undefined;
}

function entryOf(name) {
  const entry = programs.find((program) => program.name === name);
  if (!entry) throw new Error(`test/programs.mjs has no program named ${name}`);
  return entry;
}

/** The full path of a program of the table, or undefined when it is not installed. */
export function findProgram(name) {
  const entry = entryOf(name);
  for (const candidate of [entry.name, ...(entry.also ?? [])]) {
    const file = findOnPath(candidate);
    if (file) return file;
  }
  return undefined;
}

/** Those of `names` that are not installed. */
export function requirePrograms(names) {
  return { missing: names.filter((name) => !findProgram(name)) };
}

/** For `test(title, { skip: missingProgram('ffmpeg') }, …)`: a reason, or false when all are here. */
export function missingProgram(...names) {
  const { missing } = requirePrograms(names);
  if (missing.length === 0) return false;
  return missing
    .map((name) => `${name} is not installed (Debian package ${entryOf(name).debian})`)
    .join(', ');
}

/** Runs a command in the log; resolves to whether it succeeded in time. */
function runLogged(program, args, log, timeoutMs) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' };
  fs.writeSync(log, `\n$ ${program} ${args.join(' ')}\n`);
  return new Promise((resolve) => {
    const child = spawn(program, args, { env, stdio: ['ignore', log, log] });
    const timer = setTimeout(() => child.kill('SIGTERM'), Math.max(timeoutMs, 1));
    child.on('error', () => resolve(false));
    child.on('exit', (code) => {
      clearTimeout(timer);
      resolve(code === 0);
    });
  });
}

/** Debian starts a server when its package is installed; this policy, in its own file, forbids it meanwhile. */
function forbidServices() {
  try {
    fs.writeFileSync(policyFile, '#!/bin/sh\nexit 101\n', { mode: 0o755, flag: 'wx' });
  } catch {
    return () => {}; // The machine has a policy already.
  }
  const allow = () => fs.rmSync(policyFile, { force: true });
  process.on('exit', allow);
  return () => {
    process.off('exit', allow);
    allow();
  };
}

function whyNotInstallable() {
  if (process.env.LEGACYSTREAM_TEST_INSTALL === '0') return 'LEGACYSTREAM_TEST_INSTALL=0 forbids installing';
  if (!fs.existsSync('/etc/debian_version') || !findOnPath('apt-get')) return 'this is not Debian';
  if (process.getuid?.() !== 0) return 'installing needs root';
  return undefined;
}

async function installPackages(packages, log) {
  const untilMs = Date.now() + commandTimeoutMs;
  const apt = (...args) => {
    const options = [
      '-o',
      'DPkg::Lock::Timeout=120',
      '-o',
      'Acquire::Retries=2',
      '-o',
      'Acquire::http::Timeout=30',
    ];
    return runLogged('apt-get', [...options, ...args], log, untilMs - Date.now());
  };
  const install = (...names) => apt('install', '-y', '--no-install-recommends', ...names);
  const allow = forbidServices();
  try {
    // A stale or partly unreachable index is no reason to stop: what it lists may still be there.
    await apt('update', '-q');
    if (await install(...packages)) return;
    // One package that the system does not know would keep all others away.
    for (const name of packages) await install(name);
  } finally {
    allow();
  }
}

/** Finds every program of the table, installs what it may, and says what remains missing. */
export async function ensurePrograms(say) {
  const absent = () => programs.filter((program) => !findProgram(program.name));
  const packagesOf = (list) => [
    ...new Set(list.flatMap((program) => [program.debian, ...(program.with ?? [])])),
  ];
  let missing = absent();
  if (missing.length === 0) return;
  let why = whyNotInstallable();
  if (!why) {
    const packages = packagesOf(missing);
    const logFile = path.join(cache, 'apt-get.log');
    fs.mkdirSync(cache, { recursive: true });
    const log = fs.openSync(logFile, 'w');
    say(
      `tests need ${missing.map((program) => program.name).join(', ')}: installing ${packages.join(' ')} with apt-get`,
    );
    try {
      await installPackages(packages, log);
    } finally {
      fs.closeSync(log);
    }
    missing = absent();
    why = `apt-get did not bring them; its output is in ${logFile}`;
  }
  if (missing.length === 0) return;
  say(`programs that tests need are missing (${why}); the tests that need them will be skipped and listed:`);
  for (const { name, debian, use } of missing) say(`  ${name}: ${use}; Debian package ${debian}`);
}
