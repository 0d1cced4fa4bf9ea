/**
 * A lock between processes: a directory that only one of them can make. The holder
 * renews it while it works, so that a lock left by a crash is recognised: its process
 * is gone, or it was not renewed for a minute.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const renewMs = 5_000;
const staleMs = 60_000;
const pollMs = 200;
const waitMs = 25 * 60_000;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function readOwner(directory) {
  try {
    return JSON.parse(fs.readFileSync(path.join(directory, 'owner.json'), 'utf8'));
  } catch {
    return undefined;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function isStale(directory, owner) {
  if (owner?.host === os.hostname() && !isAlive(owner.pid)) return true;
  try {
    return Date.now() - fs.statSync(directory).mtimeMs > staleMs;
  } catch {
    return false;
  }
}

/** Takes a dead holder's lock away; the name it is moved to belongs to this process alone. */
function removeStale(directory, judged) {
  if (readOwner(directory)?.token !== judged?.token) return;
  const grave = `${directory}.${process.pid}.${Date.now()}`;
  try {
    fs.renameSync(directory, grave);
  } catch {
    return; // Somebody else was faster.
  }
  fs.rmSync(grave, { recursive: true, force: true });
}

function tryAcquire(directory, token) {
  try {
    fs.mkdirSync(directory);
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
  fs.writeFileSync(
    path.join(directory, 'owner.json'),
    JSON.stringify({ pid: process.pid, host: os.hostname(), token }),
  );
  return true;
}

/** Runs `work` while holding the lock; waits for another holder first, with a word about it. */
export async function withLock(directory, say, work) {
  const token = `${process.pid}-${Date.now()}-${Math.random()}`;
  const untilMs = Date.now() + waitMs;
  let told = false;
  fs.mkdirSync(path.dirname(directory), { recursive: true });
  while (!tryAcquire(directory, token)) {
    const owner = readOwner(directory);
    if (isStale(directory, owner)) {
      removeStale(directory, owner);
      continue;
    }
    if (!told) say(`another run${owner ? ` (process ${owner.pid})` : ''} is installing: waiting for it`);
    told = true;
    if (Date.now() > untilMs)
      throw new Error(`gave up waiting for ${directory}; remove it if nothing is installing`);
    await pause(pollMs);
  }
  const renewal = setInterval(() => {
    try {
      fs.utimesSync(directory, new Date(), new Date());
    } catch {
      // The lock was taken away: the work is harmless to do twice, so it goes on.
    }
  }, renewMs);
  try {
    return await work();
  } finally {
    clearInterval(renewal);
    if (readOwner(directory)?.token === token) fs.rmSync(directory, { recursive: true, force: true });
  }
}
