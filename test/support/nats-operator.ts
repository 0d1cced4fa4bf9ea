/**
 * NATS in operator mode, as its operators run it without passwords: an operator that signs an
 * account, an account that signs users, and a file for each user (`.creds`) with its JWT and
 * its key. The servers hold the accounts in memory; users are known to nobody in advance.
 */
import { readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { encodeAccount, encodeOperator, encodeUser, fmtCreds, type Permissions } from '@nats-io/jwt';
import { createAccount, createOperator, createUser, type KeyPair } from '@nats-io/nkeys';

export type NatsRole = 'ingest' | 'edge' | 'control';

/** What a role may do by deploy/nats/accounts.conf, as a user's JWT says it. */
export function rightsOf(role: NatsRole): Permissions {
  const conf = readFileSync(new URL('../../deploy/nats/accounts.conf', import.meta.url), 'utf8');
  const inRole = blockOf(conf.replaceAll(/^\s*#.*$/gm, ''), role.toUpperCase());
  const allowed = (verb: string) =>
    [...blockOf(inRole, verb).matchAll(/"([^"]+)"/g)].map(([, subject]) => subject!);
  const answers = /allow_responses:(?: true| \{ max: (\d+), expires: "(\d+)s" \})/.exec(inRole);
  if (!answers) throw new Error(`accounts.conf: the answers of ${role}`);
  const [, max = 1, seconds = 0] = answers;
  return {
    pub: { allow: allowed('publish') },
    sub: { allow: allowed('subscribe') },
    // Nanoseconds; 0 is the server's default.
    resp: { max: Number(max), ttl: Number(seconds) * 1e9 },
  };
}

/** From the name to the brace that stands as far in as the name. */
function blockOf(text: string, name: string): string {
  const found = new RegExp(`^( *)${name} \\{\\n([\\s\\S]*?)^\\1\\}`, 'm').exec(text);
  if (!found) throw new Error(`accounts.conf: no ${name}`);
  return found[2]!;
}

const unlimited = { data: -1, payload: -1, subs: -1, imports: -1, exports: -1, conn: -1, leaf: -1 };

export type NatsUser = { readonly jwt: string; readonly key: KeyPair };

export class NatsOperator {
  /** Lines for the configuration of every server. */
  readonly config: string;
  readonly #account: KeyPair;

  private constructor(config: string, account: KeyPair) {
    this.config = config;
    this.#account = account;
  }

  /** @param jetStream whether the account may have a stream, in memory */
  static async create(jetStream = true): Promise<NatsOperator> {
    const [operator, system, account] = [createOperator(), createAccount(), createAccount()];
    const signed = { signer: operator };
    const stream = { mem_storage: 256 * 1024 * 1024, streams: 1, consumer: 0 };
    const limits = { ...unlimited, wildcards: true, ...(jetStream && stream) };
    const accounts = [
      [system, await encodeAccount('SYS', system, { limits: unlimited }, signed)],
      [account, await encodeAccount('LEGACYSTREAM', account, { limits }, signed)],
    ] as const;
    const lines = [
      `operator: ${await encodeOperator('legacystream', operator, { system_account: system.getPublicKey() })}`,
      `system_account: ${system.getPublicKey()}`,
      'resolver: MEMORY',
      'resolver_preload: {',
      ...accounts.map(([key, jwt]) => `  ${key.getPublicKey()}: ${jwt}`),
      '}',
    ];
    return new NatsOperator(lines.join('\n'), account);
  }

  /** A user with a key of its own. @param forS until it expires; absent: for ever */
  async user(role: NatsRole, forS?: number): Promise<NatsUser> {
    const key = createUser();
    const until = forS === undefined ? {} : { exp: Math.floor(Date.now() / 1000) + forS };
    return { jwt: await encodeUser(role, key, this.#account, rightsOf(role), until), key };
  }
}

/** Puts a user's file in place at once, as whoever renews it does. */
export async function writeCredentials(file: string, { jwt, key }: NatsUser): Promise<void> {
  await writeFile(`${file}.new`, fmtCreds(jwt, key), { mode: 0o600 });
  await rename(`${file}.new`, file);
}
