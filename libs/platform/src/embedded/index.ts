export { backUpDatabase } from './backup.js';
export { dataPaths, prepareDataDirectory, syncDirectory, type DataPaths } from './data-directory.js';
export { acquireDataLock, type DataLock } from './data-lock.js';
export { readDataVersion, writeDataVersion, type DataVersion } from './data-version.js';
export { openEmbeddedDatabase, type EmbeddedDatabase, type EmbeddedDatabaseOptions } from './embedded-database.js';
export { EMBEDDED_ERROR_CODES, reasonOf, type EmbeddedErrorCode } from './embedded.errors.js';
export { LogFile } from './log-file.js';
export { mustBackUpFirst } from './upgrade.js';
export type { ProductVersion } from './upgrade.policy.js';
