/**
 * The SQL of the built-in vault: one statement an operation, so that each is atomic on its own and inside a caller's
 * transaction. Parameters $1 to $3 are always store id, mount and name or names.
 *
 * `builtin_object` is one row per object with the number of its newest version; the row's lock orders concurrent
 * writers. `builtin_version` holds the sealed contents. Pruning deletes what the writer's snapshot shows; under many
 * concurrent writers it can miss a row until the next write, so readers look at the newest `maxVersions` only.
 */

const VERSION_OF_OBJECT = 'v.store_id = o.store_id and v.mount = o.mount and v.name = o.name';

const insertVersion = (maxVersions: string): string => `
  pruned as (
    delete from builtin_version v using object
    where v.store_id = $1 and v.mount = $2 and v.name = $3 and v.version <= object.current_version - ${maxVersions}
  )
  insert into builtin_version (store_id, mount, name, version, content_id, content)
  select $1, $2, $3, object.current_version, $4, $5 from object
  returning version`;

/** $4 content id, $5 sealed content, $6 metadata. No row: there is an object already. */
export const CREATE = `
  with object as (
    insert into builtin_object (store_id, mount, name, current_version, metadata) values ($1, $2, $3, 1, $6)
    on conflict on constraint pk_builtin_object do nothing
    returning current_version
  )
  insert into builtin_version (store_id, mount, name, version, content_id, content)
  select $1, $2, $3, object.current_version, $4, $5 from object
  returning version`;

/** $4 content id, $5 sealed content, $6 how many versions to keep. */
export const PUT = `
  with object as (
    insert into builtin_object as o (store_id, mount, name, current_version) values ($1, $2, $3, 1)
    on conflict on constraint pk_builtin_object do update set current_version = o.current_version + 1
    returning current_version
  ), ${insertVersion('$6')}`;

/** As {@link PUT}; $7 the expected version. No row: another version is the current one. */
export const PUT_IF = `
  with object as (
    update builtin_object set current_version = current_version + 1
    where store_id = $1 and mount = $2 and name = $3 and current_version = $7
    returning current_version
  ), ${insertVersion('$6')}`;

/** $4 a version or null for the current one, $5 how many versions are kept. A row without `version`: no such version. */
export const READ = `
  select v.version, v.content_id, v.content, v.deleted_at, v.destroyed_at
  from builtin_object o
  left join builtin_version v on ${VERSION_OF_OBJECT}
    and v.version = coalesce($4, o.current_version) and v.version > o.current_version - $5
  where o.store_id = $1 and o.mount = $2 and o.name = $3`;

/** $3 names. A row for each object, with its current version. */
export const READ_MANY = `
  select o.name, v.version, v.content_id, v.content, v.deleted_at, v.destroyed_at
  from builtin_object o
  left join builtin_version v on ${VERSION_OF_OBJECT} and v.version = o.current_version
  where o.store_id = $1 and o.mount = $2 and o.name = any($3::text[])`;

/** $4 how many versions are kept, or of how many to tell. One row a version, ascending. */
export const DESCRIBE = `
  select o.current_version, o.metadata, v.version, v.created_at, v.deleted_at, v.destroyed_at
  from builtin_object o
  join builtin_version v on ${VERSION_OF_OBJECT} and v.version > o.current_version - $4
  where o.store_id = $1 and o.mount = $2 and o.name = $3
  order by v.version`;

/** $4 the keys to set. No row: no such object. */
export const SET_METADATA = `
  with object as (
    update builtin_object set metadata = metadata || $4::jsonb
    where store_id = $1 and mount = $2 and name = $3
    returning name
  )
  select name from object`;

/** Changes versions ($4). No row: no such object. */
const changeVersions = (set: string, where: string): string => `
  with changed as (
    update builtin_version set ${set}
    where store_id = $1 and mount = $2 and name = $3 and version = any($4::int[]) and ${where}
  )
  select name from builtin_object where store_id = $1 and mount = $2 and name = $3`;

export const SOFT_DELETE = changeVersions('deleted_at = now()', 'deleted_at is null and destroyed_at is null');
export const UNDELETE = changeVersions('deleted_at = null', 'destroyed_at is null');
export const DESTROY = changeVersions('destroyed_at = now(), content = null', 'destroyed_at is null');

export const PURGE = `delete from builtin_object where store_id = $1 and mount = $2 and name = $3`;

/**
 * Names below a folder in bytewise order. $3 the folder with its slash or '', $4 the first full name to look at, $5 the
 * first name behind the folder (null for the root), $6 how many at most.
 */
export const LIST_RECURSIVE = `
  select substr(name, length($3) + 1) as child from builtin_object
  where store_id = $1 and mount = $2 and name >= $4 collate "C" and ($5::text is null or name < $5 collate "C")
  order by name limit $6`;

/**
 * As {@link LIST_RECURSIVE}, one level. Steps from child to child along the index and skips what lies inside a folder
 * ('0' is the character after '/'; chr(1) sorts before all that a name may hold), so that a page costs as many index
 * look-ups as it has names, however much is below them.
 */
export const LIST_LEVEL = `
  with recursive page (child, next, n) as (
    select null::text collate "C", $4::text collate "C", 0
    union all
    select found.child, $3 || case when found.child like '%/' then left(found.child, -1) || '0' else found.child || chr(1) end,
           page.n + 1
    from page
    cross join lateral (
      select substring(substr(o.name, length($3) + 1) from '^[^/]*/?') as child
      from builtin_object o
      where o.store_id = $1 and o.mount = $2 and o.name >= page.next and ($5::text is null or o.name < $5 collate "C")
      order by o.name limit 1
    ) found
    where page.n < $6
  )
  select child from page where n > 0 order by n`;
