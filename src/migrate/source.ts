/** The interface of sources. Sources are simple: they list the migrations and return one body at a time. */
import type { Dialect } from '../sql/dialect.ts'
import type { ScriptRules } from '../sql/script.ts'

export type Direction = 'up' | 'down'

export type Log = (message: string) => void

export interface Migration {
  /** The version. In a folder of another tool, the rank: see {@link SourceFormat}. */
  readonly version: number
  /** The title, for example `add_users`. In a folder of another tool, the whole name: `20240612_split_names`. */
  readonly name: string
  /** The number that the name begins with, in a folder of another tool. It can be a target where it is unique. */
  readonly number?: number | undefined
  /** Facts from the tool's table about the migration, besides the text, if it is a folder of another tool. */
  readonly facts?: string | undefined
  /** Readable locations (paths) of the up and down halves; undefined if there is no such half. */
  readonly up?: string | undefined
  readonly down?: string | undefined
}

/** The relations a migration declares to others. They are read without running it. */
export interface Relations {
  /**
   * The dependencies as written: names (`0004_users`), titles or versions. Empty: the migration depends on nothing.
   * Absent: it depends on the one before it.
   */
  readonly dependsOn?: readonly string[] | undefined
  /** Names of the migrations that were squashed into this one. */
  readonly replaces?: readonly string[] | undefined
  /** Reason why the relations cannot be read. */
  readonly problem?: string | undefined
}

export interface SqlBody {
  readonly kind: 'sql'
  readonly text: string
  /** How the tool that the file belongs to runs it; default: golang-migrate's rules. */
  readonly rules?: ScriptRules | undefined
  /**
   * The text before placeholders were replaced, if they were. The history keeps this one: values may be secrets, and
   * other values are no edit.
   */
  readonly written?: string | undefined
}

export type RunSql = <Row extends object = Record<string, unknown>>(
  text: string,
  params?: readonly unknown[],
) => Promise<Row[]>

/** The argument of a code migration. `client` is the driver's own client, inside the migration's transaction. */
export interface MigrationContext<Client = unknown> {
  readonly client: Client
  readonly dialect: Dialect
  /**
   * Runs SQL on that client and returns the rows. The caller declares their type, which is not checked:
   * `sql<{ id: number }>('select …')`.
   */
  readonly sql: RunSql
  /** Signal that is aborted when the run is cancelled. */
  readonly signal: AbortSignal
  readonly log: Log
}

/** The context of code that another tool's library runs. */
export interface LibraryContext extends MigrationContext {
  /** Set if several migrations share the transaction. The same object for all of them. */
  readonly shared?: SharedByMigrations | undefined
}

export interface SharedByMigrations {
  /** Has `end` called before the transaction is committed, or with the error because of which it was rolled back. */
  onEnd(end: (error?: unknown) => Promise<unknown>): void
}

export interface CodeBody {
  readonly kind: 'code'
  /** The source text, for display and for the history. */
  readonly text: string
  /** The code itself. The engine awaits its result, and refuses one that has not run (a generator, SQL text). */
  readonly run: (context: MigrationContext) => unknown
  /** `false` runs the code without a transaction of ours. */
  readonly transaction?: boolean | undefined
  /**
   * 32 hex digits that change when the behaviour of this half may have changed; default: the fingerprint of the text.
   */
  readonly fingerprint?: string | undefined
  /** The string from which {@link Source.revive} can make this body again; absent if it cannot. */
  readonly record?: string | undefined
  /** Things the user should know before the code runs. */
  readonly remarks?: readonly string[] | undefined
  /** Finds the place in the migration's own files where an error was thrown. */
  readonly locate?: ((error: unknown) => CodePlace | undefined) | undefined
}

export interface CodePlace {
  readonly file: string
  readonly text: string
  /** Offsets into the text. */
  readonly start: number
  readonly end: number
}

export type MigrationBody = SqlBody | CodeBody

/** The values that determine the effect of a migration in code. */
export interface CodeKey {
  /**
   * A hash of its text, of the project's modules that it imports, and of the versions of its packages; for functions that
   * are in no file, a text that is only valid in this process.
   */
  readonly hash: string
  /** The texts of those modules. */
  readonly texts: readonly string[]
  /** The absolute paths of those modules, and of the files that they read. */
  readonly files: readonly string[]
  /** The variables of the environment that they read; their values are part of the hash. */
  readonly variables: readonly string[]
}

/** Says that a migration in code has to run to have its effect: it may read something that nothing follows. */
export interface NoCodeKey {
  /** The reason, such as `it uses fetch`; undefined if the author says so, or if running it will report why. */
  readonly because: string | undefined
}

/**
 * A folder of another tool. That tool identifies a migration by its name and orders the names by its own rules.
 * A migration's `version` is then its rank: its place in the list plus a half. Ranks order migrations while a command
 * runs; they are never stored, and never shown.
 */
export interface SourceFormat {
  /** The tool's name, for example `Prisma`. */
  readonly tool: string
  /** `false` if the format has no downs. A migration may have one all the same. */
  readonly downs: boolean
  /** The tool's treatment of a migration that sorts below an applied one and is not applied itself. */
  readonly outOfOrder: 'error' | 'apply' | 'ignore'
  /** The tool's treatment of an applied migration whose file is gone. */
  readonly missing: 'error' | 'ignore'
  /** `true`: its table has no names, so a database does not notice that the file of an applied migration is gone. */
  readonly nameless?: boolean
  /** Set if the tool runs all migrations of a command in one transaction, where the database can. */
  readonly oneTransaction?: OneTransaction | undefined
  /** Returns the part of a name that the tool identifies the migration by, for example the digits. */
  identify(name: string): string
  /** The options that change what is run or recorded, as text. */
  readonly settings: string
  /**
   * Returns the SQL texts that a new database gets before the first migration: a test's database, and one that `watch`
   * has made.
   */
  before(): readonly string[]
  /** The table in which the tool records what is applied. */
  bookkeeping(dialect: Dialect): Bookkeeping
}

/** The migrations of a command that a tool runs in one transaction. */
export interface OneTransaction {
  /** The directions for which it does so. */
  readonly directions: readonly Direction[]
  /**
   * The effect on the others of a migration that runs without a transaction: it `divides` them into those before and those
   * behind it, or `ends` the rule, so that each has a transaction of its own.
   */
  readonly exception: 'divides' | 'ends'
}

/** A row of a query. */
export type BookkeepingData = Readonly<Record<string, unknown>>

/** The table in which another tool records what is applied, and the SQL that reads and writes it. */
export interface Bookkeeping {
  /** Names of the tool's tables without their schema. They do not count as part of the schema. */
  readonly tables: readonly string[]
  /** The schema of the tables, if the tool has a schema of its own for them. */
  readonly schema?: string | undefined
  /** Statements that create the table if it is missing. They run before the first migration. */
  readonly create: readonly string[]
  /**
   * A query for the rows, in the order in which the tool applied them. Undefined if the tool has no table: then only our
   * own table says what is applied.
   */
  readonly select?: string | undefined
  /** Interprets the rows of {@link select}. The migrations are those of the last `list()`. */
  rows(rows: readonly BookkeepingData[]): readonly BookkeepingRow[]
  /** Returns the statements that record a migration as the tool would after applying it. */
  record(migration: Migration): Promise<readonly string[]>
  /** Returns the statements that remove the record. @param identity see {@link SourceFormat.identify} */
  forget(identity: string): readonly string[]
  /**
   * Returns the locks that the tool takes while it migrates: keys of session-level advisory locks (PostgreSQL), or
   * names for GET_LOCK (MySQL). @param database the database's name
   */
  locks?(database: string): readonly string[]
  /** The row by which the tool locks, if it is one. */
  readonly lockRow?: LockRow | undefined
}

/**
 * A row by which a tool keeps others out. We mark it in a way of our own, so that a mark that a killed process left can
 * be told from the tool's: our own lock ends with its session.
 */
export interface LockRow {
  /** A statement that marks the row unless the tool has. */
  readonly take: string
  /** A query that returns a row if the tool has marked it. */
  readonly look: string
  /** A statement that removes our mark. */
  readonly free: string
  /** Completes "Another migration is running: …" and says what to do if that is not so. */
  readonly holder: string
}

/**
 * Tables and schemas that do not count as part of a database's schema. A table is named with its schema, or by its name
 * alone, which then means one in any schema.
 */
export interface Hidden {
  readonly tables: readonly string[]
  readonly schemas: readonly string[]
}

/** Returns the tables of the tool that a source's folder belongs to. */
export function hiddenBy({ format }: Source, dialect: Dialect): Hidden {
  if (!format) return { tables: [], schemas: [] }
  const { tables, schema } = format.bookkeeping(dialect)
  if (schema === undefined || dialect === 'mysql') return { tables, schemas: [] }
  return { tables: tables.map((table) => `${schema}.${table}`), schemas: [schema] }
}

/** A migration in the tool's table. */
export interface BookkeepingRow {
  readonly identity: string
  /** `failed`: the tool began it and did not finish. */
  readonly state: 'applied' | 'failed'
  readonly appliedAt: Date | null
  /**
   * Returns whether the file still has the content that the tool applied. Undefined if the tool records no checksum, or
   * the file is gone.
   */
  readonly isUnchanged?: (() => Promise<boolean>) | undefined
}

/** The files that `migratest new` writes. Paths are relative to the folder. */
interface NewFiles {
  /** Content by path. */
  readonly contents: Readonly<Record<string, string>>
  /** Those of the paths that may exist already, for example a lock file. */
  readonly replaces: readonly string[]
}

/** The other files of a folder that change with the files of a migration, such as a list of all. Paths are relative to the folder. */
export interface Alongside {
  readonly contents: Readonly<Record<string, string>>
  readonly removed: readonly string[]
}

/** The text of a new migration's halves. */
export interface NewSql {
  readonly up: string
  readonly down: string
}

export interface Source {
  /** Name for messages, for example `directory migrations`. */
  readonly name: string
  /** The folder's absolute path, if the migrations are in one. */
  readonly folder?: string | undefined
  /** Set if the migrations are in a folder of another tool. */
  readonly format?: SourceFormat | undefined
  /**
   * Lists every migration, lowest version first, without reading bodies.
   * @throws a `MigratestError` for a missing directory, an invalid file name, or two files for one half.
   */
  list(): Promise<readonly Migration[]>
  /** Files the last `list()` found that look like migrations of another tool (`3_x.up.go`). */
  readonly passedOver?: readonly string[]
  /** Other findings of the last `list()` that the user should know, one sentence each. */
  readonly remarks?: readonly string[]
  /** Reads one body; returns null if there is no such half. Each call reads the file again. */
  read(migration: Migration, direction: Direction): Promise<MigrationBody | null>
  /** Returns what determines the effect of a migration in code, without running it, or why nothing does. */
  codeKey?(migration: Migration): Promise<CodeKey | NoCodeKey>
  /**
   * Returns the files of a new migration, by their paths in the folder; for folders of other tools. Without `sql` they
   * are as the tool makes them. A tool without downs gets the up only.
   * `replaces`: files that are there and grow, such as a journal. @throws UsageError if the tool makes them otherwise
   * @param dialect of the SQL
   */
  newFiles?(title: string, now: Date, sql?: NewSql, dialect?: Dialect): Promise<NewFiles>
  /**
   * Returns what else changes in a folder whose tool lists its migrations, if files get these texts; null: they go.
   * @param changes texts by their paths in the folder
   */
  alongside?(changes: ReadonlyMap<string, string | null>): Promise<Alongside>
  /** Returns the relations of the migrations that declare any, by version. */
  relations?(): Promise<ReadonlyMap<number, Relations>>
  /** Makes a body from recorded code, see {@link CodeBody.record}. */
  revive?(record: string, direction: Direction): Promise<MigrationBody | null>
}

/** Returns a message that names up to three skipped files, or undefined if there are none. */
export function passedOverMessage({ passedOver = [] }: Source): string | undefined {
  if (passedOver.length === 0) return undefined
  const more = passedOver.length > 3 ? ` and ${passedOver.length - 3} more` : ''
  return `Ignored files that look like migrations of another tool: ${passedOver.slice(0, 3).join(', ')}${more}`
}
