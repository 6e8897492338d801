import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CLOCK, systemClock } from '@claviger/kernel';
import { CONFIG, loadConfig } from '@claviger/platform/config';
import { Keyring } from '@claviger/platform/crypto';
import { DatabaseModule } from '@claviger/platform/database';
import { Logger } from '@claviger/platform/telemetry';
import { createTestDatabase, testContext, testKeyring, type TestDatabase } from '@claviger/testing';
import { Global, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { AnchorFile } from './anchor-file.js';
import { AuditKeeperModule } from './audit-keeper.module.js';
import { AUDIT_ENTITIES } from './audit.entities.js';
import { AuditService } from './audit.service.js';

describe('the audit modules', () => {
  let test: TestDatabase;
  let keyring: Keyring;
  let directory: string;

  beforeAll(async () => {
    test = await createTestDatabase();
    keyring = await testKeyring(test.database);
    directory = await mkdtemp(join(tmpdir(), 'claviger-audit-'));
  });
  afterAll(async () => {
    await test.drop();
    await rm(directory, { recursive: true });
  });

  it('store what was counted and seal what was there before the database closes', async () => {
    const failures: string[] = [];
    const logger = { error: (event: string) => void failures.push(event) };
    const anchorFile = join(directory, 'anchors');
    const foundation = [
      { provide: CLOCK, useValue: systemClock },
      { provide: CONFIG, useValue: loadConfig({ CLAVIGER_AUDIT_ANCHOR_FILE: anchorFile }) },
      { provide: Keyring, useValue: keyring },
      { provide: Logger, useValue: logger },
    ];
    @Global()
    @Module({ providers: foundation, exports: foundation })
    class Foundation {}
    @Module({ providers: [AuditService], exports: [AuditService] })
    class Writing {}
    const database = { url: test.url, poolSize: 4, entities: AUDIT_ENTITIES, applicationName: 'test' };
    const app = await Test.createTestingModule({
      imports: [Foundation, DatabaseModule.forRoot(database), Writing, AuditKeeperModule],
    }).compile();
    await app.init();
    const audit = app.get(AuditService);
    const ctx = testContext({ storeId: keyring.rootStoreId });
    await audit.commit(ctx, audit.entry(ctx, { action: 'a.b', outcome: 'allowed', resource: { kind: 'x' } }));
    audit.countUnauthenticated('192.0.2.1');
    await app.close();

    const { rows } = await test.database.pool.query(
      `select e.action, exists (select from audit_seal s where s.watermark_tx >= e.tx) as sealed from audit_entry e order by action`,
    );
    expect(rows).toMatchObject([{ action: 'a.b', sealed: true }, { action: 'access.refuse-unauthenticated' }]);
    expect(await new AnchorFile(anchorFile).findLast(keyring.rootStoreId)).toBeDefined();
    expect(failures).toEqual([]);
  });
});
