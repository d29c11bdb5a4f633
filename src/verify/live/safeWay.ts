/** Writes the safe way for what a statement did on PostgreSQL, with its own names. Pure. */
import type { BuiltIndex, ColumnChange, ConstraintChange, Effects } from '../../database/effects.ts'
import { tokenize } from '../../sql/tokens.ts'
import type { Fix } from '../finding.ts'
import { batched } from './batches.ts'
import type { IncompleteIndex } from './liveDatabase.ts'
import { bare } from './seen.ts'

/**
 * Returns the safe way for a statement that rewrites or scans a table; undefined if none is known.
 * @param text the statement
 */
export function safeWay(effects: Effects, text: string | undefined): Fix | undefined {
  const { columns, built } = effects
  const constraints = effects.constraints.filter((one) => !isOfParent(one, effects))
  const fixes = [
    ...columns.flatMap((change) => ofColumn(change, effects, text) ?? []),
    ...constraints.flatMap((change) => ofConstraint(change, built) ?? []),
  ]
  if (fixes.length > 0) return joined(newColumns(effects), fixes)
  if (built.length > 0) return concurrently(built, text)
  return ofStatement(text) ?? batched(effects, text)
}

/** Returns the statement that builds indexes without blocking writers. */
export function concurrently(built: readonly BuiltIndex[], text: string | undefined): Fix {
  const [partition] = built.filter(({ under, isNew }) => isNew && under.length > 0)
  if (partition) return ofPartitions(built, partition.under.at(-1) ?? '', text)
  const written = /^create\s+(?:unique\s+)?index\s/i.test(text ?? '') ? text : undefined
  if (built.some(({ isNew }) => isNew)) {
    const sql = written
      ? [withConcurrently(written)]
      : built.filter(({ isNew }) => isNew).map(({ definition }) => withConcurrently(definition))
    return { text: 'Build it without blocking writers.', sql: `${ALONE}\n${sql.map((one) => `${one};`).join('\n')}` }
  }
  const sql = built.map(({ name }) => `REINDEX INDEX CONCURRENTLY ${name};`).join('\n')
  return { text: 'Build it again without blocking anybody.', sql: `${ALONE}\n${sql}` }
}

/**
 * Builds the indexes of partitions that an index of their table lacks, and attaches them.
 * @param statement the last one about the index, after which they belong
 */
export function completed({ name, definition, partitions }: IncompleteIndex, statement: string | undefined): Fix {
  const [, unique = '', rest = ''] = /^CREATE (UNIQUE )?INDEX .*? ON (?:ONLY )?\S+ (.*)$/s.exec(definition) ?? []
  const sql = partitions.flatMap((partition) => {
    const own = `${bare(partition)}_${bare(name)}`
    return [
      '-- in a migration of its own, since it cannot run in a transaction',
      `CREATE ${unique}INDEX CONCURRENTLY ${own} ON ${partition} ${rest};`,
      '-- in the next migration',
      `ALTER INDEX ${name} ATTACH PARTITION ${own};`,
    ]
  })
  return {
    text: 'Build the index of each partition, and attach it. With the last of them, the index becomes valid.',
    sql: [...(statement ? [`${statement};`] : []), ...sql].join('\n'),
  }
}

// --- internal ---

const ALONE = '-- in a migration of its own, since it cannot run in a transaction'
const NEXT = '-- in the next migration'

/** CONCURRENTLY cannot be said of a partitioned table: its index is made for no partition, and theirs are attached. */
function ofPartitions(built: readonly BuiltIndex[], parent: string, text: string | undefined): Fix {
  const how =
    'Make the index of the partitioned table alone, build one for each partition without blocking writers, and attach them.'
  const [, head, name, table, rest] =
    /^(create\s+(?:unique\s+)?index)\s+(?:if\s+not\s+exists\s+)?(\S+)\s+on\s+(?:only\s+)?([^\s(]+)\s*([\s\S]+)$/i.exec(
      text ?? '',
    ) ?? []
  if (!head || !name || !table || !rest) return { text: how }
  const children = built.filter(({ under }) => under.at(-1) === parent)
  const sql = [
    `${head} ${name} ON ONLY ${table} ${rest};`,
    ...children.map(
      (child) =>
        `${ALONE}\n${withConcurrently(child.definition)};\n${NEXT}\nALTER INDEX ${name} ATTACH PARTITION ${child.name};`,
    ),
  ]
  return { text: how, sql: sql.join('\n') }
}

function withConcurrently(create: string): string {
  return create.replace(/^(create\s+(?:unique\s+)?index)\s+/i, (_, head: string) =>
    head === head.toLowerCase() ? `${head} concurrently ` : `${head} CONCURRENTLY `,
  )
}

/** Returns the statements that add the columns which constraints of the same statement are about. */
function newColumns(effects: Effects): string[] {
  return effects.columns.flatMap((change) => {
    const { table, before, after } = change
    const isNeeded = effects.constraints.some(
      (one) => one.table === table && (isLookedAt(one) || (one.kind === 'unique' && one.change === 'added')),
    )
    if (before || !after || !isNeeded || ofColumn(change, effects, undefined)) return []
    return [`ALTER TABLE ${table} ADD COLUMN ${after.name} ${columnRest(after)};`]
  })
}

/** Returns whether a partition has the constraint from its parent, which has it, too. */
function isOfParent({ table, name }: ConstraintChange, { constraints, locks }: Effects): boolean {
  const under = locks.find((lock) => lock.kind === 'table' && lock.table === table)?.under ?? []
  return constraints.some((one) => one.name === name && under.includes(one.table))
}

/** Statements whose work is nothing that could be done in another order. */
function ofStatement(text = ''): Fix | undefined {
  const [, partition] = /\battach\s+partition\s+(\S+)/i.exec(text) ?? []
  if (partition)
    return {
      text: `Let a CHECK say of ${partition} what the bounds say, and that the key is not NULL: add it NOT VALID, validate it in a second migration, and attach the partition in a third, which then reads nothing.`,
    }
  const [, view] = /^refresh\s+materialized\s+view\s+(?!concurrently\b)(\S+)/i.exec(text) ?? []
  if (view)
    return {
      text: 'Refresh it while others read. It needs a unique index over columns, for all rows.',
      sql: `REFRESH MATERIALIZED VIEW CONCURRENTLY ${view};`,
    }
  if (/^(?:cluster|vacuum)\b/i.test(text))
    return {
      text: 'The server cannot do this while others work. Leave it out (a plain VACUUM makes the space free for new rows), or let a tool do it on the side (pg_repack, pg_squeeze).',
    }
  return undefined
}

/** Returns whether a constraint was checked over all rows, although it need not be at once. */
function isLookedAt({ kind, change, isValid }: ConstraintChange): boolean {
  return change === 'added' && isValid && (kind === 'check' || kind === 'foreign key')
}

function joined(first: readonly string[], fixes: readonly Fix[]): Fix {
  const texts = [...new Set(fixes.map(({ text }) => text))]
  const parts = fixes.flatMap((fix) => fix.sql ?? [])
  const sql = [
    ...(first.length > 0 && parts.length > 0 ? [`${first.join('\n')}\n${parts.shift()}`] : []),
    ...parts,
  ].join('\n\n')
  return { text: texts.join(' '), ...(sql !== '' && { sql }) }
}

function ofConstraint(constraint: ConstraintChange, built: readonly BuiltIndex[]): Fix | undefined {
  const { table, name, kind, definition, change } = constraint
  if (change === 'dropped') return undefined
  if (change === 'validated') {
    return {
      text: 'Validate it in a migration of its own: then nobody waits while the rows are read.',
      sql: `${NEXT}\nALTER TABLE ${table} VALIDATE CONSTRAINT ${name};`,
    }
  }
  if (isLookedAt(constraint)) {
    return {
      text: 'Add the constraint without looking at the rows, and check them in a second migration, during which everybody can go on.',
      sql: `ALTER TABLE ${table} ADD CONSTRAINT ${name} ${definition} NOT VALID;\n${NEXT}\nALTER TABLE ${table} VALIDATE CONSTRAINT ${name};`,
    }
  }
  const index = built.find((one) => one.constraint === name)
  if ((kind === 'unique' || kind === 'primary key') && index) {
    return {
      text: 'Build the index first, without blocking anybody, and make it the constraint in a second migration.',
      sql: `${ALONE}\n${withConcurrently(index.definition)};\n${NEXT}\nALTER TABLE ${table} ADD CONSTRAINT ${name} ${kind.toUpperCase()} USING INDEX ${name};`,
    }
  }
  if (kind === 'exclusion')
    return {
      text: 'An exclusion constraint cannot be added in another way: choose a quiet hour, and set a lock_timeout.',
    }
  return undefined
}

function ofColumn({ table, before, after }: ColumnChange, effects: Effects, text = ''): Fix | undefined {
  if (!after) return undefined
  const isRewritten = effects.rewritten.some(({ name }) => name === table)
  if (!before) return isRewritten ? ofNewColumn(table, after) : undefined
  // A longer text costs nothing by itself: then it was a constraint of the same statement for which rows were read.
  const isFree = !isRewritten && effects.constraints.some((one) => one.table === table && isLookedAt(one))
  if (before.type !== after.type) return isFree ? undefined : ofType(table, before, after, text)
  if (!before.isNotNull && after.isNotNull) return ofNotNull(table, after.name)
  return undefined
}

type Column = NonNullable<ColumnChange['after']>

function ofNewColumn(table: string, column: Column): Fix {
  const { name, type, default: value, generated } = column
  if (generated === 'stored') {
    return {
      text: 'A stored generated column is computed for every row. A virtual one (PostgreSQL 18) is not; otherwise add a plain column, keep it by a trigger and fill it in batches.',
      sql: `ALTER TABLE ${table} ADD COLUMN ${name} ${type} GENERATED ALWAYS AS (${value}) VIRTUAL;`,
    }
  }
  if (generated === 'identity' || /^nextval\(/.test(value ?? '')) {
    return {
      text: 'Add a plain column and a sequence, number the rows in batches, and then make it required.',
      sql: `ALTER TABLE ${table} ADD COLUMN ${name} ${type};\nCREATE SEQUENCE ${sequenceOf(table, name)} OWNED BY ${table}.${name};\nALTER TABLE ${table} ALTER COLUMN ${name} SET DEFAULT nextval('${sequenceOf(table, name)}');\n${fillIn(table, name, `nextval('${sequenceOf(table, name)}')`)}${column.isNotNull ? `\n${NEXT}\n${notNullSql(table, name)}` : ''}`,
    }
  }
  if (value === null) return { text: 'Add a plain column, fill it in batches, and then make it what it is to be.' }
  const required = column.isNotNull ? `\n${NEXT}\n${notNullSql(table, name)}` : ''
  return {
    text: 'Add the column without its default, set the default for new rows, and fill the old ones in batches.',
    sql: `ALTER TABLE ${table} ADD COLUMN ${name} ${type};\nALTER TABLE ${table} ALTER COLUMN ${name} SET DEFAULT ${value};\n${fillIn(table, name, value)}${required}`,
  }
}

function fillIn(table: string, name: string, value: string): string {
  return `-- then again and again, each time in a transaction of its own, until no row is updated
UPDATE ${table} SET ${name} = ${value} WHERE ctid = ANY (ARRAY(SELECT ctid FROM ${table} WHERE ${name} IS NULL LIMIT 1000));`
}

function ofType(table: string, { name, type: from }: Column, after: Column, text: string): Fix {
  const next = suffixed(name, '_new')
  const old = suffixed(name, '_old')
  const using = usingOf(text, name)
  const value = using ? `(${using})` : `${name}::${after.type}`
  return {
    text: `Add a column of the new type beside the old one, let the application or a trigger write both, fill it in batches, and then switch. (${name} goes from ${from} to ${after.type}.)`,
    sql: `ALTER TABLE ${table} ADD COLUMN ${next} ${after.type};
-- then again and again, each time in a transaction of its own, until no row is updated
UPDATE ${table} SET ${next} = ${value} WHERE ctid = ANY (ARRAY(SELECT ctid FROM ${table} WHERE ${next} IS DISTINCT FROM ${value} LIMIT 1000));
-- when both are the same: constraints and indexes on the new column, and then
ALTER TABLE ${table} RENAME COLUMN ${name} TO ${old};
ALTER TABLE ${table} RENAME COLUMN ${next} TO ${name};`,
  }
}

/** Returns the expression behind USING for a column whose type changes. */
function usingOf(text: string, column: string): string | undefined {
  const alone = column.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const changed = new RegExp(`\\balter\\s+(?:column\\s+)?${alone}\\s+(?:set\\s+data\\s+)?type\\b`, 'i').exec(text)
  if (!changed) return undefined
  const tokens = [...tokenize(text, 'postgres')].filter(({ start }) => start >= changed.index)
  const begin = tokens.find(({ start, end }) => /^using$/i.test(text.slice(start, end)))
  const isOver = (symbol: string, depth: number) => depth === 0 && (symbol === ',' || symbol === ';')
  let depth = 0
  let end = text.length
  for (const token of tokens) {
    const symbol = token.kind === 'symbol' ? text.slice(token.start, token.end) : ''
    if (symbol === '(') depth++
    if (symbol === ')') depth--
    if (!isOver(symbol, depth)) continue
    end = token.start
    break
  }
  return begin && begin.end < end ? text.slice(begin.end, end).trim() : undefined
}

function ofNotNull(table: string, name: string): Fix {
  return {
    text: 'Prove with a CHECK that there is no NULL, without keeping anybody out; SET NOT NULL then reads nothing.',
    sql: notNullSql(table, name),
  }
}

function notNullSql(table: string, name: string): string {
  const check = suffixed(name, '_not_null')
  return `ALTER TABLE ${table} ADD CONSTRAINT ${check} CHECK (${name} IS NOT NULL) NOT VALID;
${NEXT}
ALTER TABLE ${table} VALIDATE CONSTRAINT ${check};
${NEXT}
ALTER TABLE ${table} ALTER COLUMN ${name} SET NOT NULL;
ALTER TABLE ${table} DROP CONSTRAINT ${check};`
}

function columnRest(column: ColumnChange['after']): string {
  if (!column) return ''
  const { type, default: value, isNotNull } = column
  return [type, value !== null && `DEFAULT ${value}`, isNotNull && 'NOT NULL'].filter(Boolean).join(' ')
}

/** Returns a name with an ending, inside its quotes if it has any. */
function suffixed(name: string, ending: string): string {
  return name.endsWith('"') ? `${name.slice(0, -1)}${ending}"` : `${name}${ending}`
}

function sequenceOf(table: string, column: string): string {
  return `${table.replaceAll('"', '')}_${column.replaceAll('"', '')}_seq`
}
