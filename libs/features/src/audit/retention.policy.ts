const MS_PER_DAY = 86_400_000;

/**
 * Which days may be dropped, oldest first: each entry is kept for at least so many whole days after the UTC day that it was
 * made on.
 *
 * @param days `YYYY-MM-DD`
 */
export function daysToDrop(days: readonly string[], now: Date, retentionDays: number): readonly string[] {
  const oldestKept = new Date(now.getTime() - retentionDays * MS_PER_DAY).toISOString().slice(0, 10);
  return days.filter((day) => day < oldestKept).toSorted();
}
