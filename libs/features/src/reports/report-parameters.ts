import { inputInvalid, labels } from '@claviger/features/vault-profiles';
import { z } from 'zod';

export const REPORT_KINDS = ['compliance', 'inventory', 'access', 'approvals', 'replication', 'expiring'] as const;
export type ReportKind = (typeof REPORT_KINDS)[number];

export const REPORT_FORMATS = ['json', 'csv', 'pdf'] as const;
export type ReportFormat = (typeof REPORT_FORMATS)[number];

/** Days that a period reaches back, and that a look ahead reaches. */
export const MAX_DAYS = 366;
const DEFAULT_DAYS = 30;

const days = z.int().min(1).max(MAX_DAYS);

/** What a report is about. Each kind takes some of it ({@link KIND_PARAMETERS}). */
export const reportParameters = z.strictObject({
  asOf: z.iso.datetime({ offset: true }).max(64).optional().meta({
    description: 'The moment that it speaks of, with its offset; that of drawing it where left out. Not in the future.',
    example: '2026-11-01T00:00:00Z',
  }),
  vaultProfile: z
    .string()
    .min(1)
    .max(63)
    .optional()
    .meta({ description: 'Only what this vault profile manages, or for approvals is about: its id or name.' }),
  owner: z.string().min(1).max(256).optional().meta({ description: 'Only secrets of this owner.' }),
  labels: labels.optional().meta({ description: 'Only secrets with all of these labels.' }),
  periodDays: days.optional().meta({ description: `How far back it reaches; ${DEFAULT_DAYS} where left out.` }),
  withinDays: days.optional().meta({ description: `How far ahead it looks; ${DEFAULT_DAYS} where left out.` }),
});
export type ReportParameters = z.infer<typeof reportParameters>;
type ParameterName = keyof ReportParameters;

const ABOUT_SECRETS = ['vaultProfile', 'owner', 'labels'] as const;

/** The parameters that each kind takes. */
export const KIND_PARAMETERS: Readonly<Record<ReportKind, readonly ParameterName[]>> = {
  compliance: ['asOf', 'periodDays', ...ABOUT_SECRETS],
  inventory: ['asOf', ...ABOUT_SECRETS],
  access: ['asOf', 'periodDays', ...ABOUT_SECRETS],
  approvals: ['asOf', 'periodDays', ...ABOUT_SECRETS],
  replication: ['asOf', 'periodDays', ...ABOUT_SECRETS],
  expiring: ['asOf', 'withinDays', ...ABOUT_SECRETS],
};

const WITH_DEFAULT: readonly ParameterName[] = ['periodDays', 'withinDays'];

/**
 * The parameters as a report remembers them: what its kind takes, with its defaults.
 *
 * @param now moments after it are refused
 * @throws AppError INPUT_INVALID
 */
export function checkedParameters(kind: ReportKind, given: ReportParameters, now: Date): ReportParameters {
  const taken = KIND_PARAMETERS[kind];
  const problems = Object.keys(given)
    .filter((name) => given[name as ParameterName] !== undefined && !taken.includes(name as ParameterName))
    .map((name) => ({ pointer: `#/parameters/${name}`, message: `a report of the kind ${kind} does not take it` }));
  if (given.asOf !== undefined && new Date(given.asOf) > now)
    problems.push({ pointer: '#/parameters/asOf', message: 'must not be in the future' });
  if (problems.length > 0) throw inputInvalid(problems);
  const defaults = taken.filter((name) => WITH_DEFAULT.includes(name)).map((name) => [name, DEFAULT_DAYS]);
  const { asOf, ...rest } = given;
  return {
    ...(Object.fromEntries(defaults) as ReportParameters),
    ...rest,
    ...(asOf !== undefined && { asOf: new Date(asOf).toISOString() }),
  };
}
