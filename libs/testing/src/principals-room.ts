import { beforeEach } from '@jest/globals';
import type { JWTPayload } from 'jose';
import { isAppError, SecretValue, type RequestContext } from '@claviger/kernel';
import { AuditService } from '@claviger/features/audit';
import { ClientCredentialRepository } from '../../features/src/principals/client-credential.repository.js';
import { ClientCredentialService } from '../../features/src/principals/client-credential.service.js';
import { Granting } from '../../features/src/principals/granting.js';
import { GroupRepository } from '../../features/src/principals/group.repository.js';
import { GroupService } from '../../features/src/principals/group.service.js';
import { Lockouts } from '../../features/src/principals/lockouts.js';
import { IssuerGranting } from '../../features/src/principals/login-issuers/issuer-granting.js';
import { IssuerKeys } from '../../features/src/principals/login-issuers/issuer-keys.js';
import { IssuerMembershipRepository } from '../../features/src/principals/login-issuers/issuer-membership.repository.js';
import { JwtLoginService } from '../../features/src/principals/login-issuers/jwt-login.service.js';
import { JwtVerifier } from '../../features/src/principals/login-issuers/jwt-verifier.js';
import { LoginIdentityRepository } from '../../features/src/principals/login-issuers/login-identity.repository.js';
import { LoginIssuerRepository } from '../../features/src/principals/login-issuers/login-issuer.repository.js';
import {
  LoginIssuerService,
  type LoginIssuerView,
  type NewLoginIssuer,
} from '../../features/src/principals/login-issuers/login-issuer.service.js';
import { LoginLinkService } from '../../features/src/principals/login-issuers/login-link.service.js';
import { LoginRefusals } from '../../features/src/principals/login-issuers/login-refusals.js';
import { LoginService } from '../../features/src/principals/login.service.js';
import { LoginTokens } from '../../features/src/principals/login-tokens.js';
import { PasswordHasher } from '../../features/src/principals/password-hasher.js';
import { PrincipalRepository } from '../../features/src/principals/principal.repository.js';
import { PrincipalService, type PrincipalView } from '../../features/src/principals/principal.service.js';
import { AccessRoom, type AccessProcess } from './access-room.js';
import { FakeClock } from './fake-clock.js';
import { FAKE_AUDIENCE, FAKE_ISS, FakeIssuer } from './fake-issuer.js';

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
  readonly issuers: LoginIssuerService;
  readonly links: LoginLinkService;
};

/** Users, service accounts and groups on a database of a test file's own: none when a test begins. */
export class PrincipalsRoom {
  readonly access = AccessRoom.forFile();
  clock = new FakeClock();
  /** Where every issuer's keys are. */
  issuer = new FakeIssuer(this.clock);
  #one: PrincipalsProcess | undefined;
  #root: RequestContext | undefined;

  private constructor() {
    beforeEach(async () => {
      this.clock = new FakeClock();
      this.issuer = new FakeIssuer(this.clock);
      await this.access.test.database.pool.query(
        'delete from principal; delete from principal_group; delete from login_issuer',
      );
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
    const [issuers, identities] = [new LoginIssuerRepository(database), new LoginIdentityRepository(database)];
    const memberships = new IssuerMembershipRepository(database);
    const issuerGranting = new IssuerGranting(access, granting, identities);
    const loginTokens = new LoginTokens(principals, tokens, audit, clock);
    const verifier = new JwtVerifier(new IssuerKeys(this.issuer, this.access.logs.logger, clock), clock);
    const refusals = new LoginRefusals(audit, clock);
    const jwt = new JwtLoginService(
      ...([
        database,
        issuers,
        identities,
        memberships,
        principals,
        verifier,
        refusals,
        loginTokens,
        epoch,
        audit,
      ] as const),
    );
    return {
      process,
      hasher,
      principals: new PrincipalService(
        ...([database, principals, groups, granting, hasher, lockouts, access, tokens, epoch, audit] as const),
      ),
      groups: new GroupService(database, groups, principals, granting, access, epoch, audit),
      credentials: new ClientCredentialService(
        ...([database, credentials, principals, granting, access, tokens, audit, keyring, clock] as const),
      ),
      login: new LoginService(
        ...([database, principals, credentials, hasher, lockouts, loginTokens, jwt, audit, keyring, clock] as const),
      ),
      issuers: new LoginIssuerService(
        ...([database, issuers, identities, memberships, issuerGranting, access, tokens, epoch, audit] as const),
      ),
      links: new LoginLinkService(
        ...([database, issuers, identities, memberships, principals, granting, access, tokens, audit] as const),
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

  /** A login issuer `corp` whose tokens {@link issuer} makes: it provisions, and maps nothing yet. */
  corp(more: Partial<NewLoginIssuer> = {}): Promise<LoginIssuerView> {
    return this.one.issuers.create(this.root, {
      name: 'corp',
      issuer: FAKE_ISS,
      audiences: [FAKE_AUDIENCE],
      groupsClaim: 'groups',
      provisions: true,
      ...more,
    });
  }

  /** The token of who logs in with a JWT of {@link corp} with these claims. */
  async logInBy(claims: JWTPayload = {}, issuer = 'corp'): Promise<SecretValue> {
    return (await this.one.login.withJwt(ORIGIN, issuer, await this.issuer.token(claims))).token;
  }

  /** `in`, or the code of the refusal. */
  tryLogInBy(claims: JWTPayload = {}, issuer = 'corp'): Promise<string> {
    return this.logInBy(claims, issuer).then(() => 'in', codeOf);
  }

  /** `in`, or the code of the refusal. */
  tryLogIn(name: string, password = PASSWORD): Promise<string> {
    return this.logIn(name, password).then(() => 'in', codeOf);
  }
}
