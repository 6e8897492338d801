import { Keyring } from '@claviger/platform/crypto';
import { Database } from '@claviger/platform/database';
import { ProcessRegistry } from '@claviger/platform/telemetry';
import { Injectable } from '@nestjs/common';

/** Has this process learn of new keys with every heartbeat, and tell the others how far it knows them. */
@Injectable()
export class KeyLearning {
  constructor(database: Database, keyring: Keyring, processes: ProcessRegistry) {
    processes.learnKeysBy(async () => {
      await keyring.refresh(database.pool);
      return { keyGeneration: keyring.generation ?? null, rootKeyIds: [...keyring.roots.ids] };
    });
  }
}
