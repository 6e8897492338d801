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
