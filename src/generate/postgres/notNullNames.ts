/**
 * Names NOT NULL constraints where the server would choose another name than the usual one, because a table that was renamed has a constraint of
 * that name (PostgreSQL 18).
 */
import type { ColumnFacts, NotNullFacts } from '../../database/postgres/catalog/facts.ts'
import type { Schema } from '../../schema/schema.ts'
import { labelOf, plainName } from '../columns.ts'
import type { Hints } from '../hints.ts'
import { factsOf, isKind, type Side } from './side.ts'
import type { PostgresStatement } from './step.ts'

/** Returns the hints that name the constraints of tables in which the server chose other names; `undefined` if nothing is new. */
export function namedNotNulls(to: Schema, reached: Schema, hints: Hints): Hints | undefined {
  const found = new Map(reached.objects.map((object) => [`${object.kind} ${object.name}`, object]))
  const rungs = new Map(hints.rungs)
  for (const table of to.objects) {
    const got = table.kind === 'table' ? found.get(`table ${table.name}`) : undefined
    if (!got || rungs.has(keyFor(table.name))) continue
    const made = new Map(got.members.map(({ key, text }) => [key, text]))
    const differs = table.members.some(({ key, text }) => {
      const other = made.get(key) ?? text
      return other !== text && NAMED.test(other) && !NAMED.test(text) && other.replace(NAMED, ' NOT NULL') === text
    })
    if (differs) rungs.set(keyFor(table.name), 1)
  }
  return rungs.size > hints.rungs.size ? { ...hints, rungs } : undefined
}

/** Writes the usual names into the statements that make columns required. */
export function withNotNullNames(
  statements: readonly PostgresStatement[],
  to: Side,
  { rungs }: Hints,
): PostgresStatement[] {
  if (![...rungs.keys()].some((key) => key.startsWith(PREFIX))) return [...statements]
  return statements.map((statement) => {
    const object = to.objects.get(statement.object)
    if (!object || !isKind('table', object) || !rungs.has(keyFor(object.name))) return statement
    const names = usualNames(to, object.name)
    const { alter } = statement
    if (alter) {
      const action = namedAction(alter.action, names)
      return { ...statement, sql: `ALTER ${alter.table} ${action};`, alter: { ...alter, action } }
    }
    if (!statement.sql.startsWith('CREATE ')) return { ...statement, sql: namedAction(statement.sql, names) }
    const lines = statement.sql.split('\n').map((line) => {
      const column = new RegExp(`^\\s+(${NAME}) `).exec(line)?.[1]
      const name = column && names.get(column)
      return name ? line.replace(/ NOT NULL(?=,?$)/, () => ` CONSTRAINT ${name} NOT NULL`) : line
    })
    return { ...statement, sql: lines.join('\n') }
  })
}

/** Returns the name of the constraint, as far as it is known: the server shortens long ones in its own way. */
export function nameOfNotNull(
  notNulls: readonly NotNullFacts[] | null,
  { name }: ColumnFacts,
  table: string,
): string | undefined {
  const own = notNulls?.find((one) => one.column === name)
  return own && !own.usual ? own.name : usualName(table, name)
}

// --- internal ---

const NAME = '"(?:[^"]|"")*"|[^\\s"]+'
const NAMED = new RegExp(` CONSTRAINT (?:${NAME}) NOT NULL`)
const PREFIX = 'not null names of '
const LONGEST_NAME = 63

/** Returns the name that the server would choose, as SQL writes it; undefined where it would have to shorten it. */
function usualName(table: string, column: string): string | undefined {
  const name = `${plainName(labelOf(table))}_${column}_not_null`
  if (Buffer.byteLength(name) > LONGEST_NAME) return undefined
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`
}

function keyFor(table: string): string {
  return `${PREFIX}${table}`
}

function namedAction(text: string, names: ReadonlyMap<string, string>): string {
  const [, column = '', set] = new RegExp(`(?:ADD|ALTER) COLUMN (${NAME}) (SET NOT NULL)?`).exec(text) ?? []
  const name = names.get(column)
  if (name === undefined) return text
  if (set !== undefined)
    return text.replace(`ALTER COLUMN ${column} SET NOT NULL`, () => `ADD CONSTRAINT ${name} NOT NULL ${column}`)
  return NAMED.test(text) ? text : text.replace(/ NOT NULL(?= DEFAULT |;?$)/, () => ` CONSTRAINT ${name} NOT NULL`)
}

/** The usual name of each column's constraint, where it is short enough for the server to keep it. */
function usualNames(to: Side, table: string): Map<string, string> {
  const object = to.objects.get(`table ${table}`)
  if (!object || !isKind('table', object)) return new Map()
  const { columns, notNulls } = factsOf(to, object)
  const own = new Set((notNulls ?? []).filter(({ usual }) => !usual).map(({ column }) => column))
  return new Map(
    (columns ?? []).flatMap(({ name, quoted, notNull }) => {
      const usual = notNull && !own.has(name) ? usualName(table, name) : undefined
      return usual === undefined ? [] : [[quoted, usual] as const]
    }),
  )
}
