const FREE_TRIES = 5;
const FIRST_LOCK_MS = 30_000;
const LONGEST_LOCK_MS = 15 * 60_000;

/**
 * Until when nobody can log in after so many wrong passwords in a row: the first four cost nothing, the fifth half a
 * minute, each more twice as long, at most a quarter of an hour. So 100 guesses an hour at most, and whoever is locked out by
 * somebody else need not ask an administrator.
 */
export function lockedUntil(failures: number, now: Date): Date | null {
  if (failures < FREE_TRIES) return null;
  const doublings = Math.min(failures - FREE_TRIES, 30);
  return new Date(now.getTime() + Math.min(FIRST_LOCK_MS * 2 ** doublings, LONGEST_LOCK_MS));
}
