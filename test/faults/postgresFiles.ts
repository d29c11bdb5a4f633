/** Migrations that a kill meets at any of their parts: tables, rows, a commit that checks, one without a transaction. */
export const FILES: Readonly<Record<string, string>> = Object.fromEntries([
  ['1_t.up.sql', 'create table t1 (id int); create table log (version int)'],
  ['1_t.down.sql', 'drop table t1; drop table log'],
  ...Array.from({ length: 12 }, (_, i) => i + 2).flatMap((v) => [
    [
      `${v}_t.up.sql`,
      `create table t${v} (id int unique deferrable initially deferred); insert into t${v} select g from generate_series(1, ${v * 40}) g; insert into log values (${v})`,
    ],
    [`${v}_t.down.sql`, `delete from log where version = ${v}; drop table t${v}`],
  ]),
])
