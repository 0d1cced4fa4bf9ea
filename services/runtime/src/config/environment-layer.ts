/**
 * The layer of `LEGACYSTREAM_…` environment variables. An empty variable counts as not
 * set. An unknown one is a warning only, and those that Kubernetes injects for a
 * Service named `legacystream…` are passed over, even where their name is that of a
 * setting: `LEGACYSTREAM_TELEMETRY_PORT=tcp://10.0.0.1:9090` is no port number.
 */
import { nearestName } from './nearest-name.ts';
import { environmentName, plainSections } from './setting-catalogue.ts';
import { invalid, type LayerContent, type LayerEntry, withGuess } from './setting-layer.ts';
import type { SettingProblem } from './settings.ts';

/** Names that belong to the command line program rather than to a setting. */
const reservedNames = new Set(['LEGACYSTREAM_CONFIG']);

const knownNames = new Map(
  plainSections.flatMap((section) =>
    section.settings.map((setting) => [environmentName(section, setting), { section, setting }] as const),
  ),
);

export function readEnvironmentLayer(env: Readonly<Record<string, string | undefined>>): LayerContent {
  const entries: LayerEntry[] = [];
  const warnings: SettingProblem[] = [];
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith('LEGACYSTREAM_') || reservedNames.has(name)) continue;
    if (text === undefined || text.trim() === '') continue;
    const known = knownNames.get(name);
    const where = `environment ${name}`;
    if (known) {
      if (!isServiceLink(text)) entries.push({ ...known, text: text.trim(), where });
    } else if (!isInjectedByKubernetes(name, text)) {
      warnings.push(
        invalid(where, withGuess('no setting has this name', nearestName(name, knownNames.keys()))),
      );
    }
  }
  return { layer: 'environment', entries, mounts: [], problems: [], warnings };
}

/** The value that Kubernetes gives to `<SERVICE>_PORT`. */
function isServiceLink(text: string): boolean {
  return /^(tcp|udp|sctp):\/\//i.test(text.trim());
}

function isInjectedByKubernetes(name: string, text: string): boolean {
  if (/_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name))
    return true;
  return name.endsWith('_PORT') && isServiceLink(text);
}
