/**
 * What no single setting can tell: values that are right by themselves and wrong
 * together, and passwords that are no protection.
 */
import { parsePasswordHash } from '../passwords.ts';
import { checkListenerAuth } from './listener-auth-checks.ts';
import { mountSection, plainSections } from './setting-catalogue.ts';
import { invalid, whereOf } from './setting-layer.ts';
import type { Origin, SettingProblem, Settings } from './settings.ts';
import { isHashedPassword, passwordWeakness } from './weak-password.ts';

export type CheckFindings = { readonly problems: SettingProblem[]; readonly warnings: SettingProblem[] };

export function crossCheck(settings: Settings, origins: ReadonlyMap<string, Origin>): CheckFindings {
  const findings: CheckFindings = { problems: [], warnings: [] };
  checkPorts(settings, origins, findings);
  checkLatency(settings, origins, findings);
  checkTls(settings, origins, findings);
  checkSids(settings, origins, findings);
  checkPasswords(settings, origins, findings);
  findings.problems.push(...checkListenerAuth(settings, origins));
  return findings;
}

function checkPorts(
  settings: Settings,
  origins: ReadonlyMap<string, Origin>,
  { problems }: CheckFindings,
): void {
  const { server, telemetry, ssl } = settings;
  const shoutcastPort =
    server.shoutcastPort === 'auto' && server.httpPort > 0 ? server.httpPort + 1 : server.shoutcastPort;
  const open = [
    {
      path: 'server.httpPort',
      name: '[Server] HttpPort',
      address: server.bindAddress,
      port: server.httpPort,
    },
    {
      path: 'server.httpsPort',
      name: '[Server] HttpsPort',
      address: server.bindAddress,
      port: server.httpsPort,
    },
    {
      path: 'server.shoutcastPort',
      name: '[Server] ShoutcastPort',
      address: server.bindAddress,
      port: shoutcastPort,
    },
    {
      path: 'telemetry.port',
      name: '[Telemetry] Port',
      address: telemetry.bindAddress,
      port: telemetry.port,
    },
    // A port that is neither opened nor asked for stands in nobody's way.
  ].filter(
    ({ path }) => path !== 'server.httpsPort' || ssl.enabled || origins.get(path)?.layer !== 'defaults',
  );
  if (typeof shoutcastPort === 'number' && shoutcastPort > 65535) {
    const where = whereOf(origins, 'server.shoutcastPort', 'server.httpPort');
    problems.push(invalid(where, '[Server] ShoutcastPort=auto is HttpPort + 1, which is no port; set it'));
  }
  for (const [index, second] of open.entries()) {
    for (const first of open.slice(0, index)) {
      if (typeof second.port !== 'number' || second.port === 0 || second.port !== first.port) continue;
      if (second.address !== first.address && !isWildcard(first.address) && !isWildcard(second.address))
        continue;
      // A SHOUTcast port that follows HttpPort is where HttpPort put it.
      const where = whereOf(origins, second.path, first.path, 'server.httpPort');
      problems.push(invalid(where, `${second.name} and ${first.name} are both ${second.port}`));
    }
  }
}

function checkLatency(
  settings: Settings,
  origins: ReadonlyMap<string, Origin>,
  { problems }: CheckFindings,
): void {
  const { maxLatency, defaultLatency } = settings.streaming;
  if (maxLatency < defaultLatency) {
    const where = whereOf(origins, 'streaming.maxLatency', 'streaming.defaultLatency');
    problems.push(
      invalid(
        where,
        `[Streaming] MaxLatency (${maxLatency}) is less than DefaultLatency (${defaultLatency})`,
      ),
    );
  }
  for (const { pattern, values } of settings.mounts) {
    if (values.defaultLatency === undefined || values.defaultLatency <= maxLatency) continue;
    const where = whereOf(origins, `${pattern}.defaultLatency`);
    const message = `[Mount ${pattern}] DefaultLatency (${values.defaultLatency}) is more than [Streaming] MaxLatency (${maxLatency})`;
    problems.push(invalid(where, message));
  }
}

function checkTls(
  settings: Settings,
  origins: ReadonlyMap<string, Origin>,
  { problems }: CheckFindings,
): void {
  const { enabled, certificatePath, privateKeyPath } = settings.ssl;
  if (!enabled) return;
  const missing =
    certificatePath === '' ? 'CertificatePath' : privateKeyPath === '' ? 'PrivateKeyPath' : undefined;
  const half = (certificatePath === '') !== (privateKeyPath === '');
  if (missing !== undefined && (half || settings.letsEncrypt.domains.length === 0)) {
    const way = half ? '' : ', or [LetsEncrypt] Domains to obtain a certificate for';
    problems.push(invalid(whereOf(origins, 'ssl.enabled'), `[SSL] Enabled needs ${missing}${way}`));
  }
}

function checkSids(
  settings: Settings,
  origins: ReadonlyMap<string, Origin>,
  { problems }: CheckFindings,
): void {
  const owners = new Map<number, string>();
  for (const { pattern, values } of settings.mounts) {
    if (!values.sid) continue;
    const where = whereOf(origins, `${pattern}.sid`);
    const owner = owners.get(values.sid);
    if (pattern.includes('*'))
      problems.push(
        invalid(
          where,
          `[Mount ${pattern}] Sid: a template cannot have one, since it would be several mounts’`,
        ),
      );
    else if (owner !== undefined)
      problems.push(invalid(where, `[Mount ${pattern}] Sid ${values.sid} is that of [Mount ${owner}]`));
    else owners.set(values.sid, pattern);
  }
}

function checkPasswords(
  settings: Settings,
  origins: ReadonlyMap<string, Origin>,
  findings: CheckFindings,
): void {
  const check = (name: string, path: string, password: unknown, fromSource: boolean) => {
    if (typeof password !== 'string' || password === '') return;
    const where = whereOf(origins, path);
    const weakness = passwordWeakness(password);
    if (weakness !== undefined) {
      findings.problems.push({
        code: 'LS_CREDENTIAL_WEAK',
        where,
        message: `${name} ${weakness}; choose another`,
      });
    } else if (isHashedPassword(password)) {
      if (parsePasswordHash(password)) return;
      findings.warnings.push(
        invalid(where, `${name} is no complete hash, so that nobody can log in with it`),
      );
    } else if (fromSource && password.includes(':')) {
      findings.warnings.push(
        invalid(where, `${name} contains a colon, so that SHOUTcast v1 encoders cannot use it`),
      );
    }
  };
  for (const section of plainSections) {
    const values = settings[section.name as keyof Settings] as unknown as Record<string, unknown>;
    for (const { key, iniKey, schema } of section.settings) {
      if (!schema.setting.password) continue;
      check(
        `[${section.iniName}] ${iniKey}`,
        `${section.name}.${key}`,
        values[key],
        key === 'sourcePassword',
      );
    }
  }
  for (const { pattern, values } of settings.mounts) {
    const { iniKey = '' } = mountSection.byKey.get('sourcepassword') ?? {};
    check(`[Mount ${pattern}] ${iniKey}`, `${pattern}.sourcePassword`, values.sourcePassword, true);
  }
}

function isWildcard(address: string): boolean {
  return address === '::' || address === '0.0.0.0';
}
