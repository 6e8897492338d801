import { dataPaths } from './data-directory.js';
import { readDataVersion } from './data-version.js';
import { embeddedError } from './embedded.errors.js';
import { decideUpgrade, type ProductVersion } from './upgrade.policy.js';

/**
 * Tells whether existing data must be backed up before this Claviger migrates it.
 * Throws DATA_TOO_NEW for data of a newer Claviger, having changed nothing.
 */
export function mustBackUpFirst(dataDir: string, product: ProductVersion): boolean {
  const data = readDataVersion(dataDir);
  const decision = decideUpgrade(data, product);
  if (decision !== 'refuse_newer') return decision === 'back_up_first';
  throw embeddedError(
    'DATA_TOO_NEW',
    `The data directory ${dataDir} was last written by Claviger ${data?.app}, which is newer than this one (${product.app}); start that version, or put back a backup of this one from ${dataPaths(dataDir).backups}.`,
  );
}
