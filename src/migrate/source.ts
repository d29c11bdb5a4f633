/** The interface of sources. Sources are simple: they list the migrations and return one body at a time. */
export type Direction = 'up' | 'down'

export type Log = (message: string) => void

export interface Migration {
  readonly version: number
  /** The title, for example `add_users`. */
  readonly name: string
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
}

export type RunSql = <Row extends object = Record<string, unknown>>(
  text: string,
  params?: readonly unknown[],
) => Promise<Row[]>

/** The argument of a code migration. `client` is the driver's own client, inside the migration's transaction. */
export interface MigrationContext<Client = unknown> {
  readonly client: Client
  /**
   * Runs SQL on that client and returns the rows. The caller declares their type, which is not checked:
   * `sql<{ id: number }>('select …')`.
   */
  readonly sql: RunSql
  /** Signal that is aborted when the run is cancelled. */
  readonly signal: AbortSignal
  readonly log: Log
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

export interface Source {
  /** Name for messages, for example `directory migrations`. */
  readonly name: string
  /**
   * Lists every migration, lowest version first, without reading bodies.
   * @throws a `MigratestError` for a missing directory, an invalid file name, or two files for one half.
   */
  list(): Promise<readonly Migration[]>
  /** Files the last `list()` found that look like migrations of another tool (`3_x.up.go`). */
  readonly passedOver?: readonly string[]
  /** Reads one body; returns null if there is no such half. Each call reads the file again. */
  read(migration: Migration, direction: Direction): Promise<MigrationBody | null>
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
