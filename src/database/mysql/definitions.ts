/** Reads every object of a database with the CREATE statement as the server itself writes it. */
import type { Row, Session } from './session.ts'
import { identifier, literal } from './tables.ts'

export interface Definition {
  readonly kind:
    | 'sequence'
    | 'table'
    | 'view'
    | 'procedure'
    | 'function'
    | 'package'
    | 'package body'
    | 'trigger'
    | 'event'
  readonly name: string
  readonly sql: string
  /** Table of a trigger. */
  readonly table: string | null
  /** When a trigger fires, such as `BEFORE INSERT`. */
  readonly moment?: string
  /** Session settings the object was created under and keeps, for objects with a body that is parsed later. */
  readonly settings: Readonly<Record<string, string>>
}

export interface ColumnFacts {
  readonly table: string
  readonly name: string
  readonly type: string
  readonly nullable: boolean
  readonly default: string | null
  /** Expression of a generated column. */
  readonly generated: string | null
  readonly extra: string
  readonly comment: string
}

export interface Definitions {
  readonly characterSet: string
  readonly collation: string
  /** The server's own sql_mode and time zone and the default collation of a utf8mb4 session, which a text need not specify. */
  readonly defaults: { readonly mode: string; readonly zone: string; readonly collation: string }
  /** `true` if that is the server's default. */
  readonly usual: boolean
  /** Other options of the database: encrypted, read only, comment. */
  readonly options: string
  /** The current user, such as `root`@`%`. */
  readonly user: string
  /** Tables first, each view after those it reads, triggers in the order in which they fire. */
  readonly objects: readonly Definition[]
  readonly columns: readonly ColumnFacts[]
}

/**
 * Reads all definitions of a database.
 * @param exclude names of tables to leave out.
 * @param withColumns whether to read facts of columns, which takes longer than everything else
 */
export async function readDefinitions(
  session: Session,
  database: string,
  exclude: readonly string[],
  { withColumns = true } = {},
): Promise<Definitions> {
  const db = literal(database)
  const quoted = identifier(database)
  const { facts, made, columns, named, shown } = await withSettings(
    session,
    database,
    [
      `SELECT default_character_set_name AS cs, default_collation_name AS co, @@collation_server AS server, CURRENT_USER() AS user, @@GLOBAL.sql_mode AS mode, @@GLOBAL.time_zone AS zone, @@collation_connection AS connection FROM information_schema.schemata WHERE schema_name = ${db}`,
      `SHOW CREATE DATABASE ${quoted}`,
      `SHOW FULL TABLES FROM ${quoted}`,
      `SHOW TRIGGERS FROM ${quoted}`,
      `SELECT routine_name AS name, routine_type AS type FROM information_schema.routines WHERE routine_schema = ${db} ORDER BY routine_type, routine_name`,
      `SELECT event_name AS n, ABS(TIMESTAMPDIFF(SECOND, CONVERT_TZ(starts, time_zone, '+00:00'), created)) <= 1 AS at_once FROM information_schema.events WHERE event_schema = ${db} ORDER BY event_name`,
      ...(withColumns
        ? [
            `SELECT table_name AS t, column_name AS n, column_type AS y, is_nullable AS u, column_default AS d, generation_expression AS g, extra AS x, column_comment AS c FROM information_schema.columns WHERE table_schema = ${db} ORDER BY table_name, ordinal_position`,
          ]
        : []),
    ],
    async ([facts = [], made = [], tables = [], triggers = [], routines = [], events = [], columns = []]) => {
      const named = [
        ...tables.map((row) => {
          const [name, type] = Object.values(row).map(String) as [string, string]
          return { kind: KINDS[type] ?? 'table', name, table: null } as const
        }),
        ...routines.map(({ name, type }) => ({
          kind: String(type).toLowerCase() as 'procedure' | 'function' | 'package' | 'package body',
          name: String(name),
          table: null,
        })),
        // The server lists triggers in the order in which they fire.
        ...triggers.map(
          ({ Trigger, Table, Timing, Event }) =>
            ({ kind: 'trigger', name: String(Trigger), table: String(Table), moment: `${Timing} ${Event}` }) as const,
        ),
        ...events.map(
          ({ n, at_once: atOnce }) =>
            ({ kind: 'event', name: String(n), table: null, ...(Number(atOnce) === 1 && { atOnce: true }) }) as const,
        ),
      ].filter(({ kind, name, table }) => !exclude.includes(kind === 'trigger' ? (table ?? '') : name))
      const shown = await session.queries(
        named.map(({ kind, name }) => `SHOW CREATE ${kind.toUpperCase()} ${quoted}.${identifier(name)}`),
      )
      return { facts, made, columns, named, shown }
    },
  )
  const [fact = {}] = facts
  return {
    characterSet: String(fact.cs),
    collation: String(fact.co),
    usual: fact.co === fact.server,
    defaults: { mode: String(fact.mode), zone: String(fact.zone), collation: String(fact.connection) },
    user: String(fact.user),
    options: String(Object.values(made[0] ?? {})[1]).replace(quoted, ''),
    objects: inOrder(
      named.map(({ kind, name, table, ...rest }, i) => {
        const read = readShown(shown[i]?.[0] ?? {}, kind, quoted)
        const moment = 'moment' in rest && { moment: rest.moment }
        return { kind, name, table, ...moment, ...read, ...('atOnce' in rest && { sql: withoutStart(read.sql) }) }
      }),
    ),
    columns: columns
      .filter(({ t }) => !exclude.includes(String(t)))
      .map(({ t, n, y, u, d, g, x, c }) => ({
        table: String(t),
        name: String(n),
        type: String(y),
        nullable: u === 'YES',
        default: d as string | null,
        generated: g ? String(g) : null,
        extra: String(x),
        comment: String(c),
      })),
  }
}

/** Settings under which the server writes all statements alike. */
export const PLAIN_SETTINGS = settingsOf('', 1, '+00:00')

/** Returns a table's statement as `readDefinitions` does, from a row of SHOW CREATE TABLE under `PLAIN_SETTINGS`. */
export function tableSql(row: Row, database: string): string {
  return readShown(row, 'table', identifier(database)).sql
}

// --- internal ---

const KINDS: Readonly<Record<string, Definition['kind']>> = {
  'BASE TABLE': 'table',
  'SYSTEM VERSIONED': 'table',
  VIEW: 'view',
  SEQUENCE: 'sequence',
}

const ORDER: readonly Definition['kind'][] = [
  'sequence',
  'table',
  'package',
  'package body',
  'function',
  'procedure',
  'view',
  'trigger',
  'event',
]

/**
 * Runs `work` under the settings and current database that decide how the server writes names and texts, and restores
 * both.
 */
async function withSettings<T>(
  session: Session,
  database: string,
  first: readonly string[],
  work: (results: Row[][]) => Promise<T>,
): Promise<T> {
  const results = await session
    .queries([KEPT, READ_KEPT, `USE ${identifier(database)}`, `SET SESSION ${PLAIN_SETTINGS}`, ...first])
    .catch(async (error) => {
      // A failure tells neither which of them have run nor what was set before.
      const [kept] = await session.query(READ_KEPT).catch(() => [])
      if (kept) await session.queries(putBack(kept)).catch(() => undefined)
      throw error
    })
  try {
    return await work(results.slice(4))
  } finally {
    await session.queries(putBack(results[1]?.[0] ?? {}))
  }
}

const KEPT =
  'SET @migratest_db = DATABASE(), @migratest_mode = @@sql_mode, @migratest_quotes = @@sql_quote_show_create, @migratest_zone = @@time_zone'
const READ_KEPT =
  'SELECT @migratest_db AS db, @migratest_mode AS mode, @migratest_quotes AS quotes, @migratest_zone AS zone'

function settingsOf(mode: unknown, quotes: unknown, zone: unknown): string {
  return `sql_mode = ${literal(String(mode))}, sql_quote_show_create = ${quotes}, time_zone = ${literal(String(zone))}`
}

function putBack({ db, mode, quotes, zone }: Row): string[] {
  return [...(db == null ? [] : [`USE ${identifier(String(db))}`]), `SET SESSION ${settingsOf(mode, quotes, zone)}`]
}

const SETTINGS = ['sql_mode', 'time_zone', 'character_set_client', 'collation_connection']

/**
 * Normalizes what SHOW CREATE returns. MySQL writes a column's character set or omits it, depending on how the column
 * was created; it follows from the collation. The database's own name is removed, since a copy has another.
 */
function readShown(row: Row, kind: Definition['kind'], database: string): Pick<Definition, 'sql' | 'settings'> {
  const [, sql] = Object.entries(row).find(([name]) => /^create |^sql original statement$/i.test(name)) ?? []
  const settings = SETTINGS.flatMap((name) => (typeof row[name] === 'string' ? [[name, row[name]] as const] : []))
  const text = String(sql ?? '')
  if (!['sequence', 'table', 'view'].includes(kind)) return { sql: text, settings: Object.fromEntries(settings) }
  const unqualified = replaceOutside(text, new RegExp(escaped(`${database}.`)), '')
  const plain = replaceOutside(unqualified, / CHARACTER SET (?<set>\w+) COLLATE (?=\k<set>_)/, ' COLLATE ')
  return { sql: plain, settings: Object.fromEntries(settings) }
}

/** Removes the time at which an event was created: it is not part of a schema, and no two databases have the same. */
function withoutStart(sql: string): string {
  return sql.replace(/( ON SCHEDULE EVERY (?:(?! ON COMPLETION ).)*?) STARTS '[^']*'/s, '$1')
}

/**
 * Replaces every match outside literals and quoted names, since a comment may contain anything.
 * @param pattern a pattern with named groups
 */
export function replaceOutside(sql: string, pattern: RegExp, by: string): string {
  const all = new RegExp(`'(?:[^'\\\\]|''|\\\\.)*'|(?<found>${pattern.source})|\`(?:[^\`]|\`\`)*\``, 'gs')
  return sql.replace(all, (whole, ...rest) => {
    const { found } = rest.at(-1) as { found?: string }
    return found === undefined ? whole : by
  })
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}

/**
 * Returns whether a view reads another object. The server writes those after FROM and JOIN; elsewhere, a name is a
 * column's or an alias.
 */
function reads(view: Definition, other: Definition): boolean {
  const name = identifier(other.name).replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`\\b(?:from|join)[ (]*${name}(?!\\.)`, 'i').test(view.sql)
}

/** Orders by kind, and each view after those it reads; the rest stays in the server's order, by name. */
function inOrder(objects: readonly Definition[]): Definition[] {
  const views = new Map(objects.filter(({ kind }) => kind === 'view').map((view) => [view.name, view]))
  const done = new Set<Definition>()
  const visit = (view: Definition) => {
    if (done.has(view) || !views.delete(view.name)) return
    for (const other of [...views.values()]) if (reads(view, other)) visit(other)
    done.add(view)
  }
  for (const view of [...views.values()]) visit(view)
  return ORDER.flatMap((kind) => (kind === 'view' ? [...done] : objects.filter((object) => object.kind === kind)))
}
