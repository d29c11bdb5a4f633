/** What the parts of the driver share. */
import type { MigrationStep, OnNotice, StatementObserver } from '../../migrate/driver.ts'
import type { Hidden } from '../../migrate/source.ts'
import type { ChangedSession } from './changedSession.ts'
import type { Foreseen } from './foreseen.ts'
import type { Journal } from './journal.ts'
import type { Looks } from './looks.ts'
import type { Session } from './session.ts'
import { literal, type Tables } from './tables.ts'

export interface MysqlDriverOptions {
  /**
   * Name of the version table, default `schema_migrations`. The history table next to it has the same name plus
   * `_history`.
   */
  readonly table?: string
  /**
   * `advisory` (default): golang-migrate's named lock. `table`: a locked row, for clusters, where a named lock only
   * exists on one node.
   */
  readonly lock?: 'advisory' | 'table'
  /**
   * `true` refuses migrations that contain USE or name another database: the driver works on a copy and must change
   * nothing else.
   */
  readonly onlyHere?: boolean
  /** `true` if the caller drops the database after any failure: see {@link Driver.disposable}. */
  readonly disposable?: boolean
  /** `true` if nobody else migrates this database: the lock stays from one run to the next, until the driver is closed. */
  readonly keepsLock?: boolean | undefined
  /** Looks at the database before and after each statement. */
  readonly observer?: StatementObserver | undefined
  /** Names of tables that `drop()` keeps. */
  readonly keepTables?: readonly string[]
  /** Tables of another tool, which do not count as part of the schema. */
  readonly hidden?: Hidden | undefined
}

export interface DriverParts {
  readonly session: Session
  readonly options: MysqlDriverOptions
  /** Size in bytes of the largest message the server accepts (max_allowed_packet). */
  readonly packet: number
  /** Returns the names of our tables. */
  readonly names: () => Tables
  readonly changed: ChangedSession
  readonly journal: Journal
  readonly looks: Looks
  readonly foreseen: Foreseen
  /** Returns the statements that record a step in another tool's table. */
  readonly books: (step: MigrationStep) => readonly string[]
}

export function noticeOf({ work }: MigrationStep): OnNotice | undefined {
  return work.kind === 'nil' ? undefined : work.notice
}

/** Returns whether the database has tables whose rows cannot be rolled back. */
export async function rowsStay({ session, names }: DriverParts): Promise<boolean> {
  const [row] = await session.query(`SELECT ${rowsStaySql(names().database)} AS some`)
  return Number(row?.some) === 1
}

/** Returns the condition that a database has tables whose rows cannot be rolled back. */
export function rowsStaySql(database: string): string {
  return `EXISTS (SELECT 1 FROM information_schema.tables WHERE table_schema = ${literal(database)} AND engine IN ('MyISAM', 'MEMORY', 'Aria', 'CSV', 'ARCHIVE'))`
}
