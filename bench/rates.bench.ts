import { run as measureAudit } from './audit.bench.js';
import { run as measureContents } from './content-rules.bench.js';
import { startDatabaseServer } from './harness/database-server.js';
import type { Figure, PartReport } from './harness/figures.js';
import { run as measurePolicies } from './policy-match.bench.js';

/** (d) Rates of single pieces on one core, and what an audit entry costs. */
export async function run(): Promise<PartReport> {
  const database = await startDatabaseServer();
  try {
    return {
      title: '(d) Single pieces',
      how: 'In this process; the audit log against a PostgreSQL of its own, fsync on, 64 callers.',
      figures: [
        ...figures('contents', '/s', await measureContents()),
        ...figures('policies', '/s', await measurePolicies()),
        ...figures('audit', '', await measureAudit(database.url)),
      ],
    };
  } finally {
    await database.stop();
  }
}

function figures(prefix: string, unit: string, found: Readonly<Record<string, number>>): Figure[] {
  return Object.entries(found).map(([name, ours]) => ({ name: `${prefix}: ${name}`, unit, ours }));
}
