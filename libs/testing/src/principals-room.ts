import { beforeEach } from '@jest/globals';
import { isAppError, SecretValue, type RequestContext } from '@claviger/kernel';
import { AuditService } from '@claviger/features/audit';
import { ClientCredentialRepository } from '../../features/src/principals/client-credential.repository.js';
import { ClientCredentialService } from '../../features/src/principals/client-credential.service.js';
import { Granting } from '../../features/src/principals/granting.js';
import { GroupRepository } from '../../features/src/principals/group.repository.js';
import { GroupService } from '../../features/src/principals/group.service.js';
import { Lockouts } from '../../features/src/principals/lockouts.js';
import { LoginService } from '../../features/src/principals/login.service.js';
import { PasswordHasher } from '../../features/src/principals/password-hasher.js';
import { PrincipalRepository } from '../../features/src/principals/principal.repository.js';
import { PrincipalService, type PrincipalView } from '../../features/src/principals/principal.service.js';
import { AccessRoom, type AccessProcess } from './access-room.js';
import { FakeClock } from './fake-clock.js';

// Not behind the door of libs/testing: whoever imports this loads the room.

/** Where the log-ins of the tests come from. */
export const ORIGIN = { requestId: 'request', remoteAddress: '192.0.2.7' };
/** The password of every user that is made here. */
export const PASSWORD = new SecretValue('correct horse battery');

/** The code of a refusal. @throws what is none */
export function codeOf(error: unknown): string {
  if (isAppError(error)) return error.code;
  throw error;
}

/** The services of one process. */
export type PrincipalsProcess = {
  readonly process: AccessProcess;
  readonly hasher: PasswordHasher;
  readonly principals: PrincipalService;
  readonly groups: GroupService;
  readonly credentials: ClientCredentialService;
  readonly login: LoginService;
};

/** Users, service accounts and groups on a database of a test file's own: none when a test begins. */
export class PrincipalsRoom {
  readonly access = AccessRoom.forFile();
  clock = new FakeClock();
  #one: PrincipalsProcess | undefined;
  #root: RequestContext | undefined;

  private constructor() {
    beforeEach(async () => {
      this.clock = new FakeClock();
      await this.access.test.database.pool.query('delete from principal; delete from principal_group');
      this.#one = await this.start();
      this.#root = await this.#one.process.as(this.access.root);
    });
  }

  static forFile(): PrincipalsRoom {
    return new PrincipalsRoom();
  }

  /** The process of the running test. */
  get one(): PrincipalsProcess {
    return this.#one!;
  }

  /** A caller who may do everything. */
  get root(): RequestContext {
    return this.#root!;
  }

  /** Starts one more process; it ends with the test. */
  async start(): Promise<PrincipalsProcess> {
    const { clock } = this;
    const { keyring } = this.access;
    const process = await this.access.start(clock);
    const { database, access, tokens, epoch, policies } = process;
    const audit = new AuditService(database, keyring, clock);
    const [principals, groups] = [new PrincipalRepository(database), new GroupRepository(database)];
    const [credentials, hasher] = [new ClientCredentialRepository(database), new PasswordHasher()];
    const granting = new Granting(access, policies, groups);
    const lockouts = new Lockouts(principals, audit, clock);
    return {
      process,
      hasher,
      principals: new PrincipalService(
        ...([database, principals, groups, granting, hasher, lockouts, access, tokens, epoch, audit] as const),
      ),
      groups: new GroupService(database, groups, principals, granting, access, epoch, audit),
      credentials: new ClientCredentialService(
        ...([database, credentials, principals, granting, access, audit, keyring, clock] as const),
      ),
      login: new LoginService(
        ...([database, principals, credentials, hasher, lockouts, tokens, audit, keyring, clock] as const),
      ),
    };
  }

  /** A user with these policies and {@link PASSWORD}. */
  user(name: string, policies: readonly string[] = []): Promise<PrincipalView> {
    return this.one.principals.create(this.root, 'user', { name, policies, password: PASSWORD });
  }

  /** The token of a user who logs in. */
  async logIn(name: string, password = PASSWORD): Promise<SecretValue> {
    return (await this.one.login.withPassword(ORIGIN, name, password)).token;
  }

  /** `in`, or the code of the refusal. */
  tryLogIn(name: string, password = PASSWORD): Promise<string> {
    return this.logIn(name, password).then(() => 'in', codeOf);
  }
}
