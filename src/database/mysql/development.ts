/** A MySQL or MariaDB database used for development. */
import { MigrationFailedError, ScriptError } from '../../migrate/errors.ts'
import { NEVER } from '../../migrate/never.ts'
import { readScript } from '../../sql/script.ts'
import { AlreadyWatchedError, type DevelopmentDatabase, type Marker, withTwoSessions } from '../development.ts'
import { ownTables } from '../ownTables.ts'
import { type ConnectOptions, placeOf } from './address.ts'
import { readSchema } from './catalog.ts'
import { openUrl } from './connection.ts'
import { DatabaseCopy, lockOf } from './copies.ts'
import { mysqlDriver } from './driver.ts'
import { asStatementError, isMissingTable } from './failure.ts'
import { mysqlRows } from './rows/keeper.ts'
import { ScriptFailure, type Session } from './session.ts'
import { readShape } from './shape.ts'
import type { MysqlDriverOptions } from './steps/parts.ts'
import { identifier, literal } from './tables.ts'

export async function openMysqlDevelopment(
  url: string,
  options: MysqlDriverOptions & ConnectOptions,
): Promise<DevelopmentDatabase> {
  return withTwoSessions(
    () => openUrl(url, options),
    (session, second) => opened(url, options, session, second),
  )
}

// --- internal ---

async function opened(
  url: string,
  options: MysqlDriverOptions & ConnectOptions,
  session: Session,
  second: Session,
): Promise<DevelopmentDatabase> {
  const { database } = placeOf(url)
  const own = [...ownTables(options.table), ...(options.hidden?.tables ?? [])]
  const driver = await mysqlDriver(session, { ...options, keepTables: ownTables(options.table) })
  const table = `${identifier(database)}.${identifier(ownTables(options.table)[2])}`
  const create = `CREATE TABLE IF NOT EXISTS ${table} (name varchar(100) NOT NULL PRIMARY KEY, value longtext NOT NULL)`
  const lock = lockOf('watch', database)
  const ends = [session, second].map((one) => new Promise<void>((resolve) => one.onEnd(resolve)))
  let reads = 0
  return {
    driver,
    rows: mysqlRows(second, database, own),
    schema: () => readSchema(second, database, { exclude: own }),
    shape: () => readShape(second, database, own),
    // There is no cheap way to tell whether a definition changed, so each stamp differs.
    stamp: async () => String(reads++),
    async watch() {
      const [row] = await second.query(
        `SELECT GET_LOCK(${literal(lock)}, 0) AS got, IS_USED_LOCK(${literal(lock)}) AS id`,
      )
      if (Number(row?.got) !== 1) {
        const processes = await second.query('SHOW PROCESSLIST').catch(() => [])
        const holder = processes.find(({ Id }) => Number(Id) === Number(row?.id))
        throw new AlreadyWatchedError(
          session.label,
          holder && `session ${holder.Id}, user ${holder.User} from ${holder.Host}.`,
        )
      }
      await session.script([create], NEVER)
    },
    async run(sql, file) {
      const { problem, text, statements } = readScript(sql, 'mysql')
      if (problem) {
        const { message, start, end, hint } = problem
        throw new ScriptError(message, { file, text, start, end }, hint)
      }
      const all = statements.map(({ start, end }) => text.slice(start, end))
      try {
        await second.script(['START TRANSACTION', ...all, 'COMMIT'], NEVER)
      } catch (error) {
        await second.query('ROLLBACK').catch(() => undefined)
        if (!(error instanceof ScriptFailure)) throw error
        const place = statements[error.index - 1]
        const cause = asStatementError(error.error)
        const databaseState = 'Rows of it were not kept.'
        throw new MigrationFailedError({
          version: -1,
          file,
          text,
          start: place?.start,
          end: place?.end,
          info: { message: cause.message },
          databaseState,
          cause: error,
        })
      }
    },
    blockers: async () => undefined,
    async marker(): Promise<Marker> {
      const [row] = await session
        .query(`SELECT value FROM ${table} WHERE name = 'marker'`)
        .catch((error) => (isMissingTable(error) ? [] : Promise.reject(error)))
      if (!row) return { kind: 'none' }
      const { environment, place } = JSON.parse(String(row.value)) as { environment: string; place: string }
      return { kind: 'marked', environment, here: place === (await placeIn(session)) }
    },
    async mark(environment) {
      const value = literal(JSON.stringify({ environment, place: await placeIn(session) }))
      await session.script([create, `REPLACE INTO ${table} VALUES ('marker', ${value})`], NEVER)
    },
    async effects() {
      const [row] = await session
        .query(`SELECT value FROM ${table} WHERE name = 'effects'`)
        .catch((error) => (isMissingTable(error) ? [] : Promise.reject(error)))
      return row && String(row.value)
    },
    async recordEffects(text) {
      await session.script([`REPLACE INTO ${table} VALUES ('effects', ${literal(text)})`], NEVER)
    },
    lost: Promise.race(ends),
    fallback: new DatabaseCopy(url, options),
    async close() {
      await driver.close()
      await second.close().catch(() => undefined)
    },
  }
}

/** Returns the server's identity and the database's name, since a MySQL database has no id. */
async function placeIn(session: Session): Promise<string> {
  const rows = await session.query(
    "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('server_uuid', 'server_uid', 'hostname')",
  )
  const known = new Map(rows.map(({ Variable_name: name, Value }) => [String(name), String(Value)]))
  const [row] = await session.query('SELECT DATABASE() AS db')
  return `${known.get('server_uuid') ?? known.get('server_uid') ?? known.get('hostname')} ${row?.db}`
}
