/** What a running server says of itself, read the way its users read it. */
import { eventually } from './eventually.ts';
import type { ServerProcess } from './server-process.ts';

export type StatusSource = { readonly listenurl: string; readonly [field: string]: unknown };

/** The sources of `/status-json.xsl`, by mount path; one, several and none alike. */
export async function statusSources(server: ServerProcess): Promise<Map<string, StatusSource>> {
  const response = await fetch(`${server.url}/status-json.xsl`);
  const { icestats } = (await response.json()) as { icestats: { source?: StatusSource | StatusSource[] } };
  const sources = icestats.source === undefined ? [] : [icestats.source].flat();
  return new Map(sources.map((source) => [decodeURI(new URL(source.listenurl).pathname), source]));
}

/** Waits until the mount is listed with what `fits`. */
export function statusOf(
  server: ServerProcess,
  mount: string,
  fits: (source: StatusSource) => boolean = () => true,
): Promise<StatusSource> {
  return eventually(`${mount} is listed as wanted`, async () => {
    const source = (await statusSources(server)).get(mount);
    return source && fits(source) ? source : undefined;
  });
}

/** A value of the metrics page; of a metric with labels, the one of `label`, such as `mount="/a"`. */
export async function metricOf(server: ServerProcess, name: string, label?: string): Promise<number> {
  const page = await (await fetch(`http://${server.host}:${server.telemetryPort}/metrics`)).text();
  const start = label === undefined ? `${name} ` : `${name}{`;
  const line = page
    .split('\n')
    .find((text) => text.startsWith(start) && (label === undefined || text.includes(label)));
  return Number(line?.slice(line.lastIndexOf(' ') + 1) ?? Number.NaN);
}
