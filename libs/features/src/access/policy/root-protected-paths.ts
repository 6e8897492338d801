/**
 * Paths of the Vault-compatible surface that need the capability `sudo` besides that of the operation (OpenBao's list).
 * A trailing `*` stands for any continuation. Mounts and policies are deliberately not among them.
 */
export const ROOT_PROTECTED_PATHS: readonly string[] = [
  'auth/token/accessors*',
  'auth/token/revoke-orphan/*',
  'sys/audit',
  'sys/audit/*',
  'sys/auth/*',
  'sys/config/auditing/*',
  'sys/config/cors',
  'sys/config/ui/headers/*',
  'sys/internal/inspect/*',
  'sys/leases',
  'sys/leases/lookup/*',
  'sys/leases/revoke-force/*',
  'sys/leases/revoke-prefix/*',
  'sys/plugins/catalog/*',
  'sys/raw',
  'sys/raw/*',
  'sys/remount',
  'sys/revoke-force/*',
  'sys/revoke-prefix/*',
  'sys/rotate',
  'sys/rotate/keyring',
  'sys/rotate/root',
  'sys/seal',
  'sys/step-down',
];

const EXACT = new Set(ROOT_PROTECTED_PATHS.filter((path) => !path.endsWith('*')));
const PREFIXES = ROOT_PROTECTED_PATHS.filter((path) => path.endsWith('*')).map((path) => path.slice(0, -1));

/** True when a request for this path needs `sudo` as well; leading slashes do not count, as in matching. */
export function isRootProtected(path: string): boolean {
  if (path.startsWith('/')) return isRootProtected(path.slice(1));
  return EXACT.has(path) || PREFIXES.some((prefix) => path.startsWith(prefix));
}
