import { AppError } from '@claviger/kernel';

/** How a connection to PostgreSQL may be asked for beside a file of authorities: each of them checks less than that file allows. */
const CHECKED_ANYWAY = ['verify-full', 'verify-ca', 'require', 'prefer', 'allow'];

/**
 * The address of a database with the file of authorities in it, in the words that every PostgreSQL client knows: the
 * connection is encrypted, and the server must prove its name (sslmode=verify-full).
 * @throws AppError CONFIG_INVALID when the address forbids that
 */
export function overVerifiedTls(databaseUrl: string, caCertificates: string): string {
  const url = new URL(databaseUrl);
  const mode = url.searchParams.get('sslmode');
  if (mode !== null && !CHECKED_ANYWAY.includes(mode))
    throw new AppError({
      code: 'CONFIG_INVALID',
      kind: 'invalid',
      message:
        'The configuration is wrong. CLAVIGER_DATABASE_CA_CERTIFICATES is set, and the sslmode in CLAVIGER_DATABASE_URL leaves the server unchecked: leave sslmode out.',
    });
  url.searchParams.set('sslmode', 'verify-full');
  url.searchParams.set('sslrootcert', caCertificates);
  return url.href;
}
