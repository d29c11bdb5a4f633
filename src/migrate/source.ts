/** What the engine asks of a source. Sources are dumb: they say what there is and hand out one body at a time. */
export type Direction = 'up' | 'down'

export type Log = (message: string) => void

export interface Migration {
  readonly version: number
  /** The title, as `add_users`. */
  readonly name: string
  /** Where the up and down halves are, as a person would say it (a path); undefined where there is no such half. */
  readonly up?: string | undefined
  readonly down?: string | undefined
}

/** What a migration says of others; read without running it. */
export interface Relations {
  /**
   * As they are written: names (`0004_users`), titles or versions. None: it follows nothing. Left out: it follows the one
   * before it.
   */
  readonly dependsOn?: readonly string[] | undefined
  /** Of a migration that others were squashed into: their names. */
  readonly replaces?: readonly string[] | undefined
  /** Why it cannot be read. */
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

/** What a code migration is handed. `client` is the driver's own client, inside the migration's transaction. */
export interface MigrationContext<Client = unknown> {
  readonly client: Client
  /** Runs SQL on that client and gives the rows, which are what you say they are: `sql<{ id: number }>('select …')`. */
  readonly sql: RunSql
  /** Aborted when the run is cancelled. */
  readonly signal: AbortSignal
  readonly log: Log
}

export interface CodeBody {
  readonly kind: 'code'
  /** The source text, for people and the history. */
  readonly text: string
  /** What it returns is waited for, and is nobody's business. */
  readonly run: (context: MigrationContext) => unknown
  /** False: no transaction of ours around it. */
  readonly transaction?: boolean | undefined
  /** 32 hex digits that change when what this half does may have changed; default: of the text. */
  readonly fingerprint?: string | undefined
  /** What {@link Source.revive} makes a body of again; left out where it cannot. */
  readonly record?: string | undefined
  /** What a person should know before it runs. */
  readonly remarks?: readonly string[] | undefined
  /** Where in the migration's own files an error was thrown. */
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
  /** For messages, as `directory migrations`. */
  readonly name: string
  /**
   * Identifies every migration, lowest version first, without reading bodies.
   * @throws a `MigratestError`: a missing directory, a name that does not fit, two files for one half.
   */
  list(): Promise<readonly Migration[]>
  /** Files that look like migrations and are not ours (`3_x.up.go`), as the last `list()` found them. */
  readonly passedOver?: readonly string[]
  /** One body; null where there is no such half. Each call reads anew. */
  read(migration: Migration, direction: Direction): Promise<MigrationBody | null>
  /** By version, of those that say something. */
  relations?(): Promise<ReadonlyMap<number, Relations>>
  /** The body of code that was recorded, as {@link CodeBody.record}. */
  revive?(record: string, direction: Direction): Promise<MigrationBody | null>
}

/** A few of them by name; undefined where there are none. */
export function passedOverMessage({ passedOver = [] }: Source): string | undefined {
  if (passedOver.length === 0) return undefined
  const more = passedOver.length > 3 ? ` and ${passedOver.length - 3} more` : ''
  return `Not migrations of ours, passed over: ${passedOver.slice(0, 3).join(', ')}${more}`
}
