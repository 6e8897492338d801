import type { Outcome, Severity } from './rule.js';

/** Which results. */
export type ResultFilter = {
  readonly secretId?: string;
  /** Id or name of the vault profile where the secret was. */
  readonly vaultProfile?: string;
  readonly owner?: string;
  readonly label?: { readonly key: string; readonly value?: string };
  /** Name of the compliance profile. */
  readonly profile?: string;
  readonly rule?: string;
  readonly severity?: Severity;
  /** `any` for all. */
  readonly outcome?: Outcome | 'any';
  readonly isWaived?: boolean;
};

type Conditions = { readonly where: string[]; readonly values: unknown[] };

/**
 * A filter as conditions of SQL over the aliases that results are selected by: `s` the snapshot, `v` the vault profile, `e` the
 * evaluation, `r.rule` the rule, `o` the outcome. $1 is the store, $2 the moment.
 */
export function resultConditions(
  filter: ResultFilter,
  values: unknown[],
  over: 'result' | 'snapshot' = 'result',
): Conditions {
  const moment = (alias: string): string =>
    `${alias}.from_at <= $2 and (${alias}.to_at is null or ${alias}.to_at > $2)`;
  const where = over === 'result' ? ['e.store_id = $1', moment('e')] : ['s.store_id = $1', moment('s')];
  const add = (condition: (parameter: string) => string, value: unknown): void => {
    if (value === undefined) return;
    values.push(value);
    where.push(condition(`$${values.length}`));
  };
  add((p) => `s.secret_id = ${p}`, filter.secretId);
  add((p) => `(v.name = ${p} or v.id::text = ${p})`, filter.vaultProfile);
  add((p) => `s.owner = ${p}`, filter.owner);
  if (filter.label?.value === undefined) add((p) => `jsonb_exists(s.labels, ${p})`, filter.label?.key);
  else add((p) => `s.labels @> ${p}::jsonb`, JSON.stringify({ [filter.label.key]: filter.label.value }));
  if (over === 'snapshot') return { where, values };
  add((p) => `p.name = ${p}`, filter.profile);
  add((p) => `r.rule ->> 'id' = ${p}`, filter.rule);
  add((p) => `r.rule ->> 'severity' = ${p}`, filter.severity);
  if (filter.outcome !== 'any') add((p) => `o.outcome = ${p}`, filter.outcome);
  if (filter.isWaived !== undefined) where.push(`w.id is ${filter.isWaived ? 'not ' : ''}null`);
  return { where, values };
}
