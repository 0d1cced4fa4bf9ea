/**
 * Which processor runs what: the server under test has one for itself, the clients have
 * another, and everything else has the last one. On a machine with a single processor, or
 * without taskset, all share what there is.
 *
 * Every process may open as many files as the system lets it, and ends when the run does.
 */
import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { findTool } from './find-tool.ts';

export type Place = 'server' | 'load' | 'rest';

const taskset = findTool('taskset');
const setpriv = findTool('setpriv');
const processors = taskset === undefined ? [] : allowedProcessors();

export const isPinned = processors.length >= 2;

/** Runs a program in its place; its process id is that of the child. */
export function spawnPlaced(
  place: Place,
  command: string,
  args: readonly string[],
  options: SpawnOptions,
): ChildProcess {
  // Each of these replaces itself by the next.
  const chain = ['-c', 'ulimit -n "$(ulimit -Hn)" 2>/dev/null; exec "$@"', 'sh'];
  if (setpriv) chain.push(setpriv, '--pdeathsig', 'KILL');
  if (isPinned) chain.push(taskset!, '-c', String(processorFor(place)));
  return spawn('/bin/sh', [...chain, command, ...args], options);
}

/** Keeps this process and what it starts unplaced away from the server. */
export function placeThisProcess(): void {
  if (!isPinned) return;
  spawnSync(taskset!, ['-a', '-p', '-c', String(processorFor('rest')), String(process.pid)]);
}

/** Files that a process of this run may have open. */
export function fileLimit(): number {
  const limits = readFileSync('/proc/self/limits', 'utf8');
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(limits)?.[1];
  return hard === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(hard ?? 1_024);
}

function processorFor(place: Place): number {
  if (place === 'server') return processors[0]!;
  return place === 'load' ? processors[1]! : processors.at(-1)!;
}

/** From a list such as `0-3,6`. */
function allowedProcessors(): number[] {
  const list = /^Cpus_allowed_list:\s+(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '';
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}
