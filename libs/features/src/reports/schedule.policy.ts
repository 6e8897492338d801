import { inputInvalid } from '@claviger/features/vault-profiles';
import type { Cadence } from './report-schedule.entity.js';

const DAY_MS = 86_400_000;

/** When a schedule is due, in UTC: every day at an hour, on a weekday (1 for Monday) or on a day of the month (1 to 28). */
export type Timing = {
  readonly cadence: Cadence;
  readonly hour: number;
  readonly weekday: number | null;
  readonly dayOfMonth: number | null;
};

/** What was given of the timing, with what its cadence needs. @throws AppError INPUT_INVALID */
export function checkedTiming({ cadence, hour, weekday, dayOfMonth }: Timing): Timing {
  const problems = [
    ...expectOnly('weekday', weekday, cadence === 'weekly', 'of a weekly schedule'),
    ...expectOnly('dayOfMonth', dayOfMonth, cadence === 'monthly', 'of a monthly schedule'),
  ];
  if (problems.length > 0) throw inputInvalid(problems);
  return { cadence, hour, weekday, dayOfMonth };
}

function expectOnly(
  name: string,
  value: number | null,
  isNeeded: boolean,
  where: string,
): { pointer: string; message: string }[] {
  if ((value !== null) === isNeeded) return [];
  return [{ pointer: `#/${name}`, message: isNeeded ? `is needed ${where}` : `is ${where} only` }];
}

/** The next time after a moment; never that moment itself, so that what ran at it does not run again. */
export function nextRunAt(timing: Timing, after: Date): Date {
  const { cadence, hour, weekday, dayOfMonth } = timing;
  if (cadence === 'monthly') {
    const inMonth = (months: number): Date =>
      new Date(Date.UTC(after.getUTCFullYear(), after.getUTCMonth() + months, dayOfMonth!, hour));
    return inMonth(0) > after ? inMonth(0) : inMonth(1);
  }
  const today = Date.UTC(after.getUTCFullYear(), after.getUTCMonth(), after.getUTCDate(), hour);
  // Sunday is 0 for JavaScript and 7 for ISO 8601.
  const ahead = cadence === 'weekly' ? (weekday! - after.getUTCDay() + 7) % 7 : 0;
  const next = new Date(today + ahead * DAY_MS);
  return next > after ? next : new Date(next.getTime() + (cadence === 'weekly' ? 7 : 1) * DAY_MS);
}
