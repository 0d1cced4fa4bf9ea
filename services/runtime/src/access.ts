/**
 * Who may do what: the one place that decides over credentials. Denies by default,
 * compares in constant time, and slows down guessing per address and mount.
 */
import { addressKey, FailureLimiter } from '@legacystream/core/auth/failure-limiter.ts';
import type { Clock } from '@legacystream/core/clock.ts';
import { mountSettingsFor } from './config/mount-settings.ts';
import type { Settings } from './config/settings.ts';
import type { PasswordVerifier } from './passwords.ts';

export type Credentials = { readonly user: string; readonly password: string };

export type Verdict =
  | { readonly granted: true; readonly role: 'admin' | 'source' | 'relay' | 'listener' }
  | { readonly granted: false; readonly retryAfterMs: number };

/** An address may fail this many times more over all mounts than on one. */
const addressFactor = 5;

export class Access {
  readonly #settings: Settings;
  readonly #passwords: PasswordVerifier;
  readonly #perMount: FailureLimiter;
  readonly #perAddress: FailureLimiter;
  /** Told of every failed login here, as `address path`; others of the fleet are to count it too. */
  onFailure: (pair: string) => void = () => {};

  constructor(settings: Settings, passwords: PasswordVerifier, clock: Clock) {
    this.#settings = settings;
    this.#passwords = passwords;
    this.#perMount = new FailureLimiter(clock, settings.limits.authFailures);
    this.#perAddress = new FailureLimiter(clock, settings.limits.authFailures * addressFactor);
  }

  /** May this client feed the mount? The source login of the mount, or of the server. */
  source(path: string, credentials: Credentials | undefined, ip: string): Promise<Verdict> {
    return this.#limited(path, ip, credentials, async (given) =>
      (await this.#isSource(path, given.user, given.password)) ? 'source' : undefined,
    );
  }

  /** As {@link source} for a dialect that has only a password; a user name in it is the DJ's and not checked. */
  sourcePassword(path: string, password: string, ip: string): Promise<Verdict> {
    return this.#limited(path, ip, { user: '', password }, async (given) =>
      (await this.#isSource(path, undefined, given.password)) ? 'source' : undefined,
    );
  }

  /** May this client administer the server? */
  admin(credentials: Credentials | undefined, ip: string): Promise<Verdict> {
    return this.#limited('', ip, credentials, async (given) =>
      (await this.#isAdmin(given)) ? 'admin' : undefined,
    );
  }

  /** As {@link admin} for `pass=` of SHOUTcast's admin.cgi, which names no user. */
  adminPassword(password: string, ip: string): Promise<Verdict> {
    return this.#limited('', ip, { user: '', password }, async (given) =>
      (await this.#isAdmin({ ...given, user: this.#settings.auth.adminUser })) ? 'admin' : undefined,
    );
  }

  /** May this client administer one mount? The administrator, or the mount's own source. */
  mountAdmin(path: string, credentials: Credentials | undefined, ip: string): Promise<Verdict> {
    return this.#limited(path, ip, credentials, async (given) => {
      if (await this.#isAdmin(given)) return 'admin';
      return (await this.#isSource(path, given.user, given.password)) ? 'source' : undefined;
    });
  }

  /** As {@link mountAdmin} for `pass=` of SHOUTcast's admin.cgi, which names no user. */
  mountPassword(path: string, password: string, ip: string): Promise<Verdict> {
    return this.#limited(path, ip, { user: '', password }, async () => {
      const { adminPassword } = this.#settings.auth;
      if (adminPassword && (await this.#passwords.verify(password, adminPassword))) return 'admin';
      return (await this.#isSource(path, undefined, password)) ? 'source' : undefined;
    });
  }

  /** May this client read the list of streams as a relay? */
  relay(credentials: Credentials | undefined, ip: string): Promise<Verdict> {
    return this.#limited('', ip, credentials, async (given) => {
      if (await this.#isAdmin(given)) return 'admin';
      const { relayUser, relayPassword } = this.#settings.auth;
      return (await this.#matches(given, relayUser, relayPassword)) ? 'relay' : undefined;
    });
  }

  /**
   * May this client listen to the mount? Counted apart from the logins of the mount's source,
   * which may come from the same address.
   * @param check tells whether the user and the password belong together
   */
  listener(
    path: string,
    credentials: Credentials | undefined,
    ip: string,
    check: (given: Credentials) => Promise<boolean>,
  ): Promise<Verdict> {
    return this.#limited(`listeners of ${path}`, ip, credentials, async (given) =>
      (await check(given)) ? 'listener' : undefined,
    );
  }

  async #limited(
    path: string,
    ip: string,
    credentials: Credentials | undefined,
    check: (given: Credentials) => Promise<'admin' | 'source' | 'relay' | 'listener' | undefined>,
  ): Promise<Verdict> {
    const address = addressKey(ip);
    const pair = `${address} ${path}`;
    const retryAfterMs = Math.max(this.#perMount.blockedMs(pair), this.#perAddress.blockedMs(address));
    if (retryAfterMs > 0) return { granted: false, retryAfterMs };
    // A client that has not tried yet is asked for its credentials; that is no failure.
    if (!credentials) return { granted: false, retryAfterMs: 0 };
    const role = await check(credentials);
    if (role) {
      this.#perMount.recordSuccess(pair);
      return { granted: true, role };
    }
    this.recordFailure(pair);
    this.onFailure(pair);
    return { granted: false, retryAfterMs: 0 };
  }

  /** Counts a failed login, of this process or of another one of the fleet. */
  recordFailure(pair: string): void {
    this.#perMount.recordFailure(pair);
    this.#perAddress.recordFailure(pair.split(' ', 1)[0] ?? '');
  }

  #isAdmin(given: Credentials): Promise<boolean> {
    const { adminUser, adminPassword } = this.#settings.auth;
    return this.#matches(given, adminUser, adminPassword);
  }

  async #isSource(path: string, user: string | undefined, password: string): Promise<boolean> {
    const mount = mountSettingsFor(this.#settings, path);
    const wantedUser = mount.sourceUser || this.#settings.auth.sourceUser;
    const wanted = mount.sourcePassword || this.#settings.auth.sourcePassword;
    return this.#matches({ user: user ?? wantedUser, password }, wantedUser, wanted);
  }

  async #matches(given: Credentials, user: string, password: string): Promise<boolean> {
    // Without a configured password nobody gets in. The password is compared even for a
    // wrong user, so that the time taken does not tell which of the two was wrong.
    if (password === '') return false;
    const passwordOk = await this.#passwords.verify(given.password, password);
    const userOk = await this.#passwords.verify(given.user, user);
    return passwordOk && userOk;
  }
}
