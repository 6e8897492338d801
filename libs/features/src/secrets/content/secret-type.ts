/** The types that a secret can have; architecture.md, "Secret types", has their fields. */
export const SECRET_TYPES = [
  'basic-auth',
  'api-key',
  'jwt',
  'private-key',
  'secret-key',
  'key-store',
  'key-value',
  'generic',
] as const;

export type SecretType = (typeof SECRET_TYPES)[number];
