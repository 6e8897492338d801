import { Keys1763700000000 } from './1763700000000-keys.js';

/** All migrations, oldest first. Forward only: a migration that has landed is never edited. */
export const MIGRATIONS = [Keys1763700000000];
