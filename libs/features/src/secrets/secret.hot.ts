import type { NamedStatement } from '@claviger/platform/database';

/** $1 store id, $2 secret ids. Each LATERAL with a LIMIT is looked up by its primary key, whatever the planner believes. */
export const FIND_SECRETS: NamedStatement = {
  name: 'secret_find',
  text: `
    select s.* from unnest($2::uuid[]) as wanted (id)
    cross join lateral (select * from secret where store_id = $1 and id = wanted.id limit 1) s`,
};

/** $1 store id, $2 secret ids, $3 version numbers. The newest revision of each. */
export const FIND_VERSIONS: NamedStatement = {
  name: 'secret_find_versions',
  text: `
    select v.* from unnest($2::uuid[], $3::integer[]) as wanted (secret_id, number)
    cross join lateral (
      select * from secret_version
      where store_id = $1 and secret_id = wanted.secret_id and number = wanted.number
      order by revision desc limit 1
    ) v`,
};

/** $1 store id, $2 secret ids, $3 fingerprints. The newest version of each. */
export const FIND_VERSIONS_BY_FINGERPRINT: NamedStatement = {
  name: 'secret_find_versions_by_fingerprint',
  text: `
    select v.secret_id, v.fingerprint, v.number from unnest($2::uuid[], $3::text[]) as wanted (secret_id, fingerprint)
    cross join lateral (
      select secret_id, fingerprint, number from secret_version
      where store_id = $1 and secret_id = wanted.secret_id and fingerprint = wanted.fingerprint
      order by number desc limit 1
    ) v`,
};
