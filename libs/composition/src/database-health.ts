import { Database } from '@claviger/platform/database';
import { HealthRegistry } from '@claviger/platform/telemetry';
import { Injectable, type OnModuleInit } from '@nestjs/common';

/** Without its database a process is of no use. */
@Injectable()
export class DatabaseHealth implements OnModuleInit {
  constructor(
    private readonly database: Database,
    private readonly health: HealthRegistry,
  ) {}

  onModuleInit(): void {
    this.health.register({ name: 'database', check: () => this.database.pool.query('select 1') });
  }
}
