/**
 * The registry of a MySQL or MariaDB server. Locks are named locks (`GET_LOCK`); the marks of databases are in a table
 * of our own.
 */
import { randomBytes } from 'node:crypto'
import { endOfLog, isLogging, type LogPosition, laterOf, UNLOGGED } from '../../../database/mysql/binaryLog.ts'
import { countSessions, dropDatabase, endSession, sessionsOn } from '../../../database/mysql/databases.ts'
import type { MysqlError, Session } from '../../../database/mysql/session.ts'
import { identifier, literal } from '../../../database/mysql/tables.ts'
import { runGiven } from '../../given.ts'
import { type FoundDatabase, type LockKind, Registry } from '../registry.ts'
import { openPatiently } from './connections.ts'

export class MysqlRegistry extends Registry {
  readonly admin: Session
  /** `true` if this server's event scheduler runs, so that events fire. */
  readonly eventsFire: boolean
  readonly isMariadb: boolean
  #maker: Promise<Session> | undefined
  #making: Promise<unknown> = Promise.resolve()
  readonly #freezing = new Set<string>()
  #logging: Promise<boolean> | undefined
  #latest: LogPosition | undefined
  readonly #lost = new Set<() => void>()

  private constructor(url: string, ours: boolean, token: string, admin: Session, opening: Opening) {
    super({ url, ours, token, family: FAMILY, maxConnections: opening.connections })
    this.admin = admin
    this.eventsFire = opening.eventsFire
    this.isMariadb = opening.isMariadb
    admin.onEnd(() => {
      for (const listener of this.#lost) listener()
    })
  }

  static async open(url: string, ours: boolean): Promise<MysqlRegistry> {
    const admin = await openHasty(url, SHORT_WAIT_MS)
    const token = randomBytes(4).toString('hex')
    const [row] = await admin.query(
      'SELECT @@max_connections AS connections, @@event_scheduler AS scheduler, VERSION() AS version',
    )
    await admin.queries([
      `CREATE DATABASE IF NOT EXISTS ${REGISTRY}`,
      `CREATE TABLE IF NOT EXISTS ${DATABASES} (id bigint PRIMARY KEY AUTO_INCREMENT, name varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL UNIQUE, comment longtext, blueprint longtext) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`,
      `CREATE TABLE IF NOT EXISTS ${PROCESSES} (token varchar(64) PRIMARY KEY) ENGINE=InnoDB`,
      `SELECT GET_LOCK(${lockName('living', token)}, 10)`,
      `DELETE FROM ${PROCESSES} WHERE IS_FREE_LOCK(CONCAT('${PREFIX} living ', token)) = 1`,
      `INSERT INTO ${PROCESSES} VALUES (${literal(token)})`,
    ])
    const opening = {
      connections: Number(row?.connections),
      eventsFire: row?.scheduler === 'ON',
      isMariadb: /mariadb/i.test(String(row?.version)),
    }
    return new MysqlRegistry(url, ours, token, admin, opening)
  }

  onLost(listener: () => void): void {
    this.#lost.add(listener)
  }

  /**
   * Runs slow work on a second connection, one job after another: the work sends several messages and depends on the
   * session's current database.
   */
  make<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const done = this.#making.then(async () => {
      const maker = await this.#openMaker()
      try {
        return await work(maker)
      } finally {
        // A session counts as connected to its current database, so leave it.
        await maker.query(`USE ${REGISTRY}`).catch(() => undefined)
      }
    })
    this.#making = done.catch(() => undefined)
    return done
  }

  /** Returns `true` if the server's binary log tells of every row that tests write. */
  isLogging(): Promise<boolean> {
    this.#logging ??= this.ours ? isLogging(this.admin).catch(() => false) : Promise.resolve(false)
    return this.#logging
  }

  /** Returns the present end of the server's binary log, if it is to be used. */
  async endOfLog(): Promise<LogPosition | undefined> {
    if (!(await this.isLogging())) return undefined
    const end = await endOfLog(this.admin)
    if (end) this.sawLog(end)
    return end
  }

  sawLog(position: LogPosition): void {
    this.#latest = this.#latest ? laterOf(this.#latest, position) : position
  }

  /** The last moment of the log that this process has seen, which is before anything that happens from now on. */
  get latestInLog(): LogPosition | undefined {
    return this.#latest
  }

  async setUp(statements: readonly string[]): Promise<void> {
    if (statements.length === 0) return
    const session = await openPatiently(this.url)
    try {
      await session.query(`SELECT GET_LOCK(${lockName('all', 'setting up')}, 60)`)
      for (const sql of statements) await runGiven('setup', sql, () => session.query(sql))
    } finally {
      await session.close()
    }
  }

  /** Returns the statement that records a new database, and with it the order in which databases were made. */
  create(name: string): string[] {
    return [`INSERT IGNORE INTO ${DATABASES} (name) VALUES (${literal(name)})`]
  }

  async list(prefix: string): Promise<FoundDatabase[]> {
    const [rows, counts] = await Promise.all([
      this.admin.query(
        `SELECT s.schema_name AS name, d.comment AS comment FROM information_schema.schemata s LEFT JOIN ${DATABASES} d ON d.name = CONVERT(s.schema_name USING utf8mb4) COLLATE utf8mb4_bin WHERE LEFT(s.schema_name, ${prefix.length}) = ${literal(prefix)} ORDER BY d.id`,
      ),
      countSessions(this.admin),
    ])
    return rows.map((row) => {
      const name = String(row.name)
      const comment = row.comment === null ? '' : String(row.comment)
      return { name, comment, connections: counts.get(name) ?? 0, valid: true }
    })
  }

  async write(name: string, comment: string | null): Promise<void> {
    const text = comment === null ? 'NULL' : literal(comment)
    await this.admin.query(
      `INSERT INTO ${DATABASES} (name, comment) VALUES (${literal(name)}, ${text}) ON DUPLICATE KEY UPDATE comment = VALUES(comment)`,
    )
  }

  /** Stores a snapshot's mark and blueprint: the statements that make everything in it except the rows. */
  async writeBlueprint(name: string, comment: string, blueprint: string): Promise<void> {
    await this.admin.query(
      `INSERT INTO ${DATABASES} (name, comment, blueprint) VALUES (${literal(name)}, ${literal(comment)}, ${literal(blueprint)}) ON DUPLICATE KEY UPDATE comment = VALUES(comment), blueprint = VALUES(blueprint)`,
    )
  }

  async readBlueprint(name: string): Promise<string | undefined> {
    const [row] = await this.admin.query(`SELECT blueprint FROM ${DATABASES} WHERE name = ${literal(name)}`)
    return (row?.blueprint ?? undefined) as string | undefined
  }

  /**
   * Runs `work` while no other process freezes the same snapshot. Others do not wait, since one copy is enough.
   * @throws Freezing if another process is freezing it
   */
  async whileFreezing<T>(key: string, work: () => Promise<T>): Promise<T> {
    const which = `freeze ${key}`
    if (this.#freezing.has(key) || !(await this.tryLock('building', which))) throw new Freezing()
    this.#freezing.add(key)
    try {
      return await work()
    } finally {
      this.#freezing.delete(key)
      await this.unlock('building', which).catch(() => undefined)
    }
  }

  /**
   * Drops a database. If another session or a prepared transaction holds its tables, the database stays and a later
   * sweep drops it.
   */
  async drop(name: string): Promise<void> {
    try {
      await this.make((maker) => this.#dropOn(maker, name))
    } catch (error) {
      // Either a lock timeout, or the administrator's connection broke, or the server is gone with all its databases.
      const session = await openHasty(this.url, DROP_WAIT_MS).catch(() => Promise.reject(error))
      try {
        await this.#dropOn(session, name)
      } catch (again) {
        if (!isLockTimeout(again)) throw again
      } finally {
        await session.close()
      }
    }
  }

  async dropIfUnused(name: string): Promise<void> {
    if ((await sessionsOn(this.admin, name)).length > 0) throw new Error(`somebody is connected to ${name}`)
    await dropDatabase(this.admin, name)
    await this.#forget(this.admin, name)
  }

  protected async tryLock(kind: LockKind, which: string): Promise<boolean> {
    const [row] = await this.admin.query(`SELECT GET_LOCK(${lockName(kind, which)}, 0) AS got`)
    return Number(row?.got) === 1
  }

  protected async unlock(kind: LockKind, which: string): Promise<void> {
    await this.admin.query(`SELECT RELEASE_LOCK(${lockName(kind, which)})`)
  }

  protected async isLiving(token: string): Promise<boolean> {
    const [row] = await this.admin.query(`SELECT IS_USED_LOCK(${lockName('living', token)}) AS id`)
    return row?.id != null
  }

  protected async countLiving(): Promise<number> {
    const [row] = await this.admin.query(
      `SELECT COUNT(*) AS n FROM ${PROCESSES} WHERE IS_FREE_LOCK(CONCAT('${PREFIX} living ', token)) = 0`,
    )
    return Number(row?.n ?? 1)
  }

  // --- internal ---

  /** Opens the connection for slow work. If connections are few, it is `admin`. */
  #openMaker(): Promise<Session> {
    if (this.few) return Promise.resolve(this.admin)
    if (!this.#maker) {
      const opening = this.#openUnlogged()
      const forget = () => {
        if (this.#maker === opening) this.#maker = undefined
      }
      opening.then((session) => session.onEnd(forget), forget)
      this.#maker = opening
    }
    return this.#maker
  }

  async #openUnlogged(): Promise<Session> {
    const session = await openHasty(this.url, SHORT_WAIT_MS)
    if (await this.isLogging()) await session.query(UNLOGGED)
    return session
  }

  async #dropOn(session: Session, name: string): Promise<void> {
    for (const { id } of await sessionsOn(session, name)) await endSession(session, id)
    await dropDatabase(session, name)
    await this.#forget(session, name)
  }

  async #forget(session: Session, name: string): Promise<void> {
    await session.query(`DELETE FROM ${DATABASES} WHERE name = ${literal(name)}`)
  }
}

/** Another process is freezing the same snapshot, or has just done so. */
export class Freezing extends Error {}

/** Returns whether this is the name of a test database, or of the one in which we list them. */
export function isOurs(database: string): boolean {
  return database.startsWith(FAMILY) || database === REGISTRY_NAME
}

// --- internal ---

/** Lock timeouts: a statement that waits for a table blocks all later work on these connections. */
const SHORT_WAIT_MS = 1000
const DROP_WAIT_MS = 5000

/**
 * Opens a session with short lock timeouts, both for table definitions and for rows, which MariaDB's DROP waits for.
 */
async function openHasty(url: string, waitMs: number): Promise<Session> {
  const session = await openPatiently(url, { statementLockTimeoutMs: waitMs })
  await session.query(`SET SESSION innodb_lock_wait_timeout = ${waitMs / 1000}`)
  return session
}

function isLockTimeout(error: unknown): boolean {
  return (error as MysqlError).errno === 1205
}

const PREFIX = 'migratest'
/** The prefix of the names of all test databases. */
const FAMILY = 'migratest_t_'
const REGISTRY_NAME = 'migratest_registry'
const REGISTRY = identifier(REGISTRY_NAME)

const DATABASES = `${REGISTRY}.${identifier('databases')}`
const PROCESSES = `${REGISTRY}.${identifier('processes')}`

interface Opening {
  readonly connections: number
  readonly eventsFire: boolean
  readonly isMariadb: boolean
}

/** Returns the name of a lock, cut to the 64 characters that MySQL allows. */
function lockName(kind: LockKind, which: string): string {
  return literal(`${PREFIX} ${kind} ${which}`.slice(0, 64))
}
