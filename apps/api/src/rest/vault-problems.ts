import { VaultError } from '@claviger/vaults/contract';

const failure = { backend: 'kv', operation: 'read' } as const;

/** How an outside vault fails whoever needs it. */
export const VAULT_PROBLEMS = [
  new VaultError({ ...failure, code: 'UNAVAILABLE', message: 'https://bao.example: nothing listens at the address.' }),
  new VaultError({ ...failure, code: 'SEALED', message: 'https://bao.example: the vault is sealed; unseal it.' }),
  new VaultError({
    ...failure,
    code: 'THROTTLED',
    message: 'https://bao.example: the vault refuses further requests for now (rate limit).',
    httpStatus: 429,
    retryAfterMs: 1_000,
  }),
  new VaultError({
    ...failure,
    code: 'UNAUTHENTICATED',
    message: 'https://bao.example: the vault does not accept the credentials; renew them.',
    httpStatus: 403,
  }),
  new VaultError({
    ...failure,
    code: 'PERMISSION_DENIED',
    message:
      '"shop/database" in mount "secret": the credentials may not do this; add the capability to their policy, and check mount and namespace.',
    httpStatus: 403,
  }),
  new VaultError({ ...failure, code: 'TIMEOUT', message: 'https://bao.example: no answer in time.' }),
];

/** How it fails whoever writes there, besides. */
export const VAULT_WRITE_PROBLEMS = [
  new VaultError({
    code: 'PENDING_DELETION',
    backend: 'aws-secrets-manager',
    operation: 'create',
    message:
      '"shop/database" in AWS eu-west-1: a secret of that name waits for its deletion in AWS; restore it there, delete it there for good, or use another name.',
  }),
  new VaultError({
    code: 'QUOTA_EXCEEDED',
    backend: 'aws-secrets-manager',
    operation: 'put',
    message: '"shop/database" in AWS eu-west-1: a quota of Secrets Manager is used up.',
    httpStatus: 400,
  }),
];
