import { Global, Module } from '@nestjs/common';
import { CONFIG, type Config } from '@claviger/platform/config';
import { Keyring } from '@claviger/platform/crypto';
import { Database } from '@claviger/platform/database';
import { BuiltinKind, openBuiltinContent, sealBuiltinContent } from '@claviger/vaults/adapters/builtin';
import { createKvKind } from '@claviger/vaults/adapters/kv';
import { LOCAL_VAULT, VAULT_KINDS, type LocalVault } from '@claviger/vaults/contract';
import { createNetworkPolicy } from '@claviger/vaults/network';

/** The kinds of vault that this installation knows. A new backend is added here. */
@Global()
@Module({
  providers: [
    {
      provide: VAULT_KINDS,
      inject: [Database, Keyring, CONFIG],
      useFactory: (database: Database, keyring: Keyring, config: Config) => [
        new BuiltinKind(database, keyring),
        createKvKind({
          // Stable, and the same for all processes of one installation.
          installationId: keyring.rootStoreId,
          networkPolicy: createNetworkPolicy({
            allow: config.security.networkAllow,
            deny: config.security.networkDeny,
          }),
        }),
      ],
    },
    {
      provide: LOCAL_VAULT,
      inject: [Keyring],
      useFactory: (keyring: Keyring): LocalVault => ({
        seal: (storeId, content) => sealBuiltinContent(keyring, storeId, content),
        open: (storeId, stored) => openBuiltinContent(keyring, storeId, stored),
      }),
    },
  ],
  exports: [LOCAL_VAULT, VAULT_KINDS],
})
export class VaultKindsModule {}
