import { AppError, SecretValue } from '@claviger/kernel';
import type { Config } from '@claviger/platform/config';
import { RootKey, RootKeys } from '@claviger/platform/crypto';
import { createLogger, type Logger, type ProcessKind } from '@claviger/platform/telemetry';
import type { FoundationOptions } from './foundation.module.js';
import { PRODUCT_VERSION } from './product-version.js';

/**
 * What the foundation needs, from a configuration that names a database and has a root key.
 * @param logger where lines go; standard output unless given
 * @throws AppError CONFIG_INCOMPLETE, ROOT_KEY_INVALID
 */
export function foundationOptions(
  config: Config,
  kind: ProcessKind,
  logger: Logger = createLogger({ level: config.telemetry.logLevel, process: kind }),
): FoundationOptions {
  const { databaseUrl } = config.storage;
  const { rootKey, rootKeyPrevious } = config.security;
  if (databaseUrl === undefined) throw incomplete('CLAVIGER_DATABASE_URL');
  if (rootKey === undefined) throw incomplete('CLAVIGER_ROOT_KEY');
  return {
    config,
    databaseUrl,
    rootKeys: rootKeysOf(rootKey, rootKeyPrevious),
    logger,
    kind,
    version: PRODUCT_VERSION,
  };
}

/** The root keys of a configuration. @throws AppError ROOT_KEY_INVALID */
export function rootKeysOf(current: string, previous: string | undefined): RootKeys {
  const [key, ...older] = [current, previous]
    .filter((text) => text !== undefined)
    .map((text) => RootKey.fromText(new SecretValue(text)));
  return new RootKeys(key!, older);
}

const incomplete = (variable: string): AppError =>
  new AppError({
    code: 'CONFIG_INCOMPLETE',
    kind: 'invalid',
    message: `Set ${variable} (or ${variable}_FILE); only standalone can do without.`,
  });
