/**
 * What `npm start` and `npm test` need before they run (npm's prestart and pretest):
 * the npm dependencies, a Node that runs the sources, and with `--test` the real
 * programs that tests drive. Plain JavaScript without dependencies for Node 18 and
 * later, because it runs before anything is installed.
 *
 * It does nothing, within milliseconds, when a stamp in node_modules says that the
 * installed tree belongs to the present manifests. Runs at the same time wait for
 * each other. It never ends in success while the command that follows could not run.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from './prepare-lock.mjs';

const neededMajor = 24;
const npmTimeoutMs = 20 * 60_000;
const root = path.resolve(fileURLToPath(new URL('../../..', import.meta.url)));
const modules = path.join(root, 'node_modules');
const stampFile = path.join(modules, '.legacystream-stamp');
const ownNode = path.join(modules, '.bin', process.platform === 'win32' ? 'node.cmd' : 'node');
const cache = path.join(root, '.cache');
const npmLog = path.join(cache, 'npm-install.log');

/** A reason to stop that the reader can act upon; printed without a stack. */
class Refusal extends Error {}

/** Whether a program or folder belongs to what an installation replaces. */
function isInModules(file) {
  const inside = (folder) => file === folder || file.startsWith(folder + path.sep);
  return inside(modules) || (fs.existsSync(modules) && inside(fs.realpathSync(modules)));
}

const say = (line) => process.stdout.write(`prepare: ${line}\n`);
const majorOf = (version) => Number.parseInt(version.replace(/^v/, ''), 10);

function readText(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function readJson(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Folders with a manifest, '' being the repository itself. */
function workspaces() {
  const services = path.join(root, 'services');
  const names = fs
    .readdirSync(services)
    .filter((name) => fs.existsSync(path.join(services, name, 'package.json')));
  return ['', ...names.sort().map((name) => `services/${name}`)];
}

/** Everything that decides what node_modules has to hold. */
function manifestHash() {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}`);
  hash.update(readText(path.join(root, 'package-lock.json')));
  for (const folder of workspaces()) hash.update(readText(path.join(root, folder, 'package.json')));
  return hash.digest('hex');
}

/** Whether npm is told to leave development dependencies out. */
function isProduction() {
  const env = process.env;
  return (
    env.NODE_ENV === 'production' ||
    env.npm_config_production === 'true' ||
    (env.npm_config_omit ?? '').split(/[\s,]+/).includes('dev')
  );
}

/** The PATH without this repository's own programs, which an installation replaces under our feet. */
function outsidePath() {
  const entries = (process.env.PATH ?? '').split(path.delimiter);
  return entries.filter((entry) => entry && !isInModules(path.resolve(entry)));
}

function versionOf(program) {
  const { status, stdout } = spawnSync(program, ['--version'], { encoding: 'utf8', timeout: 20_000 });
  return status === 0 && /^v\d+\./.test(stdout) ? stdout.trim().slice(1) : undefined;
}

/** The machine's Node: the running one unless that is the repository's own. */
function findOutsideNode() {
  if (!isInModules(process.execPath)) return { program: process.execPath, version: process.versions.node };
  for (const folder of outsidePath()) {
    const program = path.join(folder, process.platform === 'win32' ? 'node.exe' : 'node');
    const version = fs.existsSync(program) ? versionOf(program) : undefined;
    if (version) return { program, version };
  }
  return undefined;
}

/** Only starting the server with a new enough Node does without development dependencies. */
function needsDevelopment(forTests) {
  const startsOnly = ['prestart', 'predev', undefined].includes(process.env.npm_lifecycle_event);
  if (forTests || !startsOnly || !isProduction()) return true;
  const node = findOutsideNode();
  return !node || majorOf(node.version) < neededMajor;
}

const sameRecord = (a = {}, b = {}) =>
  JSON.stringify(Object.entries(a).sort()) === JSON.stringify(Object.entries(b).sort());

/** The version that lies on disk, or undefined; npm's own record is no proof, it is written in dry runs too. */
const versionOnDisk = (place) => readJson(path.join(root, place, 'package.json'))?.version;

/** Whether somebody's own `npm ci` or `npm install` has brought what the lock asks for. */
function isInstalledByHand(withDevelopment) {
  const lock = readJson(path.join(root, 'package-lock.json'))?.packages;
  // An installation that was broken off leaves no record behind.
  if (!lock || !fs.existsSync(path.join(modules, '.package-lock.json'))) return false;
  for (const folder of workspaces()) {
    const manifest = readJson(path.join(root, folder, 'package.json')) ?? {};
    for (const field of ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies']) {
      if (!sameRecord(manifest[field], lock[folder]?.[field])) return false;
    }
  }
  return Object.entries(lock).every(([place, wanted]) => {
    if (!place.includes('node_modules/')) return true;
    const found = versionOnDisk(place);
    if (!found) return Boolean(wanted.optional || wanted.devOptional || (wanted.dev && !withDevelopment));
    return wanted.link || found === wanted.version;
  });
}

/** Why an installation is due, or undefined when none is. */
function installReason(hash, withDevelopment) {
  if (!fs.existsSync(modules)) return 'node_modules is missing';
  const stamp = readJson(stampFile);
  const enough = stamp && (stamp.development || !withDevelopment);
  if (stamp?.hash === hash && enough) return undefined;
  if (isInstalledByHand(withDevelopment)) {
    writeStamp(withDevelopment);
    return undefined;
  }
  if (!stamp) return 'node_modules is not what package-lock.json asks for';
  return enough ? 'the manifests have changed' : 'development dependencies are missing';
}

function writeStamp(withDevelopment) {
  fs.writeFileSync(stampFile, `${JSON.stringify({ hash: manifestHash(), development: withDevelopment })}\n`);
}

/** Runs npm with its output in a log file; gives its exit code and what it said. */
function runNpm(args) {
  const cli = process.env.npm_execpath ?? '';
  const node = findOutsideNode();
  const [program, first] = /[\\/]npm-cli\.c?js$/.test(cli) && node ? [node.program, [cli]] : ['npm', []];
  fs.mkdirSync(cache, { recursive: true });
  const log = fs.openSync(npmLog, 'w');
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...first, ...args], {
      cwd: root,
      env: { ...process.env, PATH: outsidePath().join(path.delimiter) },
      stdio: ['ignore', log, log],
      shell: process.platform === 'win32',
    });
    fs.closeSync(log);
    const forward = (signal) => child.kill(signal);
    const timer = setTimeout(forward, npmTimeoutMs, 'SIGTERM');
    process.on('SIGINT', forward).on('SIGTERM', forward);
    const done = (settle) => {
      clearTimeout(timer);
      process.off('SIGINT', forward).off('SIGTERM', forward);
      settle();
    };
    child.on('error', (error) => done(() => reject(new Refusal(`npm cannot be started: ${error.message}`))));
    child.on('exit', (code, signal) => done(() => resolve({ code, signal, output: readText(npmLog) })));
  });
}

function explainFailure({ code, signal, output }) {
  if (
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|ENOTCACHED/.test(output)
  ) {
    return `npm cannot reach its package registry: connect to the network (or set npm's proxy), then run the command again; npm's output is in ${npmLog}`;
  }
  const tail = output.trimEnd().split('\n').slice(-20).join('\n');
  return `npm ended with ${signal ?? `code ${code}`} (all of its output is in ${npmLog}):\n${tail}`;
}

async function install(reason, withDevelopment) {
  const startedMs = Date.now();
  const options = [
    withDevelopment ? '--include=dev' : '--omit=dev',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
    '--fetch-retry-mintimeout=1000',
    '--fetch-retry-maxtimeout=8000',
  ];
  const hasLock = fs.existsSync(path.join(root, 'package-lock.json'));
  say(`${reason}: running npm ${hasLock ? 'ci' : 'install'} (a minute at most, as a rule)`);
  let result = await runNpm([hasLock ? 'ci' : 'install', ...options]);
  if (result.code !== 0 && /EUSAGE/.test(result.output) && hasLock) {
    say('package-lock.json is out of step with package.json: running npm install, which updates it');
    result = await runNpm(['install', ...options]);
  }
  if (result.code !== 0) throw new Refusal(explainFailure(result));
  writeStamp(withDevelopment);
  say(`dependencies installed in ${((Date.now() - startedMs) / 1000).toFixed(0)} s`);
}

/** The command that follows finds the repository's own Node first, else the machine's. */
function checkNode() {
  if (majorOf(process.versions.node) >= neededMajor) return;
  const own = versionOf(ownNode);
  if (own && majorOf(own) >= neededMajor) return;
  const state = own
    ? `the npm package \`node\` brought ${own}`
    : 'the npm package `node`, which brings a newer one, did not: its install script was blocked or failed';
  throw new Refusal(
    `Node ${neededMajor} or later is needed, this is ${process.versions.node}, and ${state}. ` +
      'Run `npm rebuild node --ignore-scripts=false`, or install a newer Node yourself.',
  );
}

async function main() {
  const forTests = process.argv.includes('--test');
  const withDevelopment = needsDevelopment(forTests);
  const due = () => installReason(manifestHash(), withDevelopment);
  if (due()) {
    await withLock(path.join(cache, 'prepare.lock'), say, async () => {
      const reason = due();
      if (reason) await install(reason, withDevelopment);
    });
  }
  checkNode();
  if (forTests) {
    const { ensurePrograms } = await import('../../../test/programs.mjs');
    await ensurePrograms((line) => say(line));
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(`prepare: ${error instanceof Refusal ? error.message : error.stack}\n`);
  process.exitCode = 1;
}
