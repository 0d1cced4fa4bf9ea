/**
 * The load client: many listeners in one process that cost as little as can be. It is told
 * by messages what to do; it connects to this machine only, and it bounds what it opens.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type JoinRequest, ListenerGroup } from './load/listener-group.ts';
import { serveCommands } from './worker-commands.ts';

/** Below the limit of 20,000 open files that machines are often set to. */
export const maxConnections = 18_000;

const resumeMs = 50;
const groups = new Map<string, ListenerGroup>();
const loopDelay = monitorEventLoopDelay({ resolution: 10 });
loopDelay.enable();

// One timer for all who read slowly; those who read everything never need it.
setInterval(() => {
  const nowMs = performance.now();
  for (const group of groups.values()) {
    for (const connection of group.connections) {
      if (connection.resumeAtMs > 0 && connection.resumeAtMs <= nowMs) connection.resume();
    }
  }
}, resumeMs).unref();

function groupOf(name: string): ListenerGroup {
  const group = groups.get(name);
  if (!group) throw new Error(`no listeners are called ${name}`);
  return group;
}

serveCommands({
  join: (request: JoinRequest) => {
    const open = [...groups.values()].reduce((sum, { connections }) => sum + connections.length, 0);
    if (open + request.count > maxConnections) throw new Error(`more than ${maxConnections} connections`);
    if (groups.has(request.group)) throw new Error(`${request.group} have joined already`);
    const group = new ListenerGroup();
    groups.set(request.group, group);
    return group.join(request);
  },
  mark: (name: string) => {
    loopDelay.reset();
    groupOf(name).mark();
  },
  report: (name: string) => ({ ...groupOf(name).report(), clientDelayMs: loopDelay.max / 1e6 }),
  wake: (name: string) => groupOf(name).wake(),
  leave: (name: string) => {
    groups.get(name)?.leave();
    groups.delete(name);
  },
});
