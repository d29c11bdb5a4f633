/** Words that are coloured in SQL. */

export const KEYWORDS: ReadonlySet<string> = new Set(
  `add after all alter always analyze and any as asc atomic auto_increment before begin between by call cascade case
  change charset check collate column comment commit concurrently conflict constraint copy create cross current_date
  current_timestamp current_user database declare default deferrable deferred delete delimiter desc distinct do domain
  drop each else elseif end engine enum event except exclude execute exists explain extension false fetch first for
  foreign from full function generated global grant group having identity if ignore immediate immutable in include index
  inherits initially inner insert instead intersect into is join key language last lateral left like limit local lock
  loop materialized modify natural new no not nothing null nulls of offset old on only or order out outer over owner
  partition perform policy precision primary privileges procedure public raise range reference references referencing
  refresh rename replace restrict return returning returns revoke right role rollback row rows rule schema security
  select sequence session set setof show sql stable start statement storage stored strict table temp temporary then to
  transaction trigger true truncate type union unique unlogged unsigned until update user using vacuum valid validate
  values view virtual volatile when where while with within without zone`.split(/\s+/),
)

export const TYPES: ReadonlySet<string> = new Set(
  `bigint bigserial binary bit blob bool boolean bytea char character cidr citext date datetime dec decimal double
  float geometry hstore inet int int2 int4 int8 integer interval json jsonb longblob longtext macaddr mediumint
  mediumtext money numeric oid point real regclass serial smallint smallserial text time timestamp timestamptz
  timetz tinyint tinytext tsquery tsvector uuid varbinary varchar varying xml year`.split(/\s+/),
)
