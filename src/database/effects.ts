/** The observed effects of one statement on relations that were there before its migration. */
import type { Direction } from '../migrate/source.ts'

export interface Effects {
  readonly version: number
  readonly direction: Direction
  /** Index of the statement in the script, from 0. */
  readonly index: number
  /** Offsets of the statement in the text; undefined for code. */
  readonly range: { readonly start: number; readonly end: number } | undefined
  /** The first words of the statement. */
  readonly words: readonly string[]
  /** The command inside a DO block, a function or code that this is about, such as `ALTER TABLE users`. */
  readonly within?: string
  /** `false` if the statement ran outside a transaction: its locks ended with it. */
  readonly inTransaction: boolean
  readonly ms: number
  /** `lock_timeout` (PostgreSQL) or `lock_wait_timeout` (MySQL, MariaDB) in force; 0: it waits for ever. */
  readonly lockTimeoutMs: number
  /** Locks held when it ended, taken by it or by an earlier statement of its transaction, but for those of readers. */
  readonly locks: readonly HeldLock[]
  readonly rewritten: readonly Rewritten[]
  /** Indexes of old tables that were built, or built again. */
  readonly built: readonly BuiltIndex[]
  /** Old tables that were read from end to end. */
  readonly scanned: readonly TableEffect[]
  readonly written: readonly WrittenRows[]
  readonly columns: readonly ColumnChange[]
  readonly constraints: readonly ConstraintChange[]
  /** Outside a transaction: the open transactions it waited for. */
  readonly waited: readonly ('readers' | 'writers')[]
  /** Indexes that are not valid now and were before, or were not there. */
  readonly invalid: readonly BuiltIndex[]
  /** Indexes that stay invalid if the statement is interrupted and runs again. */
  readonly passedOver: readonly BuiltIndex[]
  /** `true` on MySQL and MariaDB, which write some statements otherwise. */
  readonly isMysql?: boolean
  /** MySQL and MariaDB: how the server changed the table, and the gentlest way that it would have accepted. */
  readonly algorithm?: Algorithm
}

/** The strongest thing that a lock keeps others from. */
export type Blocks = 'reads' | 'writes' | 'nothing'

export interface HeldLock {
  /** The relation, as the session names it. */
  readonly name: string
  readonly kind: 'table' | 'index' | 'other'
  /** The table of an index; otherwise the relation itself. */
  readonly table: string
  readonly mode: string
  readonly blocks: Blocks
  /** `true` if this statement took it or made it stronger. */
  readonly isNew: boolean
  /** Names of the tables of which the table is a partition. */
  readonly under: readonly string[]
  /** `true` if the relation is there no more. */
  readonly isGone: boolean
}

export interface TableEffect {
  readonly name: string
}

interface Rewritten extends TableEffect {
  /** The server's reason, in words; undefined where it gives none, as for CLUSTER. */
  readonly why?: string | undefined
}

export interface BuiltIndex {
  readonly name: string
  readonly table: string
  /** Names of the tables of which that table is a partition, the nearest first. */
  readonly under: readonly string[]
  /** The statement that makes it. */
  readonly definition: string
  readonly isNew: boolean
  /** The constraint that it serves, if any. */
  readonly constraint?: string | undefined
}

export interface WrittenRows {
  readonly name: string
  /** `false` if the table was made by the same migration. */
  readonly isOld: boolean
  readonly inserted: number
  readonly updated: number
  readonly deleted: number
  /** Rows before the statement, where it updated or deleted any. */
  readonly of: number | undefined
  /** `true` if the statement is a procedure that committed on its way, and so let go of the rows. */
  readonly isCommitted?: boolean
}

export interface Column {
  readonly name: string
  readonly type: string
  readonly isNotNull: boolean
  readonly default: string | null
  /** Set if the column is generated or an identity: `stored`, `virtual`, `identity`. */
  readonly generated: string | null
}

export interface ColumnChange {
  readonly table: string
  readonly before: Column | undefined
  readonly after: Column | undefined
}

export interface ConstraintChange {
  readonly table: string
  readonly name: string
  readonly kind: 'check' | 'foreign key' | 'unique' | 'primary key' | 'exclusion' | 'not null' | 'other'
  readonly definition: string
  readonly change: 'added' | 'validated' | 'dropped'
  readonly isValid: boolean
}

export interface Algorithm {
  /** The table that is changed. */
  readonly table: string
  readonly used: string
  /** `ALGORITHM=…, LOCK=…` */
  readonly possible: string
  readonly blocks: Blocks
  /** `true` if the statement itself asks for the algorithm or the lock. */
  readonly isAsked?: boolean
  /** The server's own words for why nothing gentler is possible. */
  readonly reason?: string | undefined
}
