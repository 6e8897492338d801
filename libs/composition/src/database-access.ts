import { AppError } from '@claviger/kernel';
import { reasonOf } from '@claviger/platform/embedded';
import { Client } from 'pg';

/** Opens one connection to a database. @throws AppError DATABASE_UNREACHABLE */
export async function connectToDatabase(databaseUrl: string): Promise<Client> {
  const client = new Client({ connectionString: databaseUrl, connectionTimeoutMillis: 10_000 });
  try {
    await client.connect();
    return client;
  } catch (error) {
    throw databaseUnreachable(reasonOf(error));
  }
}

/** For processes that are given a database: says at once, and in one sentence, that it does not let us in. */
export async function assertDatabaseReachable(databaseUrl: string | undefined): Promise<void> {
  if (databaseUrl !== undefined) await (await connectToDatabase(databaseUrl)).end();
}

/** `reason` is the system's or PostgreSQL's code of why. */
function databaseUnreachable(reason: string): AppError {
  return new AppError({
    code: 'DATABASE_UNREACHABLE',
    kind: 'unavailable',
    message: `PostgreSQL cannot be used (${reason}); check that it runs, and the address, name and password in CLAVIGER_DATABASE_URL.`,
  });
}
