import { Injectable } from '@nestjs/common';
import { systemContext } from '@claviger/kernel';
import { ImportScanner, SCAN_VAULT, SWEEP_IMPORTS } from '@claviger/features/imports';
import { Keyring } from '@claviger/platform/crypto';
import { HandlesJob, type JobRun } from '@claviger/platform/queue';

/** Jobs of imports. */
@Injectable()
export class ImportProcessor {
  constructor(
    private readonly scanner: ImportScanner,
    private readonly keyring: Keyring,
  ) {}

  @HandlesJob(SCAN_VAULT)
  async scan({ storeId, importId }: { storeId: string; importId: string }, run: JobRun): Promise<void> {
    const ctx = systemContext({ requestId: run.requestId, storeId, job: 'import.scan', trace: run.trace });
    await this.scanner.scan({ ...ctx, signal: run.signal }, importId);
  }

  @HandlesJob(SWEEP_IMPORTS)
  async sweep(_: object, run: JobRun): Promise<void> {
    const storeId = this.keyring.rootStoreId;
    const ctx = systemContext({ requestId: run.requestId, storeId, job: 'import.sweep' });
    await this.scanner.sweep({ ...ctx, signal: run.signal });
  }
}
