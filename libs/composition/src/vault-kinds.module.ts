import { Global, Module } from '@nestjs/common';
import { CONFIG, type Config } from '@claviger/platform/config';
import { Keyring } from '@claviger/platform/crypto';
import { Database } from '@claviger/platform/database';
import { createAwsSecretsManagerKind } from '@claviger/vaults/adapters/aws-secrets-manager';
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
      useFactory: (database: Database, keyring: Keyring, { security }: Config) => {
        const outside = {
          // Stable, and the same for all processes of one installation.
          installationId: keyring.rootStoreId,
          networkPolicy: createNetworkPolicy({ allow: security.networkAllow, deny: security.networkDeny }),
        };
        return [
          new BuiltinKind(database, keyring),
          createKvKind(outside),
          createAwsSecretsManagerKind({ ...outside, allowsEnvironment: security.awsEnvironmentCredentials }),
        ];
      },
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
