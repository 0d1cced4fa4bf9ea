/** A Lua script that Redis runs as one step; all its keys are in one hash slot. */
export type RedisScript = {
  /** The name under which the client knows it. */
  readonly name: string;
  /** Undefined: the number differs from call to call. */
  readonly numberOfKeys?: number;
  readonly lua: string;
};

/** Lua for the wall clock of the server in milliseconds. */
export const nowMsLua = `
local time = redis.call('time')
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)`;
