/** SQL of what constraints and indexes of partitions have of their own, beside what comes with those of their table. */
import { columnsOf, comment, usualName } from './sql.ts'

/** Constraints of a partition that belong to those of its table, and have a name or something else that the server would not give them. */
export const attached = `(SELECT json_agg(json_build_object('name', quote_ident(conname), 'usual', quote_ident(usual), 'of', quote_ident(of), 'index', conindid::regclass, 'options', options, 'comment', comment, 'indexComment', index_comment) ORDER BY conname) FROM (
      SELECT k.conname, k.conindid, o.conname AS of, CASE WHEN x.reloptions IS DISTINCT FROM y.reloptions THEN array_to_string(x.reloptions, ', ') END AS options, ${comment('k.oid', 'pg_constraint')} AS comment, ${comment('k.conindid', 'pg_class')} AS index_comment,
        CASE k.contype WHEN 'p' THEN left(c.relname::text, 58) || '_pkey' WHEN 'u' THEN ${usualName('c.relname::text', 'n.columns', 'key')} ELSE ${usualName('c.relname::text', 'n.columns', 'excl')} END AS usual
      FROM pg_constraint k JOIN pg_constraint o ON o.oid = k.conparentid JOIN pg_class x ON x.oid = k.conindid JOIN pg_class y ON y.oid = o.conindid CROSS JOIN LATERAL (SELECT ${columnsOf('i', 'c.oid')} AS columns FROM pg_index i WHERE i.indexrelid = k.conindid) n
      WHERE c.relispartition AND k.conrelid = c.oid AND k.contype IN ('p', 'u', 'x')) k WHERE conname <> usual OR options IS NOT NULL OR comment IS NOT NULL OR index_comment IS NOT NULL)`

/** Condition: an index of a partition has something that the index it was made with has not. `x` and `y`: their rows in pg_class; `z`: its own in pg_index. */
export const hasItsOwn = `(x.reloptions IS DISTINCT FROM y.reloptions OR ${comment('x.oid', 'pg_class')} IS NOT NULL OR z.indisclustered OR z.indisreplident)`

/** The indexes of partitions that were made with the one of their table, where they have something of their own. */
export const partsOf = `(SELECT json_agg(json_build_object('table', p.table::regclass, 'name', p.relid, 'options', p.options, 'comment', p.comment, 'clustered', p.clustered, 'replica', p.replica) ORDER BY p.relid::text) FROM (
      SELECT t.relid, z.indrelid AS table, CASE WHEN x.reloptions IS DISTINCT FROM y.reloptions THEN array_to_string(x.reloptions, ', ') END AS options, ${comment('x.oid', 'pg_class')} AS comment, z.indisclustered AS clustered, z.indisreplident AS replica
      FROM pg_partition_tree(i.indexrelid) t JOIN pg_class x ON x.oid = t.relid JOIN pg_class y ON y.oid = i.indexrelid JOIN pg_index z ON z.indexrelid = t.relid WHERE t.level > 0 AND pg_partition_root(i.indexrelid) NOT IN (SELECT root FROM named) AND ${hasItsOwn}) p)`

/** Whether the NOT NULL constraint of a partition has the name of its table's, which the server gives it; null if the table has none. */
export const namedAsParent =
  "(SELECT pk.conname = k.conname FROM pg_inherits h JOIN pg_attribute pa ON pa.attrelid = h.inhparent AND pa.attname = a.attname JOIN pg_constraint pk ON pk.conrelid = h.inhparent AND pk.contype = 'n' AND pk.conkey[1] = pa.attnum WHERE c.relispartition AND h.inhrelid = c.oid)"
