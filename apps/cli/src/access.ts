import { rootTokenPath, writeRootToken } from '@claviger/composition';
import { TokenService } from '@claviger/features/access';
import { newId, systemContext } from '@claviger/kernel';
import { Keyring } from '@claviger/platform/crypto';
import { Database } from '@claviger/platform/database';
import { openApplication } from './application.js';
import type { StoredData } from './stored-data.js';

export const ACCESS_USAGE = `Usage: npm run access -- recover

recover  makes a new root token and writes it to the file root-token of the data directory; needs the root key`;

/**
 * `npm run access`: a way back in for whoever has the root key. The file is written before the token becomes valid, and
 * what was done is in the audit log.
 * @returns the exit code: 0 done, 2 wrong usage
 */
export async function runAccess(
  argv: readonly string[],
  open: () => Promise<StoredData>,
  out: (line: string) => void,
): Promise<number> {
  if (argv.length !== 1 || argv[0] !== 'recover') {
    out(ACCESS_USAGE);
    return 2;
  }
  const { config } = await open();
  const app = await openApplication(config);
  try {
    const ctx = systemContext({ requestId: newId(), storeId: app.get(Keyring).rootStoreId, job: 'access.recover' });
    const { dataDir } = config.storage;
    const tokens = app.get(TokenService, { strict: false });
    await app
      .get(Database)
      .transaction(ctx, (tx) => tokens.createRoot(tx, async (token) => writeRootToken(dataDir, token)));
    out(`A new root token is in ${rootTokenPath(dataDir)}. Older root tokens stay valid until they are revoked.`);
    return 0;
  } finally {
    await app.close();
  }
}
