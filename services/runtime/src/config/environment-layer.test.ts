import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readEnvironmentLayer } from './environment-layer.ts';
import { environmentName, findSetting, plainSections } from './setting-catalogue.ts';

function read(env: Record<string, string | undefined>) {
  const { entries, problems, warnings } = readEnvironmentLayer(env);
  assert.deepEqual(problems, []);
  return {
    entries: entries.map(({ section, setting, text }) => `${section.name}.${setting.key}=${text}`),
    warnings: warnings.map(({ where, message }) => `${where}: ${message}`),
  };
}

describe('environment variables', () => {
  for (const [path, name] of Object.entries({
    'server.httpPort': 'LEGACYSTREAM_SERVER_HTTP_PORT',
    'ssl.certificatePath': 'LEGACYSTREAM_SSL_CERTIFICATE_PATH',
    'letsEncrypt.email': 'LEGACYSTREAM_LETS_ENCRYPT_EMAIL',
    'limits.maxListenerQueue': 'LEGACYSTREAM_LIMITS_MAX_LISTENER_QUEUE',
    'cluster.podId': 'LEGACYSTREAM_CLUSTER_POD_ID',
    'auth.sourcePasswordFile': 'LEGACYSTREAM_AUTH_SOURCE_PASSWORD_FILE',
  })) {
    test(`${path} is ${name}`, () => {
      const known = findSetting(path);
      assert.ok(known);
      assert.equal(environmentName(known.section, known.setting), name);
      assert.deepEqual(read({ [name]: ' 1 ' }), { entries: [`${path}=1`], warnings: [] });
    });
  }

  test('no two settings share a variable', () => {
    const names = plainSections.flatMap((section) =>
      section.settings.map((one) => environmentName(section, one)),
    );
    assert.equal(new Set(names).size, names.length);
  });

  test('an empty variable counts as not set, others’ variables are nothing to us', () => {
    const env = {
      LEGACYSTREAM_SERVER_HTTP_PORT: '',
      LEGACYSTREAM_LOG_LEVEL: undefined,
      PATH: '/bin',
      HTTP_PORT: '1',
    };
    assert.deepEqual(read(env), { entries: [], warnings: [] });
  });

  test('an unknown variable is a warning with a guess', () => {
    const { warnings } = read({
      LEGACYSTREAM_SERVER_HTP_PORT: '8000',
      LEGACYSTREAM_LOG_LEVL: 'info',
      LEGACYSTREAM_FROB: '1',
    });
    assert.equal(warnings.length, 3);
    assert.match(warnings[0] ?? '', /did you mean LEGACYSTREAM_SERVER_HTTP_PORT\?$/);
    assert.match(warnings[1] ?? '', /did you mean LEGACYSTREAM_LOG_LEVEL\?$/);
    assert.match(warnings[2] ?? '', /no setting has this name$/);
  });

  test('the variable that names the file is not a setting', () => {
    assert.deepEqual(read({ LEGACYSTREAM_CONFIG: '/etc/x.ini' }), { entries: [], warnings: [] });
  });

  test('what Kubernetes injects for a Service is silent and never a value', () => {
    const env: Record<string, string> = {};
    // As the kubelet makes them for Services named legacystream, legacystream-edge and legacystream-telemetry.
    for (const [service, port] of [
      ['LEGACYSTREAM', 8000],
      ['LEGACYSTREAM_EDGE', 8443],
      ['LEGACYSTREAM_TELEMETRY', 9090],
    ] as const) {
      const link = `tcp://10.96.0.7:${port}`;
      Object.assign(env, {
        [`${service}_SERVICE_HOST`]: '10.96.0.7',
        [`${service}_SERVICE_PORT`]: String(port),
        [`${service}_SERVICE_PORT_HTTP`]: String(port),
        [`${service}_PORT`]: link,
        [`${service}_PORT_${port}_TCP`]: link,
        [`${service}_PORT_${port}_TCP_PROTO`]: 'tcp',
        [`${service}_PORT_${port}_TCP_PORT`]: String(port),
        [`${service}_PORT_${port}_TCP_ADDR`]: '10.96.0.7',
      });
    }
    assert.deepEqual(read(env), { entries: [], warnings: [] });
  });

  test('a port that only shares its name with a Service’s variable is a value', () => {
    assert.deepEqual(read({ LEGACYSTREAM_TELEMETRY_PORT: '9191' }).entries, ['telemetry.port=9191']);
  });
});
