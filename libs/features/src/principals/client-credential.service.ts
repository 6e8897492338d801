import { CLOCK, isId, type Clock, type RequestContext, type SecretValue } from '@claviger/kernel';
import { AccessService, MAX_TTL_SECONDS, TokenService } from '@claviger/features/access';
import { AuditService } from '@claviger/features/audit';
import { Keyring } from '@claviger/platform/crypto';
import { Database } from '@claviger/platform/database';
import { Inject, Injectable } from '@nestjs/common';
import type { ClientCredentialEntity } from './client-credential.entity.js';
import { ClientCredentialRepository } from './client-credential.repository.js';
import { newClientSecret } from './client-secret.js';
import { Granting } from './granting.js';
import type { PrincipalEntity } from './principal.entity.js';
import { checkText, isPrincipalName } from './principal-input.policy.js';
import { PrincipalRepository } from './principal.repository.js';
import { principalPath } from './principal.service.js';
import { credentialNotFound, inputInvalid, principalNotFound } from './principals.errors.js';

export type ClientCredentialView = Pick<
  ClientCredentialEntity,
  'id' | 'label' | 'expiresAt' | 'lastUsedAt' | 'createdAt'
>;

/** A new credential; its secret is in this answer and nowhere else. */
export type IssuedCredential = {
  readonly clientId: string;
  readonly clientSecret: SecretValue<string>;
  readonly view: ClientCredentialView;
};

export type NewCredential = { readonly label?: string; readonly ttlSeconds?: number };

/** A year: whoever forgets a credential should not keep it for ever. */
const MAX_CREDENTIAL_TTL_SECONDS = 366 * 86_400;
const MAX_CREDENTIALS = 20;

/** Keeps what service accounts log in with. Several at a time, so that one can be replaced without a pause. */
@Injectable()
export class ClientCredentialService {
  constructor(
    private readonly database: Database,
    private readonly credentials: ClientCredentialRepository,
    private readonly principals: PrincipalRepository,
    private readonly granting: Granting,
    private readonly access: AccessService,
    private readonly tokens: TokenService,
    private readonly audit: AuditService,
    private readonly keyring: Keyring,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Oldest first. @throws AppError ACCESS_DENIED, PRINCIPAL_NOT_FOUND */
  async list(ctx: RequestContext, account: string): Promise<ClientCredentialView[]> {
    const row = await this.#find(ctx, account, 'read');
    return (await this.credentials.list(ctx, row.id)).map(toView);
  }

  /**
   * Makes a credential, for a year at most.
   * @throws AppError ACCESS_DENIED, PRINCIPAL_NOT_FOUND, POLICIES_EXCEED_OWN, INPUT_INVALID
   */
  async create(ctx: RequestContext, account: string, wanted: NewCredential): Promise<IssuedCredential> {
    const { label = '', ttlSeconds = MAX_TTL_SECONDS } = wanted;
    checkText('label', label);
    if (!Number.isSafeInteger(ttlSeconds) || ttlSeconds < 1 || ttlSeconds > MAX_CREDENTIAL_TTL_SECONDS)
      throw inputInvalid('ttlSeconds', `a whole number from 1 to ${MAX_CREDENTIAL_TTL_SECONDS} is allowed`);
    await this.#find(ctx, account, 'update');
    const clientSecret = newClientSecret();
    const mac = this.keyring.mac(ctx.storeId, 'access');
    return this.database.transaction(ctx, async (tx) => {
      const principal = await this.#lock(tx, account);
      await this.granting.assertMayBecome(tx, principalPath('service-account', account), principal);
      if ((await this.credentials.list(tx, principal.id)).length >= MAX_CREDENTIALS)
        throw inputInvalid('credentials', `at most ${MAX_CREDENTIALS} are allowed at a time; remove one first`);
      const row = await this.credentials.insert(tx, {
        principalId: principal.id,
        sponsorId: (await this.tokens.findSponsor(tx)) ?? null,
        label,
        hash: mac.hmac(clientSecret.reveal()),
        hashKeyId: mac.keyId,
        expiresAt: new Date(this.clock.now().getTime() + ttlSeconds * 1_000),
      });
      await this.#record(tx, 'create-credential', principal, row.id);
      return { clientId: principal.id, clientSecret, view: toView(row) };
    });
  }

  /** Tokens that were got with it stay. @throws AppError ACCESS_DENIED, PRINCIPAL_NOT_FOUND, CREDENTIAL_NOT_FOUND */
  async remove(ctx: RequestContext, account: string, id: string): Promise<void> {
    await this.#find(ctx, account, 'update');
    await this.database.transaction(ctx, async (tx) => {
      const principal = await this.#lock(tx, account);
      if (!isId(id) || !(await this.credentials.remove(tx, principal.id, id))) throw credentialNotFound();
      await this.#record(tx, 'delete-credential', principal, id);
    });
  }

  async #find(ctx: RequestContext, account: string, operation: 'read' | 'update'): Promise<PrincipalEntity> {
    if (!isPrincipalName(account)) throw principalNotFound('service-account');
    this.access.authorize(ctx, principalPath('service-account', account), operation);
    const row = await this.principals.find(ctx, 'service-account', account);
    if (!row) throw principalNotFound('service-account');
    return row;
  }

  async #lock(tx: RequestContext, account: string): Promise<PrincipalEntity> {
    const row = await this.principals.lock(tx, 'service-account', account);
    if (!row) throw principalNotFound('service-account');
    return row;
  }

  async #record(tx: RequestContext, act: string, { id, name }: PrincipalEntity, credentialId: string): Promise<void> {
    const resource = { kind: 'service-account', id, name };
    const event = {
      action: `service-account.${act}`,
      outcome: 'allowed',
      resource,
      details: { credentialId },
    } as const;
    await this.audit.record(tx, this.audit.entry(tx, event));
  }
}

function toView({ id, label, expiresAt, lastUsedAt, createdAt }: ClientCredentialEntity): ClientCredentialView {
  return { id, label, expiresAt, lastUsedAt, createdAt };
}
